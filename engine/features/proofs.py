"""The proof that no future reaches a feature: change the future at will, nothing moves by a bit.

A look into the future hides well in SQL and shows only as a model that is too good. So it is not
argued, it is tried: every row that was unknown at the cutoff, and everything that a known row
learnt later, is first removed and then replaced at random; the frames must be identical. Nor may
facts that arrive late, other names of users, another order of rows or the session's time zone
show; and a row that arrives in time must, or these proofs would prove nothing.
"""

from __future__ import annotations

import functools
import hashlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime
from importlib import resources
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from engine.features.available import available
from engine.features.build import build_frame, build_labelled, frame_at
from engine.features.catalogue import available_specs
from engine.features.frame import FeatureFrame, Sequences
from engine.features.messages import Messages
from engine.features.views import without_comments
from engine.timeline import ChurnRule

if TYPE_CHECKING:
    import duckdb


FUTURES = ("future_removed", "future_corrupted", "late_arrivals")
"""Files in `engine/features/futures`: each shadows the loaded tables with another future."""


PROOFS = (*FUTURES, "arrived_in_time", "permuted", "session_time_zone", "training_equals_scoring")
"""In the order in which `prove` tries them."""

OTHER_TIME_ZONE = "Pacific/Apia"
"""Half a day from UTC and with daylight saving in the records: far from any cutoff's midnight."""

NOTHING_MOVED = "nothing_moved"
"""The difference that the control reports: the rows it added changed no frame."""


@dataclass(frozen=True, slots=True)
class Proof:
    """One attempt to make the future show; `differences` names what moved."""

    name: str  # one of `PROOFS`
    differences: tuple[str, ...]

    @property
    def passed(self) -> bool:
        return not self.differences


def prove(
    connection: duckdb.DuckDBPyConnection,
    rule: ChurnRule,
    cutoff: datetime,
    *,
    rng: np.random.Generator,
    progress: Callable[[str, float], None] = lambda name, done: None,
) -> tuple[Proof, ...]:
    """Every proof at one cutoff; the loaded tables are shadowed meanwhile, never changed.

    `progress` is told the name of each of `PROOFS` before it is tried, and the share done.
    """
    truth = _frame(connection, rule, cutoff)
    tries: dict[str, Callable[[], Proof]] = {
        name: functools.partial(_unmoved, connection, rule, cutoff, name, truth, rng)
        for name in FUTURES
    }
    tries["arrived_in_time"] = lambda: prove_control(connection, rule, cutoff, truth, rng=rng)
    tries["permuted"] = lambda: prove_permuted(connection, rule, cutoff, truth, rng=rng)
    tries["session_time_zone"] = lambda: prove_time_zone(connection, rule, cutoff, truth)
    tries["training_equals_scoring"] = lambda: prove_parity(connection, rule, cutoff)
    proofs = []
    for done, name in enumerate(PROOFS):
        progress(name, done / len(PROOFS))
        proofs.append(tries[name]())
    return tuple(proofs)


def prove_past(
    connection: duckdb.DuckDBPyConnection,
    rule: ChurnRule,
    cutoff: datetime,
    futures: Sequence[str],
    *,
    rng: np.random.Generator,
) -> tuple[Proof, ...]:
    """Frames under other futures (names of `FUTURES`) against the frame as loaded."""
    truth = _frame(connection, rule, cutoff)
    return tuple(_unmoved(connection, rule, cutoff, name, truth, rng) for name in futures)


def prove_control(
    connection: duckdb.DuckDBPyConnection,
    rule: ChurnRule,
    cutoff: datetime,
    truth: FeatureFrame,
    *,
    rng: np.random.Generator,
) -> Proof:
    """The rows of `late_arrivals`, known in time: something must move, or they prove nothing."""
    with _another_world(connection, "late_arrivals", cutoff, rng, in_time=True):
        moved = differences(truth, _frame(connection, rule, cutoff))
    return Proof("arrived_in_time", () if moved else (NOTHING_MOVED,))


def prove_permuted(
    connection: duckdb.DuckDBPyConnection,
    rule: ChurnRule,
    cutoff: datetime,
    truth: FeatureFrame,
    *,
    rng: np.random.Generator,
) -> Proof:
    """Users under other names and rows in another order: each user keeps his row, bit for bit."""
    with _another_world(connection, "permuted", cutoff, rng) as salt:
        other = _frame(connection, rule, cutoff)
    renamed = [_digest(user + salt) for user in truth.user_ids]
    back = np.argsort(np.array(renamed, dtype=str), kind="stable")
    expected = replace(truth.take(back), user_ids=np.array(sorted(renamed), dtype=object))
    return Proof("permuted", differences(expected, other))


def prove_time_zone(
    connection: duckdb.DuckDBPyConnection, rule: ChurnRule, cutoff: datetime, truth: FeatureFrame
) -> Proof:
    """The session in another time zone: times are UTC and are never read in the session's own."""
    row = connection.execute("SELECT current_setting('TimeZone')").fetchone()
    assert row is not None  # a setting has a value
    connection.execute(f"SET TimeZone = '{OTHER_TIME_ZONE}'")
    try:
        other = _frame(connection, rule, cutoff)
    finally:
        connection.execute("SET TimeZone = '" + str(row[0]).replace("'", "''") + "'")
    return Proof("session_time_zone", differences(truth, other))


