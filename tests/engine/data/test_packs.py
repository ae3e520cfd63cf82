"""Starters: every pack parses, says its rule, and makes a workspace that nothing overwrites."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from engine.data.mapping import read_mapping
from engine.data.packs import init_workspace, pack_names, pack_text
from engine.errors import UsageError
from engine.settings import Settings, load_settings

PACKS = ("ecommerce", "education", "finance", "paid-content", "telecom")


def test_the_five_packs_are_there() -> None:
    assert pack_names() == PACKS


@pytest.mark.parametrize("pack", PACKS)
def test_a_workspace_of_each_pack_parses(tmp_path: Path, pack: str) -> None:
    settings, mapping = init_workspace(tmp_path / "new" / "shop", pack)
    assert load_settings(settings.parent) == Settings()
    read = read_mapping(mapping)
    assert read.pack == pack
    assert read.path == mapping
    assert "users" in read.tables
    needed = {"inactive": "events", "no_payment": "payments", "lapsed": "subscriptions"}
    assert needed[read.rule.kind] in read.tables
    # The sector's usual rhythm, not one number for all.
    assert 14 <= read.rule.horizon_days <= 90
    assert {path.name for path in settings.parent.iterdir()} == {
        "retention.toml",
        "mapping.toml",
        "models",
        "outbox",
        "exports",
        "reports",
        "logs",
    }


TOML_LINE = re.compile(r"\[tables[\w.]*\]|\w+ = (\"|')")


@pytest.mark.parametrize("pack", PACKS)
def test_what_is_commented_out_parses_too(tmp_path: Path, pack: str) -> None:
    lines = pack_text(pack).splitlines()
    offered = [line for line in lines if line.startswith("# ") and TOML_LINE.match(line[2:])]
    if "# [tables.users]" in offered:  # a second way of having users
        start = lines.index("[tables.users]")
        taken = lines[:start] + lines[lines.index("", start) :]
    else:
        taken = lines
    text = "\n".join(line[2:] if line in offered else line for line in taken)
    path = tmp_path / "mapping.toml"
    path.write_text(text, "utf-8")
    assert len(read_mapping(path).tables) >= 3


def test_an_unknown_pack_names_the_nearest() -> None:
    with pytest.raises(UsageError) as raised:
        pack_text("paid_content")
    assert str(raised.value) == (
        "there is no pack 'paid_content'. "
        "The packs are ecommerce, education, finance, paid-content, telecom. "
        "Did you mean 'paid-content'?"
    )


def test_a_workspace_is_never_overwritten(tmp_path: Path) -> None:
    init_workspace(tmp_path, "ecommerce")
    (tmp_path / "mapping.toml").write_text("mine")
    with pytest.raises(UsageError) as raised:
        init_workspace(tmp_path, "finance")
    assert str(raised.value) == (
        f"{tmp_path} is a workspace already: it has retention.toml, mapping.toml. "
        "Name another folder, or go on with this one by `retention load`."
    )
    assert (tmp_path / "mapping.toml").read_text() == "mine"


def test_a_folder_of_data_files_may_become_a_workspace(tmp_path: Path) -> None:
    (tmp_path / "users.csv").write_text("user_id\n")
    init_workspace(tmp_path, "ecommerce")
    assert (tmp_path / "users.csv").read_text() == "user_id\n"


def test_a_file_is_no_folder(tmp_path: Path) -> None:
    (tmp_path / "x").write_text("")
    with pytest.raises(UsageError, match=r"x is a file\. A workspace is a folder"):
        init_workspace(tmp_path / "x", "ecommerce")
