"""JSON lines: types from all lines, nested values, and lines that are no object."""

from __future__ import annotations

from pathlib import Path

import duckdb
import pytest

from engine.data.sources import Source, copy_source
from engine.errors import DataError


def read(path: Path) -> tuple[dict[str, str], list[tuple[object, ...]], list[str]]:
    with duckdb.connect() as connection:
        copy_source(connection, Source(path.parent, path.name), "here")
        kinds = {row[0]: row[1] for row in connection.execute("DESCRIBE here").fetchall()}
        lines = connection.execute("SELECT line FROM here_ragged").fetchall()
        rows = connection.execute("SELECT * FROM here").fetchall()
        return kinds, rows, [line for (line,) in lines]


def test_columns_are_those_of_all_lines(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_text(
        '{"id": 1, "day": "2026-01-05", "n": {"tier": "gold"}}\n'
        '{"id": 2.5, "it\'s": [1, 2], "n": null}\n\n'
        '{"id": -3, "day": null, "name": "李雷\\n\\"q\\""}\n'
    )
    kinds, rows, lines = read(path)
    assert kinds == {
        "id": "DOUBLE",
        "day": "VARCHAR",
        "n": "STRUCT(tier VARCHAR)",
        "it's": "UBIGINT[]",
        "name": "VARCHAR",
    }
    assert rows == [
        (1.0, "2026-01-05", {"tier": "gold"}, None, None),
        (2.5, None, None, [1, 2], None),
        (-3.0, None, None, None, '李雷\n"q"'),
    ]
    assert lines == []


def test_lines_that_are_no_object_are_ragged(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_bytes('{"id": 1}\n[1]\nno json\n{"id": 2}\n{"id": 3, "na'.encode("utf-16"))
    assert read(path)[1:] == ([(1,), (2,)], ["[1]", "no json", '{"id": 3, "na'])


def test_mixed_types_and_no_object_at_all(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_text('{"id": 1, "x": "a"}\n{"id": "b", "x": {"y": 1}}\n')
    assert read(path)[1] == [("1", "a"), ("b", '{"y":1}')]
    path.write_text("[]\n")
    with pytest.raises(DataError, match="has no line with a JSON object"):
        read(path)
    path.write_text('{"a": 1, "A": 2}\n')
    with pytest.raises(DataError, match="has the column A twice"):
        read(path)
