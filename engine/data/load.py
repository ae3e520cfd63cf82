"""Load behaviour data: check every row, keep the fit ones, put the rest aside with a reason.

The sources are copied into a scratch database beside the workspace's own. Before the first
expression of the mapping is evaluated there, the connection is cut off from the file system for
good, so that a mapping can read its declared sources and nothing else. The result then replaces
the old data in one transaction: until it commits, the old data stay, whatever happens.
"""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict
from datetime import datetime, timedelta
from pathlib import Path

import duckdb

from engine.data import compile as sql
from engine.data.attributes import keep_notes
from engine.data.checks import REASONS
from engine.data.contract import FACTS, RULE_TABLE, behaviour_sql, contract
from engine.data.mapping import DataMapping, TableMapping, read_mapping
from engine.data.sources import Reader, Source
from engine.data.table import load_table
from engine.errors import DataError
from engine.store.lease import lease
from engine.store.scratch import scratch
from engine.types import LoadReport, TableLoad

Progress = Callable[[str, float], None]


def load(
    mapping_path: Path,
    behaviour_db: Path,
    *,
    now: datetime,
    data_dir: Path | None = None,
    frames: Mapping[str, object] | None = None,
    progress: Progress | None = None,
) -> LoadReport:
    """Load what the mapping names into `behaviour_db`; sources lie in `data_dir`, or beside it.

    `frames` are what the mapping calls `frame:NAME`: pandas, polars, Arrow.
    `now` (naive UTC) bounds the data: later facts are refused. `progress` gets a stage and the
    part done, in [0, 1].

    Raises `UsageError` for a wrong mapping, `DataError` for data that cannot be used,
    `DatabaseBusy` and `StorageError` from the store.
    """
    started = time.perf_counter()
    say = progress or (lambda stage, done: None)
    mapping = read_mapping(mapping_path)
    folder = data_dir or mapping_path.resolve().parent
    with scratch(behaviour_db) as file:
        with lease(file, write=True, transaction=False) as connection:
            sources, fingerprint = _copy_sources(connection, mapping, folder, frames or {}, say)
            _cut_off(connection, mapping)
            connection.execute(behaviour_sql())
            tables = tuple(
                load_table(
                    connection,
                    mapping,
                    table,
                    source=sources[_source(table, folder)],
                    now=now,
                )
                for table in _announced(mapping.tables.values(), say)
            )
            _refuse_unusable(mapping, tables)
            connection.execute(sql.signed_up())
            keep_notes(connection, mapping.attributes)
            first_at, as_of = _period(connection, RULE_TABLE[mapping.rule.kind], now)
        say("write", 0.85)
        report = LoadReport(
            tables, as_of, mapping_path.name, round(time.perf_counter() - started, 3)
        )
        with lease(behaviour_db, write=True, attach={"staged": file}) as connection:
            connection.execute(behaviour_sql())
            for name in (*contract(), "attribute_note", "usual_charge", "quarantine"):
                connection.execute(f"INSERT INTO {name} SELECT * FROM staged.{name}")
            connection.execute(
                "INSERT INTO load_run VALUES ($loaded_at, $as_of, $first_at, $mapping, "
                "$fingerprint, $currency, $timezone, $churn_rule, $report)",
                {
                    "loaded_at": now,
                    "as_of": as_of,
                    "first_at": first_at,
                    "mapping": mapping_path.name,
                    "fingerprint": fingerprint,
                    "currency": mapping.currency,
                    "timezone": mapping.timezone,
                    "churn_rule": json.dumps(asdict(mapping.rule)),
                    "report": json.dumps(asdict(report), default=datetime.isoformat),
                },
            )
    say("write", 1.0)
    return report


def _announced(tables: Iterable[TableMapping], say: Progress) -> Iterable[TableMapping]:
    tables = list(tables)
    for number, table in enumerate(tables):
        say(f"check {table.table}", 0.4 + 0.45 * number / len(tables))
        yield table


