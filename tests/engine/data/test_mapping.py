"""Mapping files: what they become, and the sentence for each kind of mistake."""

from __future__ import annotations

from pathlib import Path

import pytest

from engine.data.contract import KEYS, contract
from engine.data.mapping import read_mapping
from engine.errors import UsageError
from engine.timeline import ChurnRule

GOOD = """\
[business]
name = "Shop"
pack = "ecommerce"
currency = "EUR"
timezone = "Europe/Berlin"

[churn]
rule = "lapsed"
horizon_days = 30
grace_days = 5

[tables.payments]
source = "p.csv"
where = "amount > 0"
[tables.payments.columns]
amount = "x / 100"
[tables.payments.translate.status]
"OK" = "succeeded"

[tables.users]
source = "u.duckdb"
table = "customers"
"""


def write(folder: Path, text: str) -> Path:
    path = folder / "mapping.toml"
    path.write_text(text, "utf-8")
    return path


def test_a_good_file(tmp_path: Path) -> None:
    mapping = read_mapping(write(tmp_path, GOOD))
    assert mapping.name == "Shop"
    assert mapping.currency == "EUR"
    assert mapping.timezone == "Europe/Berlin"
    assert mapping.source_timezone == "UTC"
    assert mapping.rule == ChurnRule("lapsed", 30, lead_days=0, active_within_days=30, grace_days=5)
    assert list(mapping.tables) == ["users", "payments"]  # users first, as the contract has it
    assert mapping.tables["users"].source_table == "customers"
    payments = mapping.tables["payments"]
    assert payments.where == "amount > 0"
    assert payments.columns == {"amount": "x / 100"}
    assert payments.translate == {"status": {"OK": "succeeded"}}


def test_every_key_of_the_churn_rule_arrives(tmp_path: Path) -> None:
    keys = """\
refunds_undo = false
include_trials = true
include_paused = true
minimum_history_days = 90
minimum_payments = 2
"""
    text = GOOD.replace("grace_days = 5\n", "grace_days = 5\n" + keys)
    assert read_mapping(write(tmp_path, text)).rule == ChurnRule(
        "lapsed",
        30,
        grace_days=5,
        refunds_undo=False,
        include_trials=True,
        include_paused=True,
        minimum_history_days=90,
        minimum_payments=2,
    )
    for rule, key, value in (
        ("inactive", "kinds", ("a", "b")),
        ("no_payment", "statuses", ("failed",)),
    ):
        line = f"{key} = {list(value)}\n"
        text = GOOD.replace('rule = "lapsed"\n', f'rule = "{rule}"\n{line}')
        assert getattr(read_mapping(write(tmp_path, text)).rule, key) == value
        with pytest.raises(
            UsageError, match=f'{key} belongs to the rule "{rule}", not to "lapsed"'
        ):
            read_mapping(
                write(tmp_path, GOOD.replace('rule = "lapsed"\n', 'rule = "lapsed"\n' + line))
            )


@pytest.mark.parametrize(
    ("old", "new", "sentence"),
    [
        ("[business]", "[busines]", r"line 1: busines is not known.*Did you mean 'business'"),
        (
            "horizon_days",
            "horizn_days",
            r"line 9: churn\.horizn_days is not known.*Did you mean 'horizon_days'",
        ),
        (
            "[tables.payments]",
            "[tables.paymnts]",
            r"line 12: tables\.paymnts is not known\. The keys here are users, .*'payments'",
        ),
        ("where =", "were =", r"line 14: tables\.payments\.were is not known.*'where'"),
        (
            "amount = ",
            "amuont = ",
            r"line 16: tables\.payments\.columns\.amuont is not known.*'amount'",
        ),
        (
            "translate.status",
            "translate.statuses",
            r"line 17: tables\.payments\.translate\.statuses is not known.*'status'",
        ),
        ('rule = "lapsed"', 'rule = "lapses"', r"line 8: churn\.rule = 'lapses'.*'lapsed'"),
        ("horizon_days = 30", "horizon_days = 0", r"line 9: churn\.horizon_days = 0.*greater"),
        ('name = "Shop"\n', "", r"business\.name is missing\. Add it to the file"),
        ('"EUR"', '"euro"', r"line 4: business\.currency = 'euro'"),
        (
            '"Europe/Berlin"',
            '"Europe/Berln"',
            r"line 5: business\.timezone = 'Europe/Berln'. no such time zone; did you mean "
            r"'Europe/Berlin'",
        ),
        ("grace_days = 5", "grace_days = 5.5", r"line 10: churn\.grace_days = 5\.5"),
    ],
)
def test_a_mistake_names_line_and_nearest(
    tmp_path: Path, old: str, new: str, sentence: str
) -> None:
    assert old in GOOD
    with pytest.raises(UsageError, match=sentence):
        read_mapping(write(tmp_path, GOOD.replace(old, new, 1)))


def test_a_missing_file_says_how_to_make_one(tmp_path: Path) -> None:
    path = tmp_path / "none.toml"
    with pytest.raises(UsageError) as raised:
        read_mapping(path)
    assert str(raised.value) == (
        f"{path} does not exist. Write one with `retention init DIR --pack NAME`, or give its path."
    )


def test_the_contract_is_that_of_the_sql_file() -> None:
    tables = contract()
    assert tuple(tables) == tuple(KEYS)
    assert tables["events"].names() == (
        "event_id",
        "user_id",
        "occurred_at",
        "known_at",
        "kind",
        "content_id",
        "duration_s",
        "value",
        "device",
    )
    for table in tables.values():
        assert set(table.key) <= set(table.names())
        assert {c.type for c in table.columns} <= {
            "VARCHAR",
            "TIMESTAMP",
            "DOUBLE",
            "INTEGER",
            "BOOLEAN",
        }


def test_an_encoding_is_named_as_python_names_it(tmp_path: Path) -> None:
    said = GOOD.replace('source = "p.csv"', 'source = "p.csv"\nencoding = "GBK"')
    assert read_mapping(write(tmp_path, said)).tables["payments"].encoding == "gbk"
    for wrong in ("klingon", "hex", "a\\u0000"):
        with pytest.raises(UsageError, match="no such encoding; for instance utf-8"):
            read_mapping(write(tmp_path, said.replace("GBK", wrong)))
