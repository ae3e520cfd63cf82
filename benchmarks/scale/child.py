"""One measurement in a process of its own: `python -m benchmarks.scale.child JOB DATABASE LIMIT`.

A job of `benchmarks.scale.steps` gets its folder in the place of DuckDB's memory limit.

It prints one JSON object: CPU and wall seconds of the work alone (imports and checks are outside),
the peak resident memory of the process in MB, and what the work found.
"""

from __future__ import annotations

import hashlib
import json
import os
import resource
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.scale import peers, steps
from benchmarks.scale.world import CUTOFF, RULE

if TYPE_CHECKING:
    import duckdb

THREADS = 2
CHUNK_ROWS = 32_768

Finding = Callable[[], dict[str, Any]]
"""What is said of a result once the clock has stopped."""


def main(arguments: list[str]) -> int:
    """Run the job that is named and print what it took."""
    job, database, memory_limit = arguments[0], Path(arguments[1]), arguments[2]
    with tempfile.TemporaryDirectory(dir=database.parent) as spill:
        if job in peers.JOBS:
            work = peers.JOBS[job](database)
        elif job in steps.JOBS:
            work = steps.JOBS[job](database, Path(memory_limit))
        else:
            work = _with_database(job, database, memory_limit, spill)
        cpu, wall = _cpu_s(), time.perf_counter()
        finding = work()
        taken = {
            "cpu_s": _cpu_s() - cpu,
            "wall_s": time.perf_counter() - wall,
            "peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
        }
        print(json.dumps({**taken, **finding()}))
    return 0


def _with_database(
    job: str, database: Path, memory_limit: str, spill: str
) -> Callable[[], Finding]:
    import duckdb

    config: dict[str, str | bool | int | float | list[str]] = {
        "threads": THREADS,
        "temp_directory": spill,
    }
    if memory_limit:
        config["memory_limit"] = memory_limit
    connection = duckdb.connect(str(database), read_only=True, config=config)
    _warm(connection)
    return lambda: _JOBS[job](connection)


def _warm(connection: duckdb.DuckDBPyConnection) -> None:
    """The file into the system's cache, so that no job pays for the disk."""
    row = connection.execute("SELECT path FROM duckdb_databases() WHERE NOT internal").fetchone()
    with open(row[0] if row else os.devnull, "rb") as file:
        while file.read(1 << 24):
            pass


def _group_by(connection: duckdb.DuckDBPyConnection) -> Finding:
    """The yardstick: one grouping of the events by user."""
    found = connection.execute(
        "SELECT count(*), sum(n) FROM "
        "(SELECT user_id, count(*) AS n FROM events GROUP BY user_id) AS counted"
    ).fetchone()
    assert found is not None
    return lambda: {"users": int(found[0]), "events": int(found[1])}


def _features(connection: duckdb.DuckDBPyConnection) -> Finding:
    """All features into the frame that scoring and training use."""
    from engine.features.build import build_frame

    frame = build_frame(connection, RULE, CUTOFF, sequences=False, messages=False)
    return lambda: {
        "users": len(frame),
        "columns": len(frame.columns),
        "digest": hashlib.sha256(np.ascontiguousarray(frame.values).data).hexdigest(),
    }


def _features_in_chunks(connection: duckdb.DuckDBPyConnection) -> Finding:
    """All features, let go chunk by chunk: what is left is the memory of the query."""
    from engine.features.available import available
    from engine.features.catalogue import available_specs
    from engine.features.compile import feature_query
    from engine.features.labels import eligible_sql, parameters
    from engine.features.run import feature_chunks

    facts = available(connection)
    specs = available_specs(facts)
    query = feature_query(specs, facts, population=eligible_sql(RULE))
    values = parameters(query.text(), RULE, CUTOFF)
    digest, users = hashlib.sha256(), 0
    for chunk in feature_chunks(connection, query, values, rows=CHUNK_ROWS):
        rows = np.empty((len(chunk["user_id"]), len(specs)), dtype=np.float32)
        for place, spec in enumerate(specs):
            rows[:, place] = chunk[spec.name]
        digest.update(rows.data)
        users += len(rows)
    return lambda: {"users": users, "columns": len(specs), "digest": digest.hexdigest()}


def _events_part(connection: duckdb.DuckDBPyConnection) -> Finding:
    """The columns that the peers compute as well."""
    from engine.features.build import build_frame

    frame = build_frame(
        connection, RULE, CUTOFF, columns=peers.COLUMNS, sequences=False, messages=False
    )
    return lambda: {
        "users": len(frame),
        "columns": len(frame.columns),
        "checksums": peers.checksums(frame.values),
    }


def _sequences(connection: duckdb.DuckDBPyConnection) -> Finding:
    """The last 128 events of every user."""
    from engine.features.sequences import pull_activity

    users: NDArray[np.object_] = np.asarray(
        connection.execute("SELECT user_id FROM users ORDER BY user_id").fetchnumpy()["user_id"],
        dtype=object,
    )
    stream = pull_activity(connection, [CUTOFF], users)
    last = stream.until(CUTOFF, users)
    return lambda: {"users": len(users), "kept": int((last.stop - last.start).sum())}


_JOBS: dict[str, Callable[[duckdb.DuckDBPyConnection], Finding]] = {
    "group_by": _group_by,
    "features": _features,
    "features_in_chunks": _features_in_chunks,
    "events_part": _events_part,
    "sequences": _sequences,
}


def _cpu_s() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