def _copy_sources(
    connection: duckdb.DuckDBPyConnection,
    mapping: DataMapping,
    folder: Path,
    frames: Mapping[str, object],
    say: Progress,
) -> tuple[dict[Source, str], str]:
    """Each declared source once -> relation, a database's tables as of one moment; the fingerprint.

    The fingerprint covers the mapping and every source's columns, row count and row digests; it
    does not depend on the order of the rows.
    """
    wanted = list(dict.fromkeys(_source(table, folder) for table in mapping.tables.values()))
    relations: dict[Source, str] = {}
    digest = hashlib.sha256(mapping.text.encode())
    with Reader(frames) as reader:
        for number, source in enumerate(wanted):
            say(f"read {Path(source.name).name}", 0.4 * number / len(wanted))
            relation = f"source_{number}"
            reader.copy(connection, source, relation)
            relations[source] = relation
            described = connection.execute(f"DESCRIBE {relation}").fetchall()
            content = connection.execute(
                f"SELECT count(*), CAST(sum(CAST(hash(r) AS HUGEINT)) AS VARCHAR) FROM {relation} r"
            ).fetchone()
            digest.update(
                repr((source.name, source.table, [row[:2] for row in described], content)).encode()
            )
    return relations, digest.hexdigest()


def _source(table: TableMapping, folder: Path) -> Source:
    return Source(folder, table.source, table.source_table, table.encoding)


def _cut_off(connection: duckdb.DuckDBPyConnection, mapping: DataMapping) -> None:
    connection.execute(f"SET TimeZone = '{mapping.source_timezone}'")
    # TRY must keep its expression to itself: a shared one is hoisted out of it and then raises.
    connection.execute("SET disabled_optimizers = 'common_subexpressions'")
    connection.execute("SET enable_external_access = false")
    connection.execute("SET lock_configuration = true")


def _refuse_unusable(mapping: DataMapping, tables: tuple[TableLoad, ...]) -> None:
    kept = {table.table: table.kept for table in tables}
    if not kept.get("users"):
        raise _unusable("users", tables, "No user, no risk list")
    needed = RULE_TABLE[mapping.rule.kind]
    if not kept.get(needed):
        raise _unusable(needed, tables, f'The churn rule "{mapping.rule.kind}" reads this table')


def _unusable(name: str, tables: tuple[TableLoad, ...], why: str) -> DataError:
    found = next((table for table in tables if table.table == name), None)
    if found is None:
        what = f"the mapping has no [tables.{name}]"
    elif found.read == 0:
        what = f"the source of {name} has no rows"
    else:
        worst = max(found.quarantined, key=lambda code: found.quarantined[code])
        what = (
            f"none of the {found.read} rows of {name} could be kept; the most frequent reason is "
            f"{worst}: {REASONS[worst].words.en} ({found.quarantined[worst]} rows)"
        )
    return DataError(
        "no_rows", what, why=why, next_step="The old data are untouched; mend the mapping"
    )


def _period(
    connection: duckdb.DuckDBPyConnection, rule_table: str, now: datetime
) -> tuple[datetime, datetime]:
    """When the rule's first fact happened, and the first midnight after the last one was known.

    Only the rule's own table can say where history begins: before it, everybody looks gone.
    """
    known = " UNION ALL ".join(f"SELECT known_at FROM {name}" for name in FACTS)
    happened = FACTS.get(rule_table, "as_of")
    row = connection.execute(
        f"SELECT (SELECT min({happened}) FROM {rule_table}), "
        f"(SELECT max(known_at) FROM ({known} UNION ALL SELECT as_of FROM outcomes))"
    ).fetchone()
    first, last = row or (None, None)
    last = last or now  # rows without a time axis are as of the moment of loading
    midnight = datetime(last.year, last.month, last.day) + timedelta(days=1)
    return first or last, midnight
