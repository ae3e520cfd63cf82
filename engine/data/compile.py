"""Mapping -> SQL: the one place where statements over a client's columns are put together.

The steps of a table: `typed` (expressions cast to the contract's types; the names of the columns
that failed), `fit` (defaults and made keys, or unfit values blanked), `judged` (a reason, or NULL);
then the kept rows go to the contract's table, the rest to `quarantine` with the source's row.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from engine.data.checks import BLANKING, CHECKS, REASONS
from engine.data.contract import Column, Table
from engine.data.sources import quote

BLANKS = " \t\r\n\u00a0\u3000"
"""Around a value these mean nothing: with them the full-width space of Chinese input methods."""

NESTED = ("STRUCT", "MAP", "JSON", "UNION")


@dataclass(frozen=True, slots=True)
class Expression:
    """A canonical column as the mapping gives it, over the source's columns."""

    column: Column
    sql: str
    type: str  # what `sql` yields, as DuckDB names it
    plain: bool  # a bare column name: evaluating it cannot fail
    translate: Mapping[str, str]


def typed(
    table: Table, source: str, expressions: Mapping[str, Expression], *, utc: bool
) -> tuple[str, dict[str, object]]:
    """SELECT of the contract's columns with `bad_columns` and `source_row`, and its parameters.

    `utc`: the sources' own time zone is UTC. Otherwise the session's zone must be set to it.
    """
    parameters: dict[str, object] = {}
    columns, failures = [], []
    for column in table.columns:
        given = expressions.get(column.name)
        if given is None:
            columns.append(f"CAST(NULL AS {column.type}) AS {column.name}")
            continue
        value, can_fail = _cast(given, parameters, utc=utc)
        if given.plain and not given.translate:
            failed = f"({value}) IS NULL AND ({given.sql}) IS NOT NULL"
            if column.type != "VARCHAR":
                # An empty or blank text is a missing number, not a bad one.
                failed += f" AND {_trim(f'CAST({given.sql} AS VARCHAR)')} <> ''"
        else:
            # TRY gives NULL for an error; a value that really is NULL answers IS NULL with true.
            failed = f"TRY(({value}) IS NULL) IS NULL"
            value = f"TRY({value})"
        columns.append(f"{value} AS {column.name}")
        if can_fail:
            failures.append(f"CASE WHEN {failed} THEN '{column.name}' END")
    bad = f"list_filter([{', '.join(failures)}], lambda c: c IS NOT NULL)" if failures else "[]"
    lines = ",\n  ".join([*columns, f"CAST({bad} AS VARCHAR[]) AS bad_columns"])
    return f"SELECT\n  {lines},\n  rowid AS source_row\nFROM {source}", parameters


def _cast(given: Expression, parameters: dict[str, object], *, utc: bool) -> tuple[str, bool]:
    """SQL of the expression in the contract's type; can evaluating it fail for single rows?"""
    sql, kind = f"({given.sql}\n)", given.type
    if given.translate:
        cases = []
        for number, (theirs, ours) in enumerate(given.translate.items()):
            name = f"{given.column.name}_{number}"
            parameters |= {f"{name}_theirs": theirs, f"{name}_ours": ours}
            cases.append(f"WHEN ${name}_theirs THEN ${name}_ours")
        text = _trim(f"CAST({sql} AS VARCHAR)")
        sql, kind = f"CASE {text} {' '.join(cases)} ELSE {text} END", "VARCHAR"
    wanted = given.column.type
    cast = "TRY_CAST" if given.plain else "CAST"
    if wanted == "VARCHAR":
        nested = kind.startswith(NESTED) or kind.endswith("[]")
        text = f"CAST(to_json({sql}) AS VARCHAR)" if nested else f"CAST({sql} AS VARCHAR)"
        return f"nullif({_trim(text)}, '')", not given.plain
    if kind == "VARCHAR" and not given.plain:
        sql = f"nullif({_trim(sql)}, '')"
    if wanted == "TIMESTAMP":
        naive = (kind.startswith("TIMESTAMP") and "TIME ZONE" not in kind) or kind == "DATE"
        if utc and naive:
            return f"{cast}({sql} AS TIMESTAMP)", not given.plain
        # In the session's zone: naive times get it, texts with an offset keep theirs.
        instant = f"{cast}({sql} AS TIMESTAMP WITH TIME ZONE)"
        return f"timezone('UTC', {instant})", True
    return f"{cast}({sql} AS {wanted})", not given.plain or kind != wanted


def _trim(text: str) -> str:
    return f"trim({text}, '{BLANKS}')"


def blanked(table: Table) -> str:
    """SELECT over `typed`: unfit values of a `BLANKING` table set to NULL, with their reasons."""
    columns = []
    notes = [f"CASE WHEN len({_optional_bad(table)}) > 0 THEN 'blanked_value' END"]
    for column in table.columns:
        checks = [c for c in CHECKS[table.name] if c.column == column.name]
        if not checks or column.name in table.key:
            columns.append(column.name)
            continue
        unfit = " OR ".join(f"coalesce({c.condition}, false)" for c in checks)
        columns.append(f"CASE WHEN {unfit} THEN NULL ELSE {column.name} END AS {column.name}")
        code = "bad_email" if checks[0].reason == "bad_email" else "blanked_value"
        notes.append(f"CASE WHEN {unfit} THEN '{code}' END")
    reasons = f"list_distinct([{', '.join(notes)}])"
    return (
        f"SELECT {', '.join(columns)},\n"
        f"  list_filter(bad_columns, lambda c: c IN ({_keys(table)})) AS bad_columns,\n"
        f"  list_sort({reasons}) AS notes, source_row\nFROM typed"
    )


