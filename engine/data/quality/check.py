"""The report on what is loaded, from a connection to the behaviour database."""

from __future__ import annotations

from collections.abc import Set
from dataclasses import replace
from itertools import islice

import duckdb

from engine.data.contract import KEYS
from engine.data.quality.figures import Daily, Figures, measure
from engine.data.quality.judge import judge, put_aside, unknown_kinds
from engine.data.quality.report import STATES, QualityCheck, QualityReport, State, TableQuality
from engine.data.quality.rules import VERDICTS
from engine.data.summary import churn_rule, last_report, nothing_loaded, summary
from engine.settings import DataSettings
from engine.types import DataSummary, TableLoad, Words

EXAMPLES = 5
"""Rows of the quarantine that the report shows of each reason."""

SHOWN_KINDS = 50
"""The report names no more: a column of addresses as kind has millions."""


def check(
    connection: duckdb.DuckDBPyConnection,
    *,
    known_kinds: Set[str] = frozenset(),
    limits: DataSettings | None = None,
) -> QualityReport:
    """The report on what is loaded; `DataError` when nothing has been loaded.

    `known_kinds` are the kinds of events that features read by name; `limits` those of a load,
    where the report asks the same question.
    """
    loaded = summary(connection)
    if loaded is None:
        raise nothing_loaded()
    figures = measure(connection, loaded, examples=EXAMPLES)
    tables = last_report(connection).tables
    kinds = frozenset(known_kinds)
    checks = judge(
        figures,
        loaded,
        tables,
        rule=churn_rule(connection),
        known_kinds=kinds,
        limits=limits or DataSettings(),
    )
    verdict = _worst(checks)
    return QualityReport(
        summary=loaded,
        verdict=verdict,
        words=_verdict_words(verdict, checks),
        checks=checks,
        tables=tuple(_tables(loaded, tables, figures)),
        columns=figures.columns,
        quarantined=_by_table(figures),
        quarantine=figures.quarantine,
        unknown_kinds=dict(islice(unknown_kinds(figures, kinds).items(), SHOWN_KINDS)),
    )


def quarantined_rows(
    connection: duckdb.DuckDBPyConnection, table: str, reason: str, count: int
) -> tuple[str, ...]:
    """The first `count` rows of the source that were put aside for `reason`, each as JSON."""
    rows = connection.execute(
        "SELECT row_json FROM quarantine WHERE table_name = $table AND reason = $reason "
        "ORDER BY rowid LIMIT $count",
        {"table": table, "reason": reason, "count": count},
    ).fetchall()
    return tuple(row for (row,) in rows)


def _worst(checks: tuple[QualityCheck, ...]) -> State:
    return min((check.state for check in checks), key=STATES.index)


def _verdict_words(verdict: State, checks: tuple[QualityCheck, ...]) -> Words:
    words, n = VERDICTS[verdict], sum(check.state == verdict for check in checks)
    return Words(words.zh.format(n=n), words.en.format(n=n))


def _by_table(figures: Figures) -> dict[str, dict[str, int]]:
    found: dict[str, dict[str, int]] = {}
    for group in sorted(figures.quarantine, key=lambda group: (group.table, group.reason)):
        found.setdefault(group.table, {})[group.reason] = group.count
    return found


def _tables(
    loaded: DataSummary, tables: tuple[TableLoad, ...], figures: Figures
) -> list[TableQuality]:
    by_name = {table.table: table for table in tables}
    return [
        _table(name, loaded.rows[name], by_name.get(name), figures.daily.get(name))
        for name in KEYS
        if name in by_name or loaded.rows[name]
    ]


def _table(name: str, rows: int, load: TableLoad | None, daily: Daily | None) -> TableQuality:
    refused, noted = put_aside(load) if load else (0, 0)
    counts = TableQuality(name, load.read if load else 0, rows, refused, noted)
    if daily is None:
        return counts
    return replace(
        counts,
        first_day=daily.first_day,
        daily=daily.rows,
        late=daily.late,
        longest_gap_days=daily.longest_gap_days,
        silent_days=daily.silent_days,
    )