def prove_parity(connection: duckdb.DuckDBPyConnection, rule: ChurnRule, cutoff: datetime) -> Proof:
    """Scoring at a past cutoff against the rows that training sees there."""
    later = cutoff + rule.lead + rule.horizon
    trained = build_labelled(connection, rule, [cutoff, later])[cutoff].frame
    scored = build_frame(connection, rule, cutoff, columns=trained.columns)
    return Proof("training_equals_scoring", differences(trained, scored))


def differences(one: FeatureFrame, other: FeatureFrame) -> tuple[str, ...]:
    """What differs by a single bit: "users", "columns", "segments", "sequence", "messages", or the
    names of columns."""
    if not np.array_equal(one.user_ids, other.user_ids):
        return ("users",)
    if one.columns != other.columns:
        return ("columns",)
    found = []
    if not np.array_equal(one.segments, other.segments):
        found.append("segments")
    same = (one.values.view(np.uint32) == other.values.view(np.uint32)).all(axis=0)
    found += [name for name, equal in zip(one.columns, same, strict=True) if not equal]
    if not _same_sequences(one.sequences, other.sequences):
        found.append("sequence")
    if not _same_messages(one.messages, other.messages):
        found.append("messages")
    return tuple(found)


def _same_messages(one: Messages | None, other: Messages | None) -> bool:
    if one is None or other is None:
        return one is other
    (row, here), (there_row, there) = one.owned(), other.owned()
    return (
        np.array_equal(row, there_row)
        and np.array_equal(one.seen_s[here], other.seen_s[there])
        and one.texts(here) == other.texts(there)
    )


def _same_sequences(one: Sequences, other: Sequences) -> bool:
    """Equal after decoding: a vocabulary may grow with the future, what it says may not."""
    if not np.array_equal(one.stop - one.start, other.stop - other.start):
        return False
    here, there = _positions(one), _positions(other)
    return (
        np.array_equal(
            _decoded(one.kinds, one.kind[here]), _decoded(other.kinds, other.kind[there])
        )
        and np.array_equal(
            _decoded(one.topics, one.topic[here]), _decoded(other.topics, other.topic[there])
        )
        and one.value[here].tobytes() == other.value[there].tobytes()
        and one.occurred_s[here].tobytes() == other.occurred_s[there].tobytes()
    )


def _positions(sequences: Sequences) -> NDArray[np.int64]:
    """Indices into the flat arrays, row after row."""
    lengths = sequences.stop - sequences.start
    before = np.concatenate([[0], np.cumsum(lengths)[:-1]]) if len(lengths) else lengths
    shift: NDArray[np.int64] = np.repeat(sequences.start - before, lengths)
    return shift + np.arange(len(shift), dtype=np.int64)


def _decoded(
    words: tuple[str, ...], codes: NDArray[np.unsignedinteger[Any]]
) -> NDArray[np.object_]:
    decoded: NDArray[np.object_] = np.array(words, dtype=object)[codes]
    return decoded


def _digest(text: str) -> str:
    """What the database's md5 makes of `text`."""
    return hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()


def _frame(
    connection: duckdb.DuckDBPyConnection, rule: ChurnRule, cutoff: datetime
) -> FeatureFrame:
    facts = available(connection)
    return frame_at(connection, rule, cutoff, available_specs(facts), facts)


def _unmoved(
    connection: duckdb.DuckDBPyConnection,
    rule: ChurnRule,
    cutoff: datetime,
    future: str,
    truth: FeatureFrame,
    rng: np.random.Generator,
) -> Proof:
    facts = available(connection)
    specs = available_specs(facts)
    with _another_world(connection, future, cutoff, rng):
        # What the loaded data can fill is asked before: a future may take the last row of a kind.
        return Proof(future, differences(truth, frame_at(connection, rule, cutoff, specs, facts)))


@contextmanager
def _another_world(
    connection: duckdb.DuckDBPyConnection,
    name: str,
    cutoff: datetime,
    rng: np.random.Generator,
    *,
    in_time: bool = False,
) -> Iterator[str]:
    """Temporary tables of the same names stand before the loaded ones for the length of a block.

    Gives the salt that all chance of the file `name` is drawn with.
    """
    salt = str(rng.integers(2**62))
    folder = resources.files("engine.features") / "futures"
    text = without_comments((folder / f"{name}.sql").read_text("utf-8"))
    statements = [statement for statement in text.split(";") if statement.strip()]
    source = connection.execute("SELECT current_database(), current_schema()").fetchone()
    loaded = ".".join(f'"{part}"' for part in source or ())
    tables = []
    try:
        for statement in statements:
            table = statement.split("CREATE TEMP TABLE ")[1].split()[0]
            tables.append(table)
            values = {"cutoff": cutoff, "salt": salt, "in_time": in_time}
            used = {key: value for key, value in values.items() if f"${key}" in statement}
            connection.execute(statement.replace("loaded.", f"{loaded}."), used)
        yield salt
    finally:
        for table in tables:
            connection.execute(f"DROP TABLE IF EXISTS temp.{table}")
