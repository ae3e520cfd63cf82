"""retention.toml: defaults, every field, unknown keys, impossible values."""

from __future__ import annotations

from pathlib import Path

import pytest

from engine.errors import UsageError
from engine.settings import FILE_NAME, Section, Settings, line_of, load_settings, starter_text


def write(folder: Path, text: str) -> Path:
    path = folder / FILE_NAME
    path.write_text(text, "utf-8")
    return path


def test_no_file_and_empty_file_mean_the_defaults(tmp_path: Path) -> None:
    assert load_settings(tmp_path) == Settings()
    write(tmp_path, "")
    assert load_settings(tmp_path) == Settings()


def test_the_starter_file_says_the_defaults(tmp_path: Path) -> None:
    write(tmp_path, starter_text())
    assert load_settings(tmp_path) == Settings()


def test_the_starter_file_shows_and_describes_every_key() -> None:
    lines = starter_text().splitlines()
    for name in Settings.model_fields:
        section: Section = getattr(Settings(), name)
        assert f"[{name}]" in lines
        for key in type(section).model_fields:
            (number,) = [n for n, line in enumerate(lines) if line.startswith(f"{key} = ")]
            comment = lines[number - 1]
            assert comment.startswith("# "), key
            assert len(comment) > 12, key
            assert any("\u4e00" <= letter <= "\u9fff" for letter in comment), key
    assert "None" not in starter_text()


FIELDS = [
    ("workspace", "name", '"n"', "n"),
    ("workspace", "language", '"en"', "en"),
    ("workspace", "mapping", '"m.toml"', "m.toml"),
    ("workspace", "operator", '"ann"', "ann"),
    ("data", "least_day_share", "0.3", 0.3),
    ("data", "most_refused_share", "0.1", 0.1),
    ("data", "most_users_lost_share", "0.05", 0.05),
    ("data", "memory_limit_gb", "1.5", 1.5),
    ("training", "cutoffs", "3", 3),
    ("training", "cutoff_every_days", "30", 30),
    ("training", "test_cutoffs", "1", 1),
    ("training", "max_epochs", "2", 2),
    ("training", "seed", "11", 11),
    ("training", "budget_s", "90", 90.0),
    ("training", "feature_cache_mb", "17", 17),
    ("training", "pretraining", "true", True),
    ("training", "read_messages", "false", False),
    ("training", "threads", "1", 1),
    ("training", "accept_features", '["days_to_expiry"]', ["days_to_expiry"]),
    ("risk", "medium", "0.1", 0.1),
    ("risk", "high", "0.5", 0.5),
    ("risk", "critical", "0.9", 0.9),
    ("risk", "capacity", "0.05", 0.05),
    ("risk", "follow_base_rate", "false", False),
    ("risk", "save_rate", "0.2", 0.2),
    ("risk", "value_horizon_days", "180", 180),
    ("risk", "margin", "0.3", 0.3),
    ("reasons", "least_lowered", "0.8", 0.8),
    ("reasons", "least_complete", "0.9", 0.9),
    ("reasons", "least_in_first_three", "0.5", 0.5),
    ("monitor", "most_group_gap", "0.2", 0.2),
    ("monitor", "smallest_group", "50", 50),
    ("outreach", "holdout", "0.2", 0.2),
    ("outreach", "salt", '"epoch-2"', "epoch-2"),
    ("outreach", "sender_name", '"小美"', "小美"),
    ("outreach", "sender_address", '"a@example.org"', "a@example.org"),
    ("outreach", "postal_address", '"某路 1 号"', "某路 1 号"),
    ("outreach", "region", '"EU"', "EU"),
    ("outreach", "unsubscribe_url", '"https://u.example"', "https://u.example"),
    ("outreach", "unsubscribe_mailto", '"u@example.org"', "u@example.org"),
    ("outreach", "site_url", '"https://s.example"', "https://s.example"),
    ("outreach", "cooldown_days", "0", 0),
    ("outreach", "offer_cooldown_days", "7", 7),
    ("outreach", "outcome_days", "14", 14),
    ("outreach", "not_after_days", "3", 3),
    ("outreach", "max_percent", "12.5", 12.5),
    ("outreach", "contact_cost", "0", 0.0),
    ("smtp", "host", '"mail.example.com"', "mail.example.com"),
    ("smtp", "port", "465", 465),
    ("smtp", "security", '"tls"', "tls"),
    ("smtp", "username", '"care"', "care"),
    ("smtp", "messages_per_minute", "30", 30.0),
    ("smtp", "timeout_s", "10", 10.0),
    ("smtp", "attempts", "5", 5),
    ("smtp", "most_rejected_share", "0.02", 0.02),
]


