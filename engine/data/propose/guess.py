"""Which source is which table of the contract, and which column is which."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from engine.data.propose.describe import Column, Table
from engine.data.propose.vocabulary import COLUMNS, FILES, NEEDED, NUMBERS, TIMES, TRUTHS, USER

SURE = 0.8
"""From this likeness on, a guess needs no second look."""

LIKELY = 0.45
"""Below this likeness a column is not taken."""

BY_FILE_NAME = 1.5
"""Weight of a file's name beside its columns, each of which counts at most 1."""

ORDER = ("outcomes", "users", "subscriptions", "payments", "messages", "contents", "events")
"""The most particular first: almost anything with a time could be an event."""


@dataclass(frozen=True, slots=True)
class ColumnGuess:
    """Their column for one of ours."""

    ours: str
    theirs: Column
    likeness: float  # 0 to 1


@dataclass(frozen=True, slots=True)
class TableGuess:
    """Their source for one of our tables."""

    ours: str
    theirs: Table
    columns: tuple[ColumnGuess, ...]

    def column(self, ours: str) -> Column | None:
        """Their column for our `ours`; None where none was found."""
        return next((guess.theirs for guess in self.columns if guess.ours == ours), None)


def guess(tables: Sequence[Table]) -> tuple[TableGuess, ...]:
    """At most one source for each table of the contract, each source at most once."""
    candidates = []
    for theirs in tables:
        for ours in ORDER:
            columns = match(ours, theirs)
            found = {column.ours for column in columns}
            if not set(NEEDED[ours]) <= found or not _fits(ours, theirs, columns):
                continue
            named = bool(theirs.words & set(FILES[ours].split()))
            likeness = sum(c.likeness for c in columns if c.ours in NEEDED[ours])
            others = sum(c.likeness for c in columns if c.ours not in NEEDED[ours])
            score = likeness / len(NEEDED[ours]) + 0.15 * others + BY_FILE_NAME * named
            candidates.append((score, -ORDER.index(ours), TableGuess(ours, theirs, columns)))
    taken: dict[str, TableGuess] = {}
    used: set[tuple[str, str]] = set()
    for _, _, candidate in sorted(candidates, key=lambda c: c[:2], reverse=True):
        key = (candidate.theirs.source, candidate.theirs.table)
        if candidate.ours not in taken and key not in used:
            taken[candidate.ours] = candidate
            used.add(key)
    return tuple(taken[name] for name in ORDER if name in taken)


def match(ours: str, theirs: Table) -> tuple[ColumnGuess, ...]:
    """Each of our columns with the most alike of theirs, each of theirs at most once."""
    pairs = []
    for place, (name, words) in enumerate(COLUMNS[ours].items()):
        for column in theirs.columns:
            found = alike(column.name, words) * _looks_right(name, column)
            if name == "user_id" and ours == "users" and not column.unique:
                found = 0.0
            if name == "content_id" and ours == "contents" and not column.unique:
                found = 0.0
            if found >= LIKELY:
                pairs.append((found, -place, ColumnGuess(name, column, round(found, 2))))
    chosen: dict[str, ColumnGuess] = {}
    used: set[str] = set()
    for _, _, pair in sorted(pairs, key=lambda p: p[:2], reverse=True):
        if pair.ours not in chosen and pair.theirs.name not in used:
            chosen[pair.ours] = pair
            used.add(pair.theirs.name)
    return tuple(chosen[name] for name in COLUMNS[ours] if name in chosen)


def alike(name: str, words: str) -> float:
    """How much a column's name speaks for one of `words`, from 0 to 1."""
    given = _plain(name)
    parts = set(given.split("_"))
    known = words.split()
    best = 0.0
    for place, word in enumerate(known):
        early = 1 - 0.2 * place / len(known)
        if given == word or given.replace("_", "") == word.replace("_", ""):
            best = max(best, early)
        elif "_" not in word and (word in parts or (not word.isascii() and word in name)):
            best = max(best, 0.6 * early)
    return best


def user_column(table: Table) -> Column | None:
    """The column that says whom a row belongs to; None where no name speaks for one."""
    rated = [(alike(column.name, USER), column) for column in table.columns]
    found = [(score, column) for score, column in rated if score >= LIKELY]
    return max(found, key=lambda pair: pair[0])[1] if found else None


def _plain(name: str) -> str:
    """camelCase and spaces as lower_case."""
    words = re.sub(r"([a-z0-9])([A-Z])", r"\1_\2", name.strip())
    return re.sub(r"[\s\-.]+", "_", words).lower()


def _looks_right(ours: str, column: Column) -> float:
    """1 where the values can be what `ours` asks for; 0 where they cannot."""
    if ours in TIMES:
        return 1.0 if column.look == "time" else 0.0
    if ours in NUMBERS:
        return 1.0 if column.look in ("number", "truth") else 0.0
    if ours in TRUTHS:
        return 1.0 if column.look == "truth" else 0.0
    if column.look in ("time", "empty"):
        return 0.0
    return 1.0


def _fits(ours: str, theirs: Table, columns: Sequence[ColumnGuess]) -> bool:
    """A label belongs to a table of users, one row each; a log has several rows a user."""
    user = next((c.theirs for c in columns if c.ours == "user_id"), None)
    if ours == "outcomes":
        return user is not None and (user.unique or any(c.ours == "as_of" for c in columns))
    return True
