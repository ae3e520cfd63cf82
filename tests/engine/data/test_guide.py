"""The guide says what the code does: reasons, contract, rules, and an example that parses."""

from __future__ import annotations

import re
from pathlib import Path

from engine.data.checks import MESSAGE_CHANNELS, PAYMENT_STATUSES, REASONS
from engine.data.contract import RULE_TABLE, contract
from engine.data.mapping import read_mapping

GUIDE = (Path(__file__).parents[3] / "docs" / "guides" / "data.md").read_text("utf-8")


def test_every_reason_is_in_the_table_with_what_becomes_of_the_row() -> None:
    table = re.findall(r"^\| `(\w+)` \| .* \| (refused|kept) \|$", GUIDE, flags=re.MULTILINE)
    assert table == [
        (code, "refused" if reason.refused else "kept") for code, reason in REASONS.items()
    ]


def test_every_column_of_the_contract_is_there_and_marked() -> None:
    for name, table in contract().items():
        (row,) = re.findall(rf"^\| `{name}` \| (.*) \|$", GUIDE, flags=re.MULTILINE)
        for column in table.columns:
            made = column.name in table.key and table.makes_key
            required = column.required and column.name != "known_at" and not made
            mark = "*" if made else "**" if required else ""
            assert re.search(rf"(^|[^*]){re.escape(mark + column.name + mark)}(,|:| \(|$)", row), (
                name,
                column.name,
            )


def test_every_rule_and_word_is_there() -> None:
    for rule, table in RULE_TABLE.items():
        assert re.search(rf"^\| `{rule}` \| .* \| `{table}` \|$", GUIDE, flags=re.MULTILINE)
    for word in (*PAYMENT_STATUSES, *MESSAGE_CHANNELS):
        assert f"`{word}`" in GUIDE


def test_the_example_parses(tmp_path: Path) -> None:
    example = GUIDE.split("```toml\n")[1].split("```")[0]
    path = tmp_path / "mapping.toml"
    path.write_text(example, "utf-8")
    mapping = read_mapping(path)
    assert list(mapping.tables) == ["users", "payments"]
    assert mapping.tables["users"].source_table == "crm.customers"
