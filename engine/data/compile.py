"""Mapping -> SQL: the one place where statements over a client's columns are put together.

The steps of a table: `typed` (expressions cast to the contract's types; what failed), `fit`
(defaults and made keys, or unfit values blanked), `judged` (a reason, or NULL).
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date

from engine.data.checks import (
    BLANKING,
    CUT_CHARACTERS,
    FREE_TEXTS,
    LATEST,
    MAX_TEXT_BYTES,
    REASONS,
    checks_of,
)
from engine.data.contract import Column, Table
from engine.data.sources import quote

BLANKS = " \t\r\n\u00a0\u3000"
"""Around a value these mean nothing: with them the full-width space of Chinese input methods."""

NOTHING = "\0"
"""A character that means nothing anywhere in a text."""

NESTED = ("STRUCT", "MAP", "JSON", "UNION")

OFFSET = r":\d\d(\.\d+)?\s*(Z|[+-]\d\d(:?\d\d)?)$"
"""How a text ends that says its own time zone."""


@dataclass(frozen=True, slots=True)
class Expression:
    """A canonical column as the mapping gives it, over the source's columns."""

    column: Column
    sql: str
    type: str  # what `sql` yields, as DuckDB names it
    plain: bool  # a bare column name: evaluating it cannot fail
    translate: Mapping[str, str]

    @property
    def naive(self) -> bool:
        """Is it a moment without a time zone?"""
        without = self.type.startswith("TIMESTAMP") and "TIME ZONE" not in self.type
        return without or self.type == "DATE"


def typed(
    table: Table,
    source: str,
    expressions: Mapping[str, Expression],
    *,
    utc: bool,
    clock_changes: Sequence[date] = (),
) -> tuple[str, dict[str, object]]:
    """SELECT of the contract's columns, what failed, and `source_row`; and its parameters.

    `bad_key`: a key could not be cast; `bad_value`: another column. `clock`: the moment of the fact
    is a local time that does not exist or occurs twice. `utc`: the sources' own time zone is UTC.
    Otherwise the session's zone must be set to it; its clock changes on the days `clock_changes`.
    """
    parameters: dict[str, object] = {}
    columns: list[str] = []
    failures: dict[bool, list[str]] = {True: [], False: []}
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
                blank = f"{_trim(f'CAST({given.sql} AS VARCHAR)')} = ''"
                failed = f"CASE WHEN {failed} THEN NOT ({blank}) ELSE FALSE END"
        else:
            # TRY gives NULL for an error; a value that really is NULL answers IS NULL with true.
            failed = f"TRY(({value}) IS NULL) IS NULL"
            value = f"TRY({value})"
        columns.append(f"{value} AS {column.name}")
        if can_fail:
            failures[column.name in table.key].append(f"({failed})")
    for name, of_key in (("bad_key", True), ("bad_value", False)):
        columns.append(f"{' OR '.join(failures[of_key]) or 'FALSE'} AS {name}")
    happened = expressions.get(table.happened or "")
    if happened is not None and clock_changes:
        parameters["clock_changes"] = list(clock_changes)
        columns.append(f"{_clock(happened)} AS clock")
    lines = ",\n  ".join(columns)
    return f"SELECT\n  {lines},\n  rowid AS source_row\nFROM {source}", parameters


def has_clock(table: Table, expressions: Mapping[str, Expression], changes: Sequence[date]) -> bool:
    """Does `typed` give the column `clock`?"""
    return bool(changes) and (table.happened or "") in expressions


