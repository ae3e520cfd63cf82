"""Load behaviour data: check every row, keep the fit ones, put the rest aside with a reason.

Two databases beside the workspace's own are at work. In the first the sources are copied and
judged. Before the first expression of the mapping is evaluated there, the connection is cut off
from the file system for good, so that a mapping can read its declared sources and nothing else. The
second is the next behaviour database: empty, or a copy of the present one when rows are added to
it. When it is complete and does not look broken, it takes the place of the present one at one
instant: until then the old data stay, whatever happens.
"""

from __future__ import annotations

import functools
import hashlib
import json
import shutil
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import date, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import duckdb

from engine.data import compile as sql
from engine.data.attributes import keep_notes
from engine.data.checks import REASONS
from engine.data.contract import FACTS, RULE_TABLE, behaviour_sql, contract
from engine.data.digests import content_digest
from engine.data.guard import refuse_broken
from engine.data.mapping import DataMapping, TableMapping, read_mapping
from engine.data.merge import clear, count_rest, forget_users, merge
from engine.data.previous import Previous, daily_rows, read_previous
from engine.data.sources import Reader, Source
from engine.data.table import Judged, judge_table
from engine.errors import DataError
from engine.settings import DataSettings
from engine.store.lease import lease
from engine.store.memory import limit_memory
from engine.store.publish import publish, settle, sole_load
from engine.store.scratch import scratch
from engine.types import LoadReport, TableLoad

Progress = Callable[[str, float], None]

CLOCKS_SINCE = 1995
"""Changes of the clock before this year are not looked for: few data are older."""


@dataclass(frozen=True, slots=True)
class _Load:
    """What one load is about."""

    mapping: DataMapping
    folder: Path  # where the sources lie
    frames: Mapping[str, object]
    now: datetime
    limits: DataSettings | None
    previous: Previous
    started: float
    say: Progress

    @property
    def adds(self) -> bool:
        """Do the present rows of some table stay?"""
        modes = {table.mode for table in self.mapping.tables.values()}
        return self.previous.load_id > 0 and modes != {"replace"}

    @property
    def load_id(self) -> int:
        return self.previous.load_id + 1


def load(
    mapping_path: Path,
    behaviour_db: Path,
    *,
    now: datetime,
    data_dir: Path | None = None,
    frames: Mapping[str, object] | None = None,
    limits: DataSettings | None = None,
    accept: bool = False,
    progress: Progress | None = None,
) -> LoadReport:
    """Load what the mapping names into `behaviour_db`; sources lie in `data_dir`, or beside it.

    `frames` are what the mapping calls `frame:NAME`: pandas, polars, Arrow.
    `now` (naive UTC) bounds the data: later facts are refused. `limits` say what looks broken
    (None: nothing does); `accept`: it is loaded all the same. `progress` gets a stage and the part
    done, in [0, 1].

    Raises `UsageError` for a wrong mapping, `DataError` for data that cannot be used or look
    broken, `DatabaseBusy` when another load is at work, and `StorageError` from the store.
    """
    say = progress or (lambda stage, done: None)
    started = time.perf_counter()
    mapping = read_mapping(mapping_path)
    with sole_load(behaviour_db):
        settle(behaviour_db)
        work = _Load(
            mapping=mapping,
            folder=data_dir or mapping_path.resolve().parent,
            frames=frames or {},
            now=now,
            limits=limits,
            previous=read_previous(behaviour_db),
            started=started,
            say=say,
        )
        _refuse_other_layout(work)
        with (
            scratch(behaviour_db) as judged_db,
            scratch(behaviour_db, "next-") as next_db,
        ):
            judged = _judge(work, judged_db, behaviour_db)
            if work.adds:
                shutil.copyfile(behaviour_db, next_db)
            report = _build(work, judged, judged_db, next_db, accept=accept)
            say("write", 0.98)
            publish(next_db, behaviour_db)
    say("write", 1.0)
    return report


