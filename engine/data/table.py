"""Judge the rows of one table of the mapping: fit for the contract's table, or why not."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime

import duckdb

from engine.data import compile as sql
from engine.data.checks import BLANKING
from engine.data.contract import Column, Table, contract
from engine.data.mapping import DataMapping, TableMapping
from engine.data.sources import ragged
from engine.errors import DataError
from engine.settings import nearest
from engine.store.lease import first_line

MAPPING_ERRORS = (
    duckdb.BinderException,
    duckdb.CatalogException,
    duckdb.ConversionException,
    duckdb.InvalidInputException,
    duckdb.InvalidTypeException,
    duckdb.NotImplementedException,
    duckdb.OutOfRangeException,
    duckdb.ParserException,
    duckdb.PermissionException,
    duckdb.SyntaxException,
)
"""What a wrong expression raises; a refusing disk raises others."""

INTEGERS = ("TINYINT", "SMALLINT", "INTEGER", "BIGINT", "HUGEINT")
NUMBERS = (*INTEGERS, *(f"U{name}" for name in INTEGERS), "FLOAT", "DOUBLE")


@dataclass(frozen=True, slots=True)
class Judged:
    """A table of the mapping after its rows were judged, in the scratch database."""

    table: Table
    given: TableMapping
    read: int  # rows of the source, ragged lines included
    refused: Mapping[str, int]  # reason -> rows, notes on kept rows included
    relation: str  # what the quarantine quotes from; `source_row` is its rowid


def judge_table(
    connection: duckdb.DuckDBPyConnection,
    mapping: DataMapping,
    given: TableMapping,
    *,
    source: str,
    now: datetime,
    clock_changes: Sequence[date] = (),
) -> Judged:
    """Bring the relation `source` of the scratch database into the contract's columns; judge it.

    The rows are then in the scratch database's table `compile.staged(table)`, `reason` NULL for
    those that are kept; what was refused or noted is in `refused`, and the users in `known_users`.

    Raises `DataError` when an expression names no column of the source or cannot be evaluated.
    """
    table = contract()[given.table]
    relation, where = source, f" WHERE (\n{given.where}\n)" if given.where else ""
    if given.query:
        _only_select(given.query, f"[tables.{table.name}] query")
        _evaluate(
            connection,
            table,
            f"CREATE OR REPLACE TEMP VIEW source AS SELECT * FROM {source}{where}",
        )
        relation, where = f"{table.name}_query", ""
        _evaluate(connection, table, f"CREATE TABLE {relation} AS\n{given.query}")
    _refuse_reserved(connection, given, relation)
    expressions = _expressions(connection, mapping, given, table, relation)
    select, parameters = sql.typed(
        table,
        relation + where,
        expressions,
        utc=mapping.source_timezone == "UTC",
        clock_changes=clock_changes,
    )
    key_given = all(name in expressions or name == "as_of" for name in table.key)
    if given.mode == "upsert" and not key_given:
        raise DataError(
            "missing_column",
            f"[tables.{table.name}] is to be updated by key and does not say what "
            f"{table.key[0]} is",
            why="A key made from a row's content changes with it",
            next_step=f"Add {table.key[0]} to [tables.{table.name}.columns], or use "
            'mode = "append"',
        )
    step = (
        sql.blanked(table)
        if table.name in BLANKING
        else sql.completed(
            table,
            given_key=key_given,
            rates=mapping.rates,
            has_clock=sql.has_clock(table, expressions, clock_changes),
        )
    )
    statement = (
        f"CREATE TABLE {sql.staged(table)} AS\n"
        f"WITH typed AS (\n{select}\n), fit AS (\n{step}\n)\n{sql.judged(table)}"
    )
    about = {"now": now, "currency": mapping.currency}
    about |= {f"rate_{code}": rate for code, rate in mapping.rates.items()}
    parameters |= {name: value for name, value in about.items() if f"${name}" in statement}
    _evaluate(connection, table, statement, parameters)
    if not key_given:
        connection.execute(sql.numbered(table))
    connection.execute(
        f"UPDATE {sql.staged(table)} SET reason = 'duplicate_key' "
        f"WHERE rowid IN ({sql.repeated(table)})"
    )
    if table.name == "users":
        connection.execute(
            f"INSERT INTO known_users SELECT user_id FROM {sql.staged(table)} WHERE reason IS NULL"
        )
    return _settle(connection, given, table, relation, ragged(source))


def _evaluate(
    connection: duckdb.DuckDBPyConnection,
    table: Table,
    statement: str,
    parameters: Mapping[str, object] | None = None,
) -> None:
    try:
        connection.execute(statement, dict(parameters or {}))
    except MAPPING_ERRORS as error:
        raise DataError(
            "bad_mapping",
            f"[tables.{table.name}] cannot be evaluated: {first_line(error)}",
            next_step="Mend its columns, `where` or `query`; columns of a CSV are text: "
            "CAST or TRY_CAST them",
        ) from error


def _only_select(query: str, where: str) -> None:
    try:
        statements = duckdb.extract_statements(query)
    except duckdb.Error as error:
        raise DataError("bad_mapping", f"{where} is not SQL: {first_line(error)}") from error
    if len(statements) != 1 or statements[0].type != duckdb.StatementType.SELECT:
        raise DataError(
            "bad_mapping",
            f"{where} must be one SELECT",
            next_step="Write SELECT … FROM source …",
        )


def _refuse_reserved(
    connection: duckdb.DuckDBPyConnection, given: TableMapping, relation: str
) -> None:
    """A column called rowid would hide the number by which every source row is accounted for."""
    names = [str(row[0]) for row in connection.execute(f"DESCRIBE {relation}").fetchall()]
    taken = next((name for name in names if name.lower() == "rowid"), None)
    if taken is not None:
        raise DataError(
            "reserved_column",
            f"{given.source} has a column called {taken}, a name that the database keeps",
            next_step=f"Rename it in the export, or add to [tables.{given.table}]: query = "
            "'SELECT rowid AS row_number, * EXCLUDE (rowid) FROM source'",
        )


def _expressions(
    connection: duckdb.DuckDBPyConnection,
    mapping: DataMapping,
    given: TableMapping,
    table: Table,
    relation: str,
) -> dict[str, sql.Expression]:
    """Canonical column -> expression; columns that neither mapping nor source has are left out."""
    there = {row[0]: row[1] for row in connection.execute(f"DESCRIBE {relation}").fetchall()}
    found: dict[str, sql.Expression] = {}
    for column in table.columns:
        text = given.columns.get(column.name, column.name)
        plain = sql.plain_column(text, there)
        translate = given.translate.get(column.name, {})
        if plain is not None:
            kind = there[plain.strip('"').replace('""', '"')]
            _must_fit(given, column, plain, kind)
            found[column.name] = sql.Expression(column, plain, kind, True, translate)
        elif column.name in given.columns:
            kind = _type_of(connection, given, relation, column.name, text, there)
            _must_fit(given, column, text, kind)
            found[column.name] = sql.Expression(column, text, kind, False, translate)
        elif column.name == "currency":
            code = f"'{mapping.currency}'"
            found[column.name] = sql.Expression(column, code, "VARCHAR", False, {})
        elif column.required and not _has_default(table, column.name):
            raise DataError(
                "missing_column",
                f"[tables.{table.name}] does not say what {column.name} is",
                why=f"{given.source} has the columns {', '.join(there)}",
                next_step=f"Add to [tables.{table.name}.columns]: "
                f'{column.name} = "{nearest(column.name, there) or "…"}"',
            )
    return found


def _must_fit(given: TableMapping, column: Column, text: str, kind: str) -> None:
    """Refuse an expression whose type can never become the column's: every row would be unfit."""
    number = kind.startswith("DECIMAL") or kind in NUMBERS
    wrong = {
        "TIMESTAMP": number or kind == "BOOLEAN",
        "BOOLEAN": kind.startswith(("TIME", "DATE")),
        "DOUBLE": kind.startswith(("TIME", "DATE")),
        "INTEGER": kind.startswith(("TIME", "DATE")),
    }
    if wrong.get(column.type, False):
        raise DataError(
            "wrong_type",
            f"[tables.{given.table}.columns] {column.name} = {text!r} is a {kind}",
            why=f"A {column.type} is expected",
            next_step="Convert it; seconds since 1970: to_timestamp(…), milliseconds: "
            "epoch_ms(…), a number like 20260131: strptime(CAST(… AS VARCHAR), '%Y%m%d')"
            if column.type == "TIMESTAMP"
            else "Convert it",
        )