def _clock(given: Expression) -> str:
    if given.naive:
        local = f"CAST(({given.sql}\n) AS TIMESTAMP)"
    elif given.type == "VARCHAR":
        text = f"({given.sql}\n)"
        local = (
            f"CASE WHEN NOT regexp_matches({text}, '{OFFSET}') THEN CAST({text} AS TIMESTAMP) END"
        )
    else:
        return "CAST(NULL AS VARCHAR)"
    instant = f"CAST({local} AS TIMESTAMP WITH TIME ZONE)"
    return (
        f"TRY(CASE WHEN NOT list_contains($clock_changes, CAST({local} AS DATE)) THEN NULL "
        f"WHEN CAST({instant} AS TIMESTAMP) <> {local} THEN 'clock_gap' "
        f"WHEN CAST({instant} - INTERVAL 1 HOUR AS TIMESTAMP) = {local} THEN 'clock_overlap' END)"
    )


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
        if kind == "VARCHAR" and given.plain and not given.translate:
            return f"nullif({_trim(given.sql, column=True)}, '')", False
        text = f"CAST(to_json({sql}) AS VARCHAR)" if nested else f"CAST({sql} AS VARCHAR)"
        return f"nullif({_trim(text)}, '')", not given.plain
    if kind == "VARCHAR" and not given.plain:
        sql = f"nullif({_trim(sql)}, '')"
    if wanted == "TIMESTAMP":
        if utc and given.naive and not given.translate:
            return f"{cast}({sql} AS TIMESTAMP)", not given.plain
        # In the session's zone: naive times get it, texts with an offset keep theirs.
        instant = f"{cast}({sql} AS TIMESTAMP WITH TIME ZONE)"
        return f"timezone('UTC', {instant})", True
    return f"{cast}({sql} AS {wanted})", not given.plain or kind != wanted


def _trim(text: str, *, column: bool = False) -> str:
    """SQL of `text` without blanks around it.

    Trimming is slow, looking for a blank is not; but a formula would be worked out each time.
    """
    if not column:
        return f"trim(replace({text}, chr({ord(NOTHING)}), ''), '{BLANKS}')"
    blank = " OR ".join(f"contains({text}, chr({ord(c)}))" for c in BLANKS + NOTHING)
    return f"CASE WHEN {blank} THEN {_trim(text)} ELSE {text} END"


def blanked(table: Table) -> str:
    """SELECT over `typed`: unfit values of a `BLANKING` table set to NULL, with their reasons."""
    columns = []
    notes = ["CASE WHEN bad_value THEN 'blanked_value' END"]
    for column in table.columns:
        cut = column.name in FREE_TEXTS.get(table.name, ())
        checks = [c for c in checks_of(table) if c.column == column.name]
        if cut:
            columns.append(_cut(column.name))
            notes.append(_cut_note(column.name))
        elif not checks or column.name in table.key:
            columns.append(column.name)
        else:
            unfit = " OR ".join(f"coalesce({c.condition}, false)" for c in checks)
            columns.append(f"CASE WHEN {unfit} THEN NULL ELSE {column.name} END AS {column.name}")
            code = "bad_email" if checks[0].reason == "bad_email" else "blanked_value"
            notes.append(f"CASE WHEN {unfit} THEN '{code}' END")
    return (
        f"SELECT {', '.join(columns)},\n  bad_key, FALSE AS bad_value, {_notes(notes)}, "
        "source_row\nFROM typed"
    )


def completed(table: Table, *, given_key: bool, rates: Mapping[str, float], has_clock: bool) -> str:
    """SELECT over `typed` with the defaults of left-out columns: known_at, made keys.

    A made key is a digest of the row's content, so that loading more rows later does not rename
    the old ones. `known_given`: the row itself says when it was known. Amounts in a currency of
    `rates` become the business's own ($currency), at $rate_CODE each.
    """
    replacements = []
    extra = []
    if table.happened:
        replacements.append(f"coalesce(known_at, {table.happened}) AS known_at")
        extra.append("known_at IS NOT NULL AS known_given")
    if not given_key:
        (key,) = table.key
        others = ", ".join(f"'{n}': {n}" for n in table.names() if n != key)
        digest = f"left(md5(CAST(to_json({{{others}}}) AS VARCHAR)), 16)"
        replacements.append(f"{digest} AS {key}")
    if "currency" in table.names():
        replacements += _converted(rates)
    if "ends_at" in table.names():
        replacements.append(f"CASE WHEN ends_at < {LATEST} THEN ends_at END AS ends_at")
    free = FREE_TEXTS.get(table.name, ())
    replacements += [_cut(name) for name in free]
    notes = [_cut_note(name) for name in free] + (["clock"] if has_clock else [])
    if notes:
        extra.append(_notes(notes))
    exclude = "* EXCLUDE (clock)" if has_clock else "*"
    replace = f" REPLACE ({', '.join(replacements)})" if replacements else ""
    return f"SELECT {', '.join([exclude + replace, *extra])} FROM typed"