def _judge(work: _Load, judged_db: Path, behaviour_db: Path) -> list[Judged]:
    """Copy the sources into `judged_db` and judge their rows there."""
    mapping = work.mapping
    with lease(judged_db, write=True, transaction=False) as connection:
        limit_memory(connection, work.limits.memory_limit_gb if work.limits else 0)
        sources = _copy_sources(connection, work)
        connection.execute("CREATE TABLE known_users (user_id VARCHAR)")
        connection.execute(
            "CREATE TABLE refused (table_name VARCHAR, reason VARCHAR, row_json VARCHAR)"
        )
        if work.adds and mapping.tables["users"].mode != "replace":
            _copy_users(connection, behaviour_db)
        _cut_off(connection, mapping)
        changes = _clock_changes(mapping.source_timezone, work.now.year)
        judged = []
        for number, table in enumerate(mapping.tables.values()):
            work.say(f"check {table.table}", 0.3 + 0.3 * number / len(mapping.tables))
            judged.append(
                judge_table(
                    connection,
                    mapping,
                    table,
                    source=sources[_source(table, work.folder)],
                    now=work.now,
                    clock_changes=changes,
                )
            )
    return judged


def _build(
    work: _Load, judged: Sequence[Judged], judged_db: Path, next_db: Path, *, accept: bool
) -> LoadReport:
    """Make `next_db` complete; raises when what is in it cannot be used or looks broken."""
    mapping = work.mapping
    attached = {"incoming": judged_db}
    with lease(next_db, write=True, transaction=False, attach=attached) as connection:
        limit_memory(connection, work.limits.memory_limit_gb if work.limits else 0)
        if work.adds:
            connection.execute("CREATE TEMP TABLE users_before AS SELECT user_id FROM users")
            kept = {t.table for t in mapping.tables.values() if t.mode != "replace"}
            clear(connection, [name for name in contract() if name not in kept])
        else:
            connection.execute(behaviour_sql())
        tables = []
        for number, table in enumerate(judged):
            work.say("write", 0.6 + 0.35 * number / len(judged))
            tables.append(merge(connection, table, previous=work.previous, load_id=work.load_id))
            if work.adds and table.table.name == "users":
                forget_users(connection, "users_before")
        _refuse_unusable(mapping, tables)
        connection.execute(sql.signed_up())
        for name in ("attribute_note", "usual_charge", "load_run", "load_history"):
            connection.execute(f"DELETE FROM {name}")
        keep_notes(connection, mapping.attributes)
        count_rest(connection)
        first_at, as_of = _period(connection, RULE_TABLE[mapping.rule.kind], work.now)
        if work.limits and not accept:
            refuse_broken(
                work.limits,
                work.previous,
                tables,
                daily_rows(connection),
                as_of,
                now=work.now,
            )
        report = _record(connection, work, tables, first_at, as_of)
        connection.execute("CHECKPOINT")
    return report


def _record(
    connection: duckdb.DuckDBPyConnection,
    work: _Load,
    tables: Sequence[TableLoad],
    first_at: datetime,
    as_of: datetime,
) -> LoadReport:
    """Write down what this load did, after the earlier ones."""
    mapping = work.mapping
    content = mapping.text + content_digest(connection)
    fingerprint = hashlib.sha256(content.encode()).hexdigest()
    report = LoadReport(
        tuple(tables),
        as_of,
        mapping.path.name,
        round(time.perf_counter() - work.started, 3),
        load_id=work.load_id,
        changed=fingerprint != work.previous.fingerprint,
    )
    about = {
        "loaded_at": work.now,
        "as_of": as_of,
        "mapping": report.mapping,
        "fingerprint": fingerprint,
        "report": json.dumps(asdict(report), default=datetime.isoformat),
    }
    connection.execute(
        "INSERT INTO load_run VALUES ($loaded_at, $as_of, $first_at, $mapping, $fingerprint, "
        "$currency, $timezone, $churn_rule, $report)",
        about
        | {
            "first_at": first_at,
            "currency": mapping.currency,
            "timezone": mapping.timezone,
            "churn_rule": json.dumps(asdict(mapping.rule)),
        },
    )
    for row in work.previous.history:
        connection.execute("INSERT INTO load_history VALUES (?, ?, ?, ?, ?, ?)", list(row))
    connection.execute(
        "INSERT INTO load_history VALUES ($load_id, $loaded_at, $as_of, $mapping, $fingerprint, "
        "$report)",
        about | {"load_id": work.load_id},
    )
    return report


