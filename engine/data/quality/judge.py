"""From figures to checks: pure, one function for each theme; what does not apply is left out."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from math import sqrt
from statistics import median
from zoneinfo import ZoneInfo

from engine.data.checks import REASONS
from engine.data.contract import RULE_TABLE
from engine.data.guard import LEAST_EXPECTED, WEEKS
from engine.data.quality import rules
from engine.data.quality.figures import NUMBERS, Daily, Figures
from engine.data.quality.report import QualityCheck
from engine.settings import DataSettings
from engine.timeline import ChurnRule, history
from engine.types import DataSummary, TableLoad, Words

RECENT_DAYS = 7
CHANCE = 3
"""Standard deviations of a count (its square root) within which a day is an ordinary one."""

QUIET_SPAN_H = 6
CLEAR_QUIET = 0.125
"""A night holds under half of what an even day would give its six hours; else there is none."""
FEWEST_EVENTS = 1_000
NIGHT_BEGINS_H = 1
LONG_SILENCE_DAYS = 7
FEWEST_DAYS = 30
"""With rows: a table that is hardly ever written cannot stop."""
NAMED = 3
"""So many names stand in a sentence; the report lists all."""
NOTHING = Words("", "")


def judge(
    figures: Figures,
    loaded: DataSummary,
    tables: Sequence[TableLoad],
    *,
    rule: ChurnRule,
    known_kinds: frozenset[str],
    limits: DataSettings,
) -> tuple[QualityCheck, ...]:
    """Every check that applies to these data, in the order of `rules.RULES`."""
    checks = [
        *_rows(tables, loaded, limits),
        *_facts(figures),
        *_days(figures, loaded, rule),
        *_recent_days(figures, loaded, limits),
        *_users(figures, loaded),
        *_values(figures, loaded),
        *_events(figures, loaded, known_kinds),
    ]
    order = {one.code: place for place, one in enumerate(rules.RULES)}
    return tuple(sorted(checks, key=lambda check: order[check.code]))


def put_aside(table: TableLoad) -> tuple[int, int]:
    """What the last load refused (rows) and noted (of rows that were kept)."""
    counts = [0, 0]
    for reason, count in table.quarantined.items():
        counts[not REASONS[reason].refused] += count
    return counts[0], counts[1]


def _rows(
    tables: Sequence[TableLoad], loaded: DataSummary, limits: DataSettings
) -> Iterable[QualityCheck]:
    read = sum(table.read for table in tables)
    refused = sum(put_aside(table)[0] for table in tables)
    yield rules.REFUSED_ROWS.within(limits.most_refused_share).judge(_share(refused, read), refused)
    owned = [table for table in tables if table.table not in ("users", "contents")]
    payments = [table for table in tables if table.table == "payments"]
    for one, reason, those in (
        (rules.ORPHANS, "orphan_user", owned),
        (rules.DUPLICATE_KEYS, "duplicate_key", tables),
        (rules.OTHER_CURRENCY, "other_currency", payments),
    ):
        if those:
            count = sum(table.quarantined.get(reason, 0) for table in those)
            share = _share(count, sum(table.read for table in those))
            yield one.judge(share, count, currency=loaded.currency)


def _facts(figures: Figures) -> Iterable[QualityCheck]:
    if figures.comparable:
        yield rules.REPEATED_FACTS.judge(
            _share(figures.repeated, figures.comparable),
            figures.repeated,
            sampled=_sampled(figures.user_step),
        )
    if figures.user_days:
        yield rules.LONG_DAYS.judge(
            _share(figures.long_days, figures.user_days),
            figures.long_days,
            sampled=_sampled(figures.user_step),
        )


def _sampled(step: int) -> Words:
    if step == 1:
        return NOTHING
    return Words(f"；每 {step} 位用户取一位", f"; of one user in {step}")


def _days(figures: Figures, loaded: DataSummary, rule: ChurnRule) -> Iterable[QualityCheck]:
    if not figures.daily:
        return
    name = RULE_TABLE[rule.kind]
    own = figures.daily.get(name)
    if own is not None:
        for one, days in (
            (rules.LONGEST_GAP, own.longest_gap_days),
            (rules.SILENT_AT_END, own.silent_days),
        ):
            yield one.judge(days, days, table=name)
        window_days = rule.lead_days + rule.horizon_days + rule.grace_days
        needed = history(rule).days + 4 * window_days + 1  # train, validate, calibrate, test
        have = len(own.rows)
        yield rules.SHORT_HISTORY.judge(max(0, needed - have), have, days=have, needed=needed)
    stopped = [table for table, days in figures.daily.items() if table != name and _stopped(days)]
    yield rules.STOPPED_TABLES.judge(len(stopped), len(stopped), names=_named(stopped))
    facts = sum(sum(days.rows) for days in figures.daily.values())
    late = sum(days.late for days in figures.daily.values())
    yield rules.LATE_FACTS.judge(_share(late, facts), late, delay=_delay(figures.late_hours))


def _recent_days(
    figures: Figures, loaded: DataSummary, limits: DataSettings
) -> Iterable[QualityCheck]:
    """The last days of every table beside the same weekday before."""
    days = [day for table, days in figures.daily.items() for day in _recent(table, days, loaded)]
    if not days:
        return
    poorest = min(days, key=lambda day: day.ratio)
    richest = max(days, key=lambda day: day.ratio)
    fewer = rules.FEWER_ROWS.within(1 - limits.least_day_share)
    for rule, value, day in (
        (fewer, max(0.0, 1 - poorest.ratio), poorest),
        (rules.MORE_ROWS, richest.ratio, richest),
    ):
        told = f"{day.table} {day.day:%Y-%m-%d}, {day.rows:,} / {day.usual:,.0f}"
        yield rule.judge(value, day.rows, day=_after_colon(told))


def _stopped(days: Daily) -> bool:
    lively = sum(rows > 0 for rows in days.rows) >= FEWEST_DAYS
    return lively and days.silent_days > max(LONG_SILENCE_DAYS, 2 * days.longest_gap_days)


@dataclass(frozen=True, slots=True)
class _Day:
    """A day beside the same weekday of the weeks before."""

    table: str
    day: date
    rows: int
    usual: float

    @property
    def ratio(self) -> float:
        """Rows of the usual number; a difference that chance could make is none."""
        by_chance = CHANCE * sqrt(self.usual)
        return self.rows / self.usual if abs(self.rows - self.usual) > by_chance else 1.0


def _recent(table: str, days: Daily, loaded: DataSummary) -> Iterable[_Day]:
    # A day that was not over when the data were loaded has no rows to compare yet.
    whole = len(days.rows) - (loaded.loaded_at < loaded.as_of)
    for place in range(max(7 * WEEKS, whole - RECENT_DAYS), whole):
        before = [days.rows[place - 7 * week] for week in range(1, WEEKS + 1)]
        usual = median(before)
        if usual >= LEAST_EXPECTED:
            yield _Day(table, days.first_day + timedelta(days=place), days.rows[place], usual)


def _delay(late_hours: Sequence[tuple[int, int]]) -> Words:
    """Median and 95th percentile of the delay of late facts, in days."""
    total = sum(facts for _, facts in late_hours)
    if not total:
        return NOTHING
    half, most = (f"{_quantile(late_hours, total * part) / 24:.1f}" for part in (0.5, 0.95))
    return Words(
        f"；晚到时间中位数 {half} 天，95% 在 {most} 天以内",
        f"; half of them by {half} days, 95 % within {most} days",
    )


def _quantile(counts: Sequence[tuple[int, int]], wanted: float) -> int:
    seen = 0
    for value, count in counts:
        seen += count
        if seen >= wanted:
            return value
    return counts[-1][0]


def _users(figures: Figures, loaded: DataSummary) -> Iterable[QualityCheck]:
    counts = figures.users
    if figures.daily:
        yield rules.USERS_WITHOUT_FACTS.judge(
            _share(counts.without_facts, loaded.users), counts.without_facts
        )
    for one, count in (
        (rules.WITHOUT_EMAIL, counts.without_email),
        (rules.WITHOUT_CONSENT, counts.without_consent),
        (rules.SHARING_EMAIL, counts.sharing_email),
        (rules.WITHOUT_SIGN_UP, counts.without_sign_up if figures.daily else None),
    ):
        if count is not None:
            yield one.judge(_share(count, loaded.users), count)


def _values(figures: Figures, loaded: DataSummary) -> Iterable[QualityCheck]:
    numbers = [one for one in figures.columns if one.column in NUMBERS.get(one.table, ())]
    present = sum(loaded.rows[one.table] - one.missing for one in numbers)
    if present:
        count = sum(one.outliers for one in numbers)
        worst = sorted((one for one in numbers if one.outliers), key=lambda one: -one.outliers)
        yield rules.OUTLIERS.judge(
            _share(count, present),
            count,
            names=_named(f"{one.table}.{one.column}" for one in worst),
        )


def unknown_kinds(figures: Figures, known_kinds: frozenset[str]) -> Mapping[str, int]:
    """Kinds of events that no feature reads by name -> events, most frequent first."""
    return {kind: rows for kind, rows in figures.kinds.items() if kind not in known_kinds}


def _events(
    figures: Figures, loaded: DataSummary, known_kinds: frozenset[str]
) -> Iterable[QualityCheck]:
    events = sum(one.rows for one in figures.hours)
    if not events:
        return
    clocked = sum(one.rows - one.on_the_hour for one in figures.hours)
    if clocked >= max(FEWEST_EVENTS, events / 2):
        yield from _quiet(figures, loaded)
    if not known_kinds:
        return
    unknown = unknown_kinds(figures, known_kinds)
    count = sum(unknown.values())
    yield rules.UNKNOWN_KINDS.judge(_share(count, events), count, names=_named(unknown))


def _quiet(figures: Figures, loaded: DataSummary) -> Iterable[QualityCheck]:
    """Where the quietest hours of the day lie, on the business's clock at the end of the data.

    Without a clear night there is nothing to judge.
    """
    by_hour = [0] * 24
    for one in figures.hours:
        by_hour[_local_hour(one.hour, loaded)] += one.rows
    spans = [sum(by_hour[(start + n) % 24] for n in range(QUIET_SPAN_H)) for start in range(24)]
    start = min(range(24), key=lambda hour: (spans[hour], _from_night(hour)))
    share = _share(spans[start], sum(by_hour))
    if share < CLEAR_QUIET:
        yield rules.QUIET_HOURS.judge(
            _from_night(start),
            spans[start],
            zone=loaded.timezone,
            start=start,
            stop=(start + QUIET_SPAN_H) % 24,
            share=f"{share:.1%}",
        )


def _from_night(hour: int) -> int:
    return min((hour - NIGHT_BEGINS_H) % 24, (NIGHT_BEGINS_H - hour) % 24)


def _local_hour(hour: int, loaded: DataSummary) -> int:
    instant: datetime = loaded.as_of.replace(hour=hour, tzinfo=ZoneInfo("UTC"))
    return instant.astimezone(ZoneInfo(loaded.timezone)).hour


def _share(part: float, whole: float) -> float:
    return part / whole if whole else 0.0


def _named(names: Iterable[str]) -> Words:
    """The first names after a colon; nothing for none."""
    listed = list(names)
    if not listed:
        return NOTHING
    return _after_colon(", ".join(listed[:NAMED]) + (" …" if len(listed) > NAMED else ""))


def _after_colon(text: str) -> Words:
    return Words(f"：{text}", f": {text}")