def _converted(rates: Mapping[str, float]) -> list[str]:
    code = "upper(currency)"
    if not rates:
        return [f"coalesce({code}, $currency) AS currency"]
    names = ", ".join(f"'{name}'" for name in rates)
    cases = " ".join(f"WHEN '{name}' THEN amount * $rate_{name}" for name in rates)
    return [
        f"CASE {code} {cases} ELSE amount END AS amount",
        f"CASE WHEN {code} IN ({names}) THEN $currency ELSE coalesce({code}, $currency) END "
        "AS currency",
    ]


def _cut(column: str) -> str:
    return (
        f"CASE WHEN strlen({column}) > {MAX_TEXT_BYTES} THEN left({column}, {CUT_CHARACTERS}) "
        f"ELSE {column} END AS {column}"
    )


def _cut_note(column: str) -> str:
    return f"CASE WHEN strlen({column}) > {MAX_TEXT_BYTES} THEN 'text_cut' END"


def _notes(notes: Sequence[str]) -> str:
    """SQL of the distinct notes of a row, NULL where there is none: most rows have none."""
    some = " OR ".join(f"({note}) IS NOT NULL" for note in notes)
    listed = f"list_sort(list_distinct([{', '.join(notes)}]))"
    return f"CASE WHEN {some} THEN list_filter({listed}, lambda c: c IS NOT NULL) END AS notes"


def judged(table: Table) -> str:
    """SELECT over `fit` with `reason`: the first that applies in the order of `REASONS`.

    Users are looked up in `known_users`.
    """
    keys = [n for n in ("user_id", *table.key) if n in table.names() and n != "as_of"]
    conditions: dict[str, list[str]] = {code: [] for code in REASONS}
    conditions["missing_key"] = [f"{name} IS NULL" for name in dict.fromkeys(keys)]
    conditions["bad_type"] = ["bad_key", "bad_value"]
    conditions["missing_value"] = [
        f"{c.name} IS NULL" for c in table.columns if c.required and c.name not in keys
    ]
    if table.has_owner:
        conditions["orphan_user"] = ["user_id NOT IN (SELECT user_id FROM known_users)"]
    for check in checks_of(table):
        if table.name not in BLANKING or check.column in table.key:
            conditions[check.reason].append(check.condition)
    # A key whose cast failed is NULL too: say that the cast failed.
    order = ["bad_type", *(code for code in REASONS if code != "bad_type")]
    cases = "\n".join(
        f"  WHEN {' OR '.join(f'({c})' for c in conditions[code])} THEN '{code}'"
        for code in order
        if conditions[code]
    )
    return f"SELECT * EXCLUDE (bad_key, bad_value), CASE\n{cases}\n  END AS reason\nFROM fit"


def repeated(table: Table) -> str:
    """SELECT of the rowids of `judged` whose key an earlier row has.

    Earlier by known_at, then by content, so that the order of the source's rows does not matter.
    """
    key = ", ".join(table.key)
    first = ["known_at"] if "known_at" in table.names() else []
    order = ", ".join(dict.fromkeys([*first, *table.names()]))
    return (
        "SELECT row_id FROM (SELECT rowid AS row_id, row_number() OVER "
        f"(PARTITION BY {key} ORDER BY {order}, source_row) AS nth FROM {staged(table)} "
        f"WHERE reason IS NULL AND hash({key}) IN (SELECT hash({key}) FROM {staged(table)} "
        f"WHERE reason IS NULL GROUP BY hash({key}) HAVING count(*) > 1)) WHERE nth > 1"
    )


def numbered(table: Table) -> str:
    """UPDATE of `judged`: rows alike in every column are separate facts; number their keys."""
    (key,) = table.key
    name = staged(table)
    return (
        f"UPDATE {name} SET {key} = {name}.{key} || '#' || nth FROM (SELECT rowid AS row_id, "
        f"row_number() OVER (PARTITION BY {key} ORDER BY source_row) AS nth FROM {name} "
        f"WHERE {key} IN (SELECT {key} FROM {name} GROUP BY {key} HAVING count(*) > 1)) alike "
        f"WHERE {name}.rowid = row_id AND nth > 1"
    )


def staged(table: Table) -> str:
    """The scratch database's table of the judged rows."""
    return f"judged_{table.name}"


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