def _refuse_other_layout(work: _Load) -> None:
    if not work.adds:
        return
    changed = work.previous.currency != work.mapping.currency
    if changed or not work.previous.extendable:
        raise DataError(
            "other_layout",
            f"the loaded amounts are in {work.previous.currency}, the mapping says "
            f"{work.mapping.currency}"
            if changed
            else "another version wrote the loaded data: rows cannot be added to them",
            next_step='Load the whole history once with mode = "replace", then add to it',
        )


def _copy_sources(connection: duckdb.DuckDBPyConnection, work: _Load) -> dict[Source, str]:
    """Each declared source once -> relation; a database's tables are read as of one moment."""
    wanted = list(
        dict.fromkeys(_source(table, work.folder) for table in work.mapping.tables.values())
    )
    relations: dict[Source, str] = {}
    with Reader(work.frames) as reader:
        for number, source in enumerate(wanted):
            work.say(f"read {Path(source.name).name}", 0.3 * number / len(wanted))
            relations[source] = f"source_{number}"
            reader.copy(connection, source, relations[source])
    return relations


def _copy_users(connection: duckdb.DuckDBPyConnection, behaviour_db: Path) -> None:
    """Facts of the users who are there already find their owners."""
    literal = str(behaviour_db).replace("'", "''")
    connection.execute(f"ATTACH '{literal}' AS present (READ_ONLY)")
    connection.execute("INSERT INTO known_users SELECT user_id FROM present.users")
    connection.execute("DETACH present")


@functools.cache
def _clock_changes(zone: str, last_year: int) -> tuple[date, ...]:
    """The days from `CLOCKS_SINCE` to `last_year` on which the clock of `zone` was changed."""
    clock = ZoneInfo(zone)

    def offset(day: date) -> timedelta | None:
        return datetime(day.year, day.month, day.day, tzinfo=clock).utcoffset()

    week, one = timedelta(days=7), timedelta(days=1)
    start, changes = date(CLOCKS_SINCE, 1, 1), []
    while start.year <= last_year:
        if offset(start) != offset(start + week):
            days = [start + n * one for n in range(7)]
            changes += [day for day in days if offset(day) != offset(day + one)]
        start += week
    return tuple(changes)


def _source(table: TableMapping, folder: Path) -> Source:
    return Source(folder, table.source, table.source_table, table.encoding)


def _cut_off(connection: duckdb.DuckDBPyConnection, mapping: DataMapping) -> None:
    connection.execute(f"SET TimeZone = '{mapping.source_timezone}'")
    # TRY must keep its expression to itself: a shared one is hoisted out of it and then raises.
    connection.execute("SET disabled_optimizers = 'common_subexpressions'")
    connection.execute("SET enable_external_access = false")
    connection.execute("SET lock_configuration = true")


def _refuse_unusable(mapping: DataMapping, tables: Sequence[TableLoad]) -> None:
    kept = {table.table: table.kept for table in tables}
    if not kept.get("users"):
        raise _unusable("users", tables, "No user, no risk list")
    needed = RULE_TABLE[mapping.rule.kind]
    if not kept.get(needed):
        raise _unusable(needed, tables, f'The churn rule "{mapping.rule.kind}" reads this table')


def _unusable(name: str, tables: Sequence[TableLoad], why: str) -> DataError:
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
