"""JSON lines: one object a line; a line that is none is ragged."""

from __future__ import annotations

import json

import duckdb

from engine.data.sources import encodings
from engine.data.sources.source import Source, column_names, not_text, quote, ragged
from engine.data.sources.staging import workplace
from engine.errors import DataError
from engine.store.lease import first_line

SUFFIXES = tuple(
    f".{kind}{packed}" for kind in ("jsonl", "ndjson") for packed in ("", ".gz", ".zst")
)
MAX_LINE_BYTES = 16 * 1024 * 1024


def copy_json_lines(
    connection: duckdb.DuckDBPyConnection, source: Source, files: list[str], into: str
) -> None:
    """Copy the objects of the files into the new table `into`: one column for each name they use.

    A column has the type that all of its values have, or is text; nested values keep their shape.
    """
    lines = f"{into}_lines"
    with workplace(connection) as folder:
        readable = []
        for number, file in enumerate(files):
            try:
                script = encodings.recognise(file, source.encoding)
            except UnicodeError as error:
                raise not_text(source, first_line(error)) from error
            copy = folder / f"{number}.txt"
            if not script.plain:
                encodings.to_utf8(file, script, copy)
            readable.append(file if script.plain else str(copy))
        connection.execute(
            # JSON has no such delimiter outside of escapes: each line is one column.
            f"CREATE TABLE {lines} AS SELECT line, "
            "coalesce(TRY(json_type(line)) = 'OBJECT', false) AS fit FROM read_csv($files, "
            "columns = {'line': 'VARCHAR'}, auto_detect = false, header = false, "
            f"delim = chr(1), quote = '', escape = '', max_line_size = {MAX_LINE_BYTES}) "
            "WHERE trim(line) <> ''",
            {"files": readable},
        )
    connection.execute(f"INSERT INTO {ragged(into)} SELECT line FROM {lines} WHERE NOT fit")
    shape = connection.execute(
        f"SELECT CAST(json_group_structure(CAST(line AS JSON)) AS VARCHAR) FROM {lines} WHERE fit"
    ).fetchone()
    if shape is None or shape[0] is None:
        raise DataError(
            "empty_source",
            f"{source.title} has no line with a JSON object",
            next_step="Export the file again: one object a line",
        )
    kinds: dict[str, object] = json.loads(shape[0])
    column_names(source, kinds)
    columns = ", ".join(_column(name, kind) for name, kind in kinds.items())
    connection.execute(
        f"CREATE TABLE {into} AS SELECT {columns} FROM "
        f"(SELECT json_transform(CAST(line AS JSON), $shape) AS row_of FROM {lines} WHERE fit)",
        {"shape": shape[0]},
    )
    connection.execute(f"DROP TABLE {lines}")


def _column(name: str, kind: object) -> str:
    """A column of values of several types is text, without the quotes of JSON."""
    column = f"row_of.{quote(name)}"
    return f"{column} ->> '$' AS {quote(name)}" if kind == "JSON" else column
