"""The proposal: guesses written down as a commented mapping, for a person to correct."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from engine.data.propose.churn import churn_lines
from engine.data.propose.describe import Column, Table, describe, globs
from engine.data.propose.guess import LIKELY, SURE, TableGuess, alike, guess, user_column
from engine.data.propose.static import sensitive_lines, static_lines, static_table
from engine.data.propose.toml import remark, source_lines, text
from engine.data.propose.vocabulary import COLUMNS, ENDED, KINDS, STATUSES
from engine.data.sources import FILES, Reader, Source, quote
from engine.errors import DataError
from engine.store.lease import lease
from engine.store.scratch import scratch

MOST_WORDS = 40
"""A column with more different values than this holds no words to translate."""

CHECK = "请核对 please check"


@dataclass(frozen=True, slots=True)
class ProposedTable:
    """One table of the contract, and where it seems to come from."""

    table: str
    source: str
    rows: int
    columns: tuple[str, ...]  # "ours = theirs", the unsure ones with a question mark


@dataclass(frozen=True, slots=True)
class Proposal:
    """A mapping to edit."""

    text: str  # TOML
    tables: tuple[ProposedTable, ...]
    unused: tuple[str, ...]  # sources that stand for no table


def propose(folder: Path) -> Proposal:
    """Look at every source file in `folder` and guess the mapping that loads them.

    Only names, types and a sample of values are looked at. Raises `DataError` when the folder has
    nothing to read, or nothing that names a user.
    """
    sources = _sources(folder)
    if not sources:
        raise DataError(
            "no_sources",
            f"{folder} has no file that could be a source",
            why=f"Looked for names that end in {', '.join(FILES)}",
            next_step="Copy your exports there, or name the folder by --data-dir",
        )
    tables: list[Table] = []
    with (
        scratch(folder / "proposal.duckdb") as file,
        lease(file, write=True, transaction=False) as connection,
        Reader() as reader,
    ):
        for source in sources:
            for single in reader.tables(connection, source):
                tables.append(describe(connection, single, f"source_{len(tables)}"))
    whole = static_table(tables)
    if whole is not None:
        return _static(folder, whole, tables)
    guesses = guess(tables)
    if not any(found.column("user_id") for found in guesses):
        raise DataError(
            "nothing_recognised",
            f"No file in {folder} looks like a table of users, events, payments or subscriptions",
            why="No column's name speaks for a user",
            next_step="Start from a pack: `retention init DIR --pack NAME`, and edit its mapping",
        )
    return _with_time(folder, guesses, tables)


def _sources(folder: Path) -> tuple[Source, ...]:
    names = [
        path.name
        for path in sorted(folder.iterdir())
        if path.is_file() and path.name.endswith(FILES) and not path.name.startswith(".")
    ]
    ours = {"behaviour.duckdb", "ledger.duckdb"}
    return tuple(Source(folder, name) for name in globs([n for n in names if n not in ours]))


def _with_time(folder: Path, guesses: Sequence[TableGuess], tables: Sequence[Table]) -> Proposal:
    by_table = {found.ours: found for found in guesses}
    lines = [*_head(folder, guesses), *churn_lines(by_table)]
    if "users" not in by_table:
        lines += _users_from(guesses)
    for found in sorted(guesses, key=lambda g: list(COLUMNS).index(g.ours)):
        lines += _table_lines(found)
    used = {(found.theirs.source, found.theirs.table) for found in guesses}
    unused = tuple(t.source for t in tables if (t.source, t.table) not in used)
    if unused:
        lines += ["", f"# 未使用的文件 files that are not used: {', '.join(map(remark, unused))}"]
    return Proposal(
        "\n".join(lines) + "\n",
        tuple(
            ProposedTable(
                found.ours,
                found.theirs.source,
                found.theirs.rows,
                tuple(
                    f"{column.ours} = {column.theirs.name}"
                    + ("" if column.likeness >= SURE else " ?")
                    for column in found.columns
                ),
            )
            for found in guesses
        ),
        unused,
    )


def _static(folder: Path, whole: Table, tables: Sequence[Table]) -> Proposal:
    lines = [*_head(folder, ()), *static_lines(whole)]
    unused = tuple(t.source for t in tables if t is not whole)
    names = tuple(column.name for column in whole.columns)
    return Proposal(
        "\n".join(lines) + "\n",
        (ProposedTable("users", whole.source, whole.rows, names),),
        unused,
    )


def _head(folder: Path, guesses: Sequence[TableGuess]) -> list[str]:
    words = " ".join(c.theirs.name for g in guesses for c in g.columns) + " ".join(
        value for g in guesses for c in g.columns for value in c.theirs.examples[:5]
    )
    chinese = any("\u4e00" <= letter <= "\u9fff" for letter in words)
    zone = "Asia/Shanghai" if chinese else "UTC"
    currency = "CNY" if chinese else "USD"
    return [
        "# 由列名与类型猜出的映射：请逐行核对，再运行 retention load。",
        "# A mapping guessed from names and types: check each line, then run retention load.",
        "",
        "[business]",
        f"name = {text(folder.resolve().name)}",
        f'currency = "{currency}"  # {CHECK}',
        f'timezone = "{zone}"  # {CHECK}',
        f'source_timezone = "{zone}"  # 表中不带时区的时间 of times that carry no offset',
        "",
    ]


def _users_from(guesses: Sequence[TableGuess]) -> list[str]:
    """Users derived from the facts: there is no table of them."""
    found = next(g for g in guesses if g.column("user_id") is not None)
    user = user_column(found.theirs) or found.column("user_id")
    assert user is not None  # `found` was chosen for having one
    return [
        "",
        "# 没有用户表：由记录得出。There is no table of users: they are derived from the records.",
        "[tables.users]",
        *source_lines(found.theirs),
        f"query = {text(f'SELECT DISTINCT {quote(user.name)} AS user_id FROM source')}",
    ]


def _table_lines(found: TableGuess) -> list[str]:
    columns = []
    for column in found.columns:
        expression = _expression(column.ours, column.theirs)
        if column.ours == column.theirs.name and expression == quote(column.theirs.name):
            continue  # a column of the same name needs no line
        note = "" if column.likeness >= SURE else f"  # {CHECK}"
        columns.append(f"{column.ours} = {text(_bare(expression))}{note}")
    columns += _made_columns(found)
    lines = ["", f"[tables.{found.ours}]", *source_lines(found.theirs)]
    if columns:
        lines += [f"[tables.{found.ours}.columns]", *columns]
    left = _left(found)
    if left:
        lines.append(f"# 未使用的列 columns not used: {', '.join(remark(c.name) for c in left)}")
    for ours, meanings in (("status", STATUSES), ("kind", KINDS)):
        words = found.column(ours)
        if words is not None and found.ours in ("payments", "events"):
            lines += _translation(found.ours, ours, words, meanings)
    if found.ours == "users":
        lines += sensitive_lines(found.theirs, source_lines(found.theirs), found.column("user_id"))
    return lines


def _made_columns(found: TableGuess) -> list[str]:
    """Columns that no column of theirs stands for, but that the rest tells."""
    if found.ours == "messages":
        return ["channel = \"'ticket'\"  # ticket, review, comment, survey"]
    amount, started = found.column("amount"), found.column("occurred_at")
    if found.ours == "payments" and amount is not None and found.column("status") is None:
        status = "'succeeded'"
        if amount.negative:
            below = f"CAST({amount.expression} AS DOUBLE) < 0"
            status = f"CASE WHEN {below} THEN 'refunded' ELSE 'succeeded' END"
        return [f"status = {text(status)}  # {CHECK}"]
    if found.ours == "events" and found.column("duration_s") is None and started is not None:
        stopped = next((c for c in _left(found) if c.look == "time" and alike(c.name, ENDED)), None)
        if stopped is not None and stopped.type.startswith("TIMESTAMP"):
            lasts = f"epoch({quote(stopped.name)} - {quote(started.name)})"
            return [f"duration_s = {text(lasts)}  # {CHECK}"]
    return []


def _left(found: TableGuess) -> list[Column]:
    """Their columns that stand for none of ours."""
    used = {guess.theirs.name for guess in found.columns}
    return [column for column in found.theirs.columns if column.name not in used]


def _translation(table: str, column: str, words: Column, meanings: Mapping[str, str]) -> list[str]:
    """Their words for ours; those without a meaning here are left as comments to fill in."""
    if words.distinct > MOST_WORDS:
        return []
    known, unknown = [], []
    for word in words.examples:
        rated = [(alike(word, f"{ours} {others}"), ours) for ours, others in meanings.items()]
        score, ours = max(rated)
        if word in meanings:
            continue
        if score >= LIKELY:
            known.append(f"{text(word)} = {text(ours)}")
        else:
            unknown.append(f'# {text(word)} = "…"')
    if not known and not unknown:
        return []
    return [
        f"# 引擎认识的说法 the words that the engine knows: {', '.join(meanings)}",
        f"[tables.{table}.translate.{column}]",
        *known,
        *unknown,
    ]


def _expression(ours: str, theirs: Column) -> str:
    sql = theirs.expression
    if ours == "amount":
        if theirs.negative:
            sql = f"abs(CAST({sql} AS DOUBLE))"
        if any(part in theirs.name.lower() for part in ("fen", "cent", "分")):
            sql = f"CAST({sql} AS DOUBLE) / 100"
    return sql


def _bare(expression: str) -> str:
    """A quoted plain name without its quotes: shorter to read in the file."""
    inner = expression[1:-1]
    plain = expression.startswith('"') and inner.isidentifier() and inner.isascii()
    return inner if plain and '"' not in inner else expression
