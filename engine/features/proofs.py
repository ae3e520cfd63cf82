"""The proof that no future reaches a feature: change the future at will, nothing moves by a bit.

A look into the future hides well in SQL and shows only as a model that is too good. So it is not
argued, it is tried: every row that was unknown at the cutoff, and everything that a known row
learnt later, is first removed and then replaced at random; the frames must be identical.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from importlib import resources
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from engine.features.available import available
from engine.features.build import build_frame, build_labelled, frame_at
from engine.features.catalogue import available_specs
from engine.features.frame import FeatureFrame, Sequences
from engine.features.views import without_comments
from engine.timeline import ChurnRule

if TYPE_CHECKING:
    import duckdb


FUTURES = ("future_removed", "future_corrupted")
"""Files in `engine/features/futures`: each shadows the loaded tables with another future."""


@dataclass(frozen=True, slots=True)
class Proof:
    """One attempt to make the future show; `differences` names what moved."""

    name: str  # future_removed, future_corrupted, training_equals_scoring
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
) -> tuple[Proof, ...]:
    """Every proof at one cutoff; the loaded tables are shadowed meanwhile, never changed."""
    return (
        *prove_past(connection, rule, cutoff, FUTURES, rng=rng),
        prove_parity(connection, rule, cutoff),
    )


def prove_past(
    connection: duckdb.DuckDBPyConnection,
    rule: ChurnRule,
    cutoff: datetime,
    futures: Sequence[str],
    *,
    rng: np.random.Generator,
) -> tuple[Proof, ...]:
    """Frames under other futures (names of `FUTURES`) against the frame as loaded."""
    facts = available(connection)
    specs = available_specs(facts)

    def frame() -> FeatureFrame:
        return frame_at(connection, rule, cutoff, specs, facts)

    truth = frame()
    proofs = []
    for name in futures:
        with _another_future(connection, name, cutoff, salt=str(rng.integers(2**62))):
            proofs.append(Proof(name, differences(truth, frame())))
    return tuple(proofs)


def prove_parity(connection: duckdb.DuckDBPyConnection, rule: ChurnRule, cutoff: datetime) -> Proof:
    """Scoring at a past cutoff against the rows that training sees there."""
    later = cutoff + rule.lead + rule.horizon
    trained = build_labelled(connection, rule, [cutoff, later])[cutoff].frame
    scored = build_frame(connection, rule, cutoff, columns=trained.columns)
    return Proof("training_equals_scoring", differences(trained, scored))


def differences(one: FeatureFrame, other: FeatureFrame) -> tuple[str, ...]:
    """What differs by a single bit: "users", "columns", "segments", "sequence" or column names."""
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
    return tuple(found)


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


@contextmanager
def _another_future(
    connection: duckdb.DuckDBPyConnection, name: str, cutoff: datetime, *, salt: str
) -> Iterator[None]:
    """Temporary tables of the same names stand before the loaded ones for the length of a block."""
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
            values = {"cutoff": cutoff, "salt": salt}
            used = {key: value for key, value in values.items() if f"${key}" in statement}
            connection.execute(statement.replace("loaded.", f"{loaded}."), used)
        yield
    finally:
        for table in tables:
            connection.execute(f"DROP TABLE IF EXISTS temp.{table}")