def test_every_field_is_read_from_the_file(tmp_path: Path) -> None:
    sections: dict[str, list[str]] = {}
    for section, key, written, _ in FIELDS:
        sections.setdefault(section, []).append(f"{key} = {written}")
    write(tmp_path, "\n".join(f"[{s}]\n" + "\n".join(keys) for s, keys in sections.items()))
    settings = load_settings(tmp_path)
    for section, key, _, value in FIELDS:
        assert getattr(getattr(settings, section), key) == value
    named = {(section, key) for section, key, _, _ in FIELDS}
    assert named == {
        (section, key)
        for section in Settings.model_fields
        for key in type(getattr(Settings(), section)).model_fields
    }


def test_an_unknown_key_names_line_and_nearest(tmp_path: Path) -> None:
    path = write(tmp_path, '[workspace]\nname = "x"\n\n[outreach]\nholdut = 0.2\n')
    with pytest.raises(UsageError) as raised:
        load_settings(tmp_path)
    assert raised.value.code == "unknown_key"
    assert raised.value.what == f"{path}, line 5: outreach.holdut is not known"
    assert raised.value.next_step == "Did you mean 'holdout'?"
    assert raised.value.exit_code == 2


def test_an_unknown_section_names_line_and_nearest(tmp_path: Path) -> None:
    path = write(tmp_path, "# settings\n[outreech]\nholdout = 0.2\n")
    with pytest.raises(UsageError) as raised:
        load_settings(tmp_path)
    assert str(raised.value) == (
        f"{path}, line 2: outreech is not known. "
        "The keys here are workspace, data, training, risk, reasons, monitor, outreach, smtp. "
        "Did you mean 'outreach'?"
    )


@pytest.mark.parametrize(
    ("text", "line", "part"),
    [
        ("[risk]\nmedium = 1.5\n", 2, "risk.medium = 1.5"),
        ("[risk]\nmedium = nan\n", 2, "risk.medium = nan"),
        ("[training]\n\ncutoffs = 0\n", 3, "training.cutoffs = 0"),
        ('[training]\nseed = "7"\n', 2, "training.seed = '7'"),
        ("[training]\nseed = 1.5\n", 2, "training.seed = 1.5"),
        ('[workspace]\nlanguage = "fr"\n', 2, "workspace.language = 'fr'"),
        ("[outreach]\ncooldown_days = -1\n", 2, "outreach.cooldown_days = -1"),
        ("workspace = 3\n", 1, "workspace = 3"),
    ],
)
def test_an_impossible_value_names_line_and_value(
    tmp_path: Path, text: str, line: int, part: str
) -> None:
    path = write(tmp_path, text)
    with pytest.raises(UsageError) as raised:
        load_settings(tmp_path)
    assert raised.value.what == f"{path}, line {line}: {part}"
    assert raised.value.why


def test_bands_must_ascend(tmp_path: Path) -> None:
    write(tmp_path, "[risk]\nmedium = 0.5\nhigh = 0.4\n")
    with pytest.raises(UsageError, match=r"line 1: risk\. the bands must ascend: medium 0\.5"):
        load_settings(tmp_path)


def test_broken_toml_names_the_line(tmp_path: Path) -> None:
    write(tmp_path, "[risk]\nmedium = = 3\n")
    with pytest.raises(UsageError, match=r"not valid TOML: .*line 2"):
        load_settings(tmp_path)


def test_a_file_that_is_not_utf8(tmp_path: Path) -> None:
    (tmp_path / FILE_NAME).write_bytes('[workspace]\nname = "会员"\n'.encode("gb18030"))
    with pytest.raises(UsageError, match=r"is not UTF-8 text .*Save it as UTF-8"):
        load_settings(tmp_path)


def test_a_folder_in_place_of_the_file(tmp_path: Path) -> None:
    (tmp_path / FILE_NAME).mkdir()
    with pytest.raises(UsageError, match="cannot be read: Is a directory"):
        load_settings(tmp_path)


def test_line_of_tells_equal_keys_of_two_sections_apart() -> None:
    text = "[a]\nx = 1\n[b]  # second\n'x' = 2\n[c.d]\ny = 1\n"
    assert line_of(text, ["a", "x"]) == 2
    assert line_of(text, ["b", "x"]) == 4
    assert line_of(text, ["c", "d"]) == 5
    assert line_of(text, ["c"]) == 5
    assert line_of(text, ["nowhere"]) == 1