def _has_default(table: Table, column: str) -> bool:
    return (column in table.key and table.makes_key) or column == "known_at"


def _type_of(
    connection: duckdb.DuckDBPyConnection,
    given: TableMapping,
    relation: str,
    column: str,
    text: str,
    there: Mapping[str, str],
) -> str:
    where = f"[tables.{given.table}.columns] {column}"
    statement = f"SELECT (\n{text}\n) AS value FROM {relation}"
    _only_select(statement, where)
    try:
        described = connection.execute(f"DESCRIBE {statement}").fetchall()
    except MAPPING_ERRORS as error:
        near = nearest(text, there)
        raise DataError(
            "missing_column" if "not found in FROM" in str(error) else "bad_mapping",
            f"{where} = {text!r} cannot be evaluated: {first_line(error)}",
            why=f"{given.source} has the columns {', '.join(there)}",
            next_step=f"Did you mean {near!r}?" if near else "Mend the expression",
        ) from error
    if len(described) != 1:
        raise DataError("bad_mapping", f"{where} must be one expression")
    return str(described[0][1])


def _settle(
    connection: duckdb.DuckDBPyConnection,
    given: TableMapping,
    table: Table,
    relation: str,
    ragged_lines: str,
) -> Judged:
    """Put aside what was refused or noted, and count, ragged lines of the file included.

    A line that is no row cannot be judged by `where`: every table of the source counts it.
    """
    judged = sql.staged(table)
    why = f"SELECT source_row, reason FROM {judged} WHERE reason IS NOT NULL"
    columns = {row[0] for row in connection.execute(f"DESCRIBE {judged}").fetchall()}
    if "notes" in columns:
        why += (
            f" UNION ALL SELECT source_row, unnest(notes) FROM {judged} "
            "WHERE reason IS NULL AND notes IS NOT NULL"
        )
    connection.execute(
        "INSERT INTO refused SELECT $table, why.reason, CAST(to_json(theirs) AS VARCHAR) "
        f"FROM ({why}) why JOIN {relation} theirs ON theirs.rowid = why.source_row "
        "ORDER BY why.source_row, why.reason",
        {"table": table.name},
    )
    connection.execute(
        "INSERT INTO refused SELECT $table, 'ragged_line', "
        f"CAST(to_json({{line: line}}) AS VARCHAR) FROM {ragged_lines}",
        {"table": table.name},
    )
    read = connection.execute(f"SELECT count(*) FROM {judged}").fetchone()
    reasons = connection.execute(
        "SELECT reason, count(*) FROM refused WHERE table_name = $table "
        "GROUP BY reason ORDER BY reason",
        {"table": table.name},
    ).fetchall()
    found = dict(reasons)
    rows = int(read[0]) if read else 0
    return Judged(table, given, rows + found.get("ragged_line", 0), found, relation)
