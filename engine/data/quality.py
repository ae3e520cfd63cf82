"""How good are the loaded data: what was put aside, gaps, lateness, missing and shared values."""

from __future__ import annotations

from dataclasses import dataclass
from importlib import resources

import duckdb

from engine.data.checks import REASONS
from engine.data.contract import RULE_TABLE
from engine.data.summary import churn_rule, last_report, summary
from engine.errors import DataError
from engine.timeline import ChurnRule, history
from engine.types import DataSummary, QualityCheck, QualityReport, Words

MAX_REFUSED = 0.02  # share of the rows read
MAX_LATE = 0.10  # share of the facts
MAX_GAP_DAYS = 7
MAX_SILENT_AT_END_DAYS = 2
MAX_SHARE_OF_USERS = 0.5  # without facts, without an address
MAX_SHARING_EMAIL = 0.01  # share of the users


@dataclass(frozen=True, slots=True)
class Figures:
    """The row of `quality.sql`."""

    users: int
    facts: int
    longest_gap_days: int  # days in a row without any fact, between the first and the last
    silent_at_end_days: int  # between the last fact and the end of the data
    history_days: int
    late: int  # known more than a day after they happened
    users_without_facts: int
    without_email: int
    without_consent: int
    sharing_email: int
    without_sign_up: int
    other_currency: int


def check(connection: duckdb.DuckDBPyConnection) -> QualityReport:
    """The report on what is loaded; `DataError` when nothing has been loaded."""
    loaded = summary(connection)
    if loaded is None:
        raise DataError(
            "nothing_loaded",
            "no behaviour data are loaded",
            next_step="Run `retention load` first",
        )
    rule = churn_rule(connection)
    query = (resources.files("engine.data") / "quality.sql").read_text("utf-8")
    row = connection.execute(
        query,
        {
            "as_of": loaded.as_of,
            "currency": loaded.currency,
            "rule_table": RULE_TABLE[rule.kind],
        },
    ).fetchone()
    assert row is not None  # the query has no FROM: it always gives one row
    figures = Figures(*(int(value) for value in row))
    quarantined: dict[str, dict[str, int]] = {}
    for table, reason, count in connection.execute(
        "SELECT table_name, reason, count(*) FROM quarantine GROUP BY ALL ORDER BY ALL"
    ).fetchall():
        quarantined.setdefault(table, {})[reason] = count
    read = sum(table.read for table in last_report(connection).tables)
    refused = sum(
        count
        for reasons in quarantined.values()
        for reason, count in reasons.items()
        if REASONS[reason].refused
    )
    checks = (
        _refused(refused, read),
        *_time(figures, rule),
        *_users(figures, loaded),
    )
    return QualityReport(loaded, checks, quarantined)


def _refused(refused: int, read: int) -> QualityCheck:
    share = refused / read if read else 0.0
    return QualityCheck(
        "refused_rows",
        Words(
            f"{refused} 行未通过检查，占读入的 {share:.1%}（上限 {MAX_REFUSED:.0%}）",
            f"{refused} rows did not pass, {share:.1%} of those read (limit {MAX_REFUSED:.0%})",
        ),
        share <= MAX_REFUSED,
        refused,
    )


def _time(figures: Figures, rule: ChurnRule) -> tuple[QualityCheck, ...]:
    late = figures.late / figures.facts if figures.facts else 0.0
    window_days = rule.lead_days + rule.horizon_days + rule.grace_days
    needed = history(rule).days + 4 * window_days + 1  # train, validate, calibrate, test
    return (
        QualityCheck(
            "longest_gap",
            Words(
                f"最长连续 {figures.longest_gap_days} 天完全没有数据（上限 {MAX_GAP_DAYS} 天）",
                f"The longest gap without any fact is {figures.longest_gap_days} days "
                f"(limit {MAX_GAP_DAYS})",
            ),
            figures.longest_gap_days <= MAX_GAP_DAYS,
            figures.longest_gap_days,
        ),
        QualityCheck(
            "silent_at_end",
            Words(
                f"数据截止前有 {figures.silent_at_end_days} 天没有行为"
                f"（上限 {MAX_SILENT_AT_END_DAYS} 天）",
                f"The last {figures.silent_at_end_days} days before the end of the data are "
                f"empty (limit {MAX_SILENT_AT_END_DAYS})",
            ),
            figures.silent_at_end_days <= MAX_SILENT_AT_END_DAYS,
            figures.silent_at_end_days,
        ),
        QualityCheck(
            "late_facts",
            Words(
                f"{figures.late} 条记录晚到一天以上，占 {late:.1%}（上限 {MAX_LATE:.0%}）",
                f"{figures.late} facts were known over a day late, {late:.1%} "
                f"(limit {MAX_LATE:.0%})",
            ),
            late <= MAX_LATE,
            figures.late,
        ),
        QualityCheck(
            "history",
            Words(
                f"数据覆盖 {figures.history_days} 天；流失规则至少需要 {needed} 天",
                f"The data cover {figures.history_days} days; the churn rule needs {needed}",
            ),
            rule.kind == "label" or figures.history_days >= needed,
            figures.history_days,
        ),
    )


def _users(figures: Figures, loaded: DataSummary) -> tuple[QualityCheck, ...]:
    def share(
        code: str, zh: str, en: str, count: int, limit: float, whole: int = figures.users
    ) -> QualityCheck:
        part = count / whole if whole else 0.0
        return QualityCheck(
            code,
            Words(
                f"{count} {zh}，占 {part:.1%}（上限 {limit:.0%}）",
                f"{count} {en}, {part:.1%} (limit {limit:.0%})",
            ),
            part <= limit,
            count,
        )

    half = MAX_SHARE_OF_USERS
    return (
        share(
            "users_without_facts",
            "位用户没有任何行为记录",
            "users have no fact at all",
            figures.users_without_facts,
            half,
        ),
        share(
            "without_email",
            "位用户没有可用邮箱",
            "users have no usable address",
            figures.without_email,
            half,
        ),
        share(
            "without_consent",
            "位用户的营销同意情况未知",
            "users have not said whether they consent to marketing",
            figures.without_consent,
            half,
        ),
        share(
            "sharing_email",
            "位用户与他人共用邮箱",
            "users share an address with another",
            figures.sharing_email,
            MAX_SHARING_EMAIL,
        ),
        share(
            "without_sign_up",
            "位用户没有注册时间，也没有任何记录",
            "users have neither a sign-up time nor a fact",
            figures.without_sign_up,
            half,
        ),
        share(
            "other_currency",
            f"笔付款的币种不是 {loaded.currency}",
            f"payments are not in {loaded.currency}",
            figures.other_currency,
            0.0,
            loaded.rows["payments"],
        ),
    )