def _optional_bad(table: Table) -> str:
    return f"list_filter(bad_columns, lambda c: c NOT IN ({_keys(table)}))"


def _keys(table: Table) -> str:
    return ", ".join(f"'{name}'" for name in table.key)


def completed(table: Table, *, given_key: bool) -> str:
    """SELECT over `typed` with the defaults of left-out columns: known_at, made keys.

    A made key is a digest of the row's content, so that loading more rows later does not rename
    the old ones.
    """
    replacements = []
    if table.happened and table.happened != "known_at":
        replacements.append(f"coalesce(known_at, {table.happened}) AS known_at")
    if not given_key:
        (key,) = table.key
        others = ", ".join(f"'{n}': {n}" for n in table.names() if n != key)
        digest = f"left(md5(CAST(to_json({{{others}}}) AS VARCHAR)), 16)"
        replacements.append(f"{digest} AS {key}")
    replace = f" REPLACE ({', '.join(replacements)})" if replacements else ""
    return f"SELECT *{replace} FROM typed"


def judged(table: Table) -> str:
    """SELECT over `fit` with `reason`: the first that applies in the order of `REASONS`."""
    keys = [n for n in ("user_id", *table.key) if n in table.names() and n != "as_of"]
    conditions: dict[str, list[str]] = {code: [] for code in REASONS}
    conditions["missing_key"] = [f"{name} IS NULL" for name in dict.fromkeys(keys)]
    conditions["bad_type"] = ["len(bad_columns) > 0"]
    conditions["missing_value"] = [
        f"{c.name} IS NULL" for c in table.columns if c.required and c.name not in keys
    ]
    if table.has_owner:
        conditions["orphan_user"] = ["user_id NOT IN (SELECT user_id FROM users)"]
    if table.name not in BLANKING:
        for check in CHECKS[table.name]:
            conditions[check.reason].append(check.condition)
    # A key whose cast failed is NULL too: say that the cast failed.
    order = ["bad_type", *(code for code in REASONS if code != "bad_type")]
    cases = "\n".join(
        f"  WHEN {' OR '.join(f'({c})' for c in conditions[code])} THEN '{code}'"
        for code in order
        if conditions[code]
    )
    return f"SELECT *, CASE\n{cases}\n  END AS reason\nFROM fit"


def repeated(table: Table) -> str:
    """SELECT of the rowids of `judged` whose key an earlier row has.

    Earlier by known_at, then by content, so that the order of the source's rows does not matter.
    """
    key = ", ".join(table.key)
    first = ["known_at"] if "known_at" in table.names() else []
    order = ", ".join(dict.fromkeys([*first, *table.names()]))
    return (
        "SELECT row_id FROM (SELECT rowid AS row_id, row_number() OVER "
        f"(PARTITION BY {key} ORDER BY {order}, source_row) AS nth FROM judged "
        f"WHERE reason IS NULL AND hash({key}) IN (SELECT hash({key}) FROM judged "
        f"WHERE reason IS NULL GROUP BY {key} HAVING count(*) > 1)) WHERE nth > 1"
    )


def numbered(table: Table) -> str:
    """UPDATE of `judged`: rows alike in every column are separate facts; number their keys."""
    (key,) = table.key
    return (
        f"UPDATE judged SET {key} = judged.{key} || '#' || nth FROM (SELECT rowid AS row_id, "
        f"row_number() OVER (PARTITION BY {key} ORDER BY source_row) AS nth FROM judged "
        f"WHERE {key} IN (SELECT {key} FROM judged GROUP BY {key} HAVING count(*) > 1)) alike "
        "WHERE judged.rowid = row_id AND nth > 1"
    )


def order(table: Table) -> str:
    """The order in which the rows are stored: by time, so that scans can skip blocks."""
    columns = ([table.happened] if table.happened else []) + list(table.key)
    return ", ".join(dict.fromkeys(columns))


def signed_up() -> str:
    """UPDATE: a user without a sign-up time has joined when the first fact was known."""
    facts = " UNION ALL ".join(
        f"SELECT user_id, known_at FROM {name}"
        for name in ("events", "payments", "subscriptions", "messages")
    )
    return (
        "UPDATE users SET signed_up_at = first_known.known_at FROM "
        f"(SELECT user_id, min(known_at) AS known_at FROM ({facts}) GROUP BY user_id) first_known "
        "WHERE users.user_id = first_known.user_id AND users.signed_up_at IS NULL"
    )


PLAIN = re.compile(r'[^\W\d]\w*|"[^"]+"')


def plain_column(expression: str, columns: Mapping[str, str]) -> str | None:
    """The source's column that `expression` names and nothing else, quoted; None for a formula."""
    text = expression.strip()
    if not PLAIN.fullmatch(text):
        return None
    wanted = text.strip('"').lower()
    found = next((name for name in columns if name.lower() == wanted), None)
    return None if found is None else quote(found)
