"""The proofs on a business's own data: at a cutoff of its own, on a sample of its users."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

import numpy as np

from engine.data.contract import behaviour_sql, contract
from engine.features.labels import eligible
from engine.features.proofs import prove
from engine.timeline import ChurnRule
from engine.types import Words

if TYPE_CHECKING:
    import duckdb

SAMPLE = "proving_sample"


@dataclass(frozen=True, slots=True)
class ProofLine:
    """One proof, said in words."""

    name: str
    words: Words
    passed: bool
    differences: tuple[str, ...]  # columns that moved, "users", "sequence", "messages" …


@dataclass(frozen=True, slots=True)
class ProofReport:
    cutoff: datetime
    users: int  # eligible at the cutoff, among those who were looked at
    drawn: int  # users looked at …
    loaded: int  # … of so many
    passed: bool
    proofs: tuple[ProofLine, ...]


def prove_loaded(
    connection: duckdb.DuckDBPyConnection,
    rule: ChurnRule,
    cutoff: datetime,
    *,
    users: int,
    seed: int,
    progress: Callable[[str, float], None] = lambda name, done: None,
) -> ProofReport:
    """Every proof at `cutoff` on at most `users` users, drawn by a hash of their id and `seed`.

    A user's features are his own and his peers', so what holds for the users drawn, with the peers
    that are among them, holds for all. The connection may be read-only: copies live in memory.
    """
    rng = np.random.default_rng(seed)
    with _sampled(connection, users, salt=str(seed)) as (drawn, loaded):
        found = prove(connection, rule, cutoff, rng=rng, progress=progress)
        speaks_of = len(eligible(connection, rule, cutoff))
    lines = tuple(
        ProofLine(one.name, PROOF_WORDS[one.name], one.passed, one.differences) for one in found
    )
    return ProofReport(cutoff, speaks_of, drawn, loaded, all(line.passed for line in lines), lines)


@contextmanager
def _sampled(
    connection: duckdb.DuckDBPyConnection, users: int, *, salt: str
) -> Iterator[tuple[int, int]]:
    """Users looked at and users loaded; fewer of them stand in a database in memory meanwhile."""
    row = connection.execute("SELECT count(*), current_database() FROM users").fetchone()
    assert row is not None  # a count always gives a row
    loaded, origin = int(row[0]), str(row[1]).replace('"', '""')
    if loaded <= users:
        yield loaded, loaded
        return
    connection.execute(f"ATTACH ':memory:' AS {SAMPLE} (READ_WRITE)")
    try:
        connection.execute(f"USE {SAMPLE}")
        connection.execute(behaviour_sql())
        connection.execute(
            f'INSERT INTO users SELECT * FROM "{origin}".users '
            "ORDER BY md5(user_id || $salt), user_id LIMIT $users",
            {"salt": salt, "users": users},
        )
        for table in contract().values():
            if table.name != "users":
                whose = " WHERE user_id IN (SELECT user_id FROM users)" if table.has_owner else ""
                connection.execute(
                    f'INSERT INTO {table.name} SELECT * FROM "{origin}".{table.name}{whose}'
                )
        yield users, loaded
    finally:
        connection.execute(f'USE "{origin}"')
        connection.execute(f"DETACH {SAMPLE}")


PROOF_WORDS = {
    "future_removed": Words("去掉未来，特征不变", "Nothing moves without the future"),
    "future_corrupted": Words("随机改写未来，特征不变", "Nothing moves with another future"),
    "late_arrivals": Words("旧记录迟到，特征不变", "Nothing moves when old facts come late"),
    "arrived_in_time": Words("对照：及时到达，特征必变", "Control: in time, they move something"),
    "permuted": Words("用户改名、行序打乱，特征不变", "Users renamed, rows shuffled: the same"),
    "session_time_zone": Words("换会话时区，特征不变", "Nothing moves in another time zone"),
    "training_equals_scoring": Words("评分所见即训练所见", "Scoring sees what training saw"),
}
"""What each of `engine.features.proofs.PROOFS` tries, and what must come of it."""
