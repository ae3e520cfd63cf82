"""Value that is paid for but not taken: completion, progress, unused terms and purchases."""

from __future__ import annotations

from engine.features.spec import (
    DAY_S,
    KINDS,
    FeatureSpec,
    days_since,
    one_of,
    ratio,
    summed,
    words,
)
from engine.types import Words

_GROUP = "unused_value"
_CONTENTS = ("events:finished", "events:content")


def _touched(days: int) -> str:
    return f"last_age_s <= {days * DAY_S}"


def _completion(days: int) -> FeatureSpec:
    return FeatureSpec(
        f"completion_share_{days}d",
        _GROUP,
        "touched_contents",
        ratio(
            f"count(*) FILTER (WHERE finished_age_s <= {days * DAY_S})",
            f"count(*) FILTER (WHERE {_touched(days)})",
        ),
        "share",
        -1,
        True,
        Words(f"近{days}天内容完成率", f"completion in {days} days"),
        words(
            f"近 {days} 天打开的内容里学完的占比：{{value}}",
            f"Items opened in the last {days} days that were finished: {{value}}",
        ),
        _CONTENTS,
    )


def _finished(days: int) -> FeatureSpec:
    return FeatureSpec(
        f"finished_{days}d",
        _GROUP,
        "event_days",
        summed("finished", days),
        "count",
        -1,
        True,
        Words(f"近{days}天学完次数", f"lessons finished in {days} days"),
        words(
            f"最近 {days} 天学完的课时数：{{value}}",
            f"Lessons finished in the last {days} days: {{value}}",
        ),
        ("events:finished",),
        absent=0,
    )


def _progress(days: int) -> FeatureSpec:
    return FeatureSpec(
        f"progress_{days}d",
        _GROUP,
        "event_days",
        ratio(ratio(summed("progress_u", days), summed("progress_events", days)), 1000),
        "share",
        -1,
        True,
        Words(f"近{days}天平均学习进度", f"average progress in {days} days"),
        words(
            f"最近 {days} 天每次学习平均完成 {{value}}",
            f"How far items were followed in the last {days} days: {{value}}",
        ),
        ("events:progress",),
    )


SPECS: tuple[FeatureSpec, ...] = (
    FeatureSpec(
        "completion_share",
        _GROUP,
        "touched_contents",
        ratio("count(finished_age_s)", "count(*)"),
        "share",
        -1,
        True,
        Words("内容完成率", "completion"),
        words("打开过的内容里学完的占比：{value}", "Opened items that were finished: {value}"),
        _CONTENTS,
    ),
    _completion(28),
    _completion(90),
    FeatureSpec(
        "unfinished_90d",
        _GROUP,
        "touched_contents",
        f"count(*) FILTER (WHERE {_touched(90)} AND finished_age_s IS NULL)",
        "count",
        1,
        True,
        Words("近90天未学完内容数", "unfinished items in 90 days"),
        words(
            "近 90 天打开却没学完的内容数：{value}",
            "Items opened in the last 90 days and not finished: {value}",
        ),
        _CONTENTS,
        absent=0,
    ),
    FeatureSpec(
        "left_off_90d",
        _GROUP,
        "touched_contents",
        f"count(*) FILTER (WHERE finished_age_s IS NULL AND last_age_s > {28 * DAY_S} "
        f"AND {_touched(90)})",
        "count",
        1,
        True,
        Words("近90天中断的内容数", "items left off in 90 days"),
        words(
            "近 90 天里学到一半、四周以上没再打开的内容数：{value}",
            "Items left half-way for four weeks or more (of 90 days): {value}",
        ),
        _CONTENTS,
        absent=0,
    ),
    _finished(28),
    _finished(90),
    FeatureSpec(
        "finished_trend",
        _GROUP,
        "user",
        ratio("finished_28d * 90", "finished_90d * 28"),
        "ratio",
        -1,
        True,
        Words("学完次数变化", "trend of lessons finished"),
        words(
            "最近 28 天学完的课时数是近 90 天水平的 {value}",
            "Lessons finished in the last 28 days against the last 90: {value}",
        ),
        ("events:finished",),
        trend=False,
    ),
    FeatureSpec(
        "finished_share_28d",
        _GROUP,
        "user",
        ratio("finished_28d", "learning_28d"),
        "share",
        -1,
        True,
        Words("近28天学习中学完的占比", "share of learning that finished a lesson in 28 days"),
        words(
            "最近 28 天的学习里学完课时的占比：{value}",
            "Learning in the last 28 days that finished a lesson: {value}",
        ),
        ("events:finished",),
    ),
    _progress(28),
    _progress(90),
    FeatureSpec(
        "progress_trend",
        _GROUP,
        "user",
        ratio("progress_28d", "progress_90d"),
        "ratio",
        -1,
        True,
        Words("学习进度变化", "trend of progress"),
        words(
            "最近 28 天每次学习的完成度是近 90 天的 {value}",
            "How far items were followed, the last 28 days against 90: {value}",
        ),
        ("events:progress",),
        trend=False,
    ),
    FeatureSpec(
        "days_since_finished",
        _GROUP,
        "known_events",
        days_since(f"min(age_s) FILTER (WHERE {one_of('kind', KINDS['finished'])})"),
        "days",
        1,
        True,
        Words("距上次学完天数", "days since last finished lesson"),
        words("已 {value} 没有学完任何内容", "Nothing finished for {value}"),
        ("events:finished",),
    ),
    FeatureSpec(
        "term_unused_share",
        _GROUP,
        "days_of_term",
        f"CAST(1 AS DOUBLE) - {ratio('count(day)', 'max(term_days)')}",
        "share",
        1,
        True,
        Words("本期会员未使用天数占比", "unused share of the term"),
        words(
            "本期会员里没有使用的天数占比：{value}",
            "Days of this term without any use: {value}",
        ),
        ("subscriptions", "events"),
    ),
    FeatureSpec(
        "spend_per_active_day_90d",
        _GROUP,
        "user",
        ratio("paid_90d", "(active_days_90d + 1)"),
        "money",
        1,
        True,
        Words("每活跃天花费", "spend per active day"),
        words(
            "近 90 天每个活跃日摊到的花费：{value}",
            "Spend per active day over the last 90 days: {value}",
        ),
        ("payments", "events"),
    ),
    FeatureSpec(
        "spend_per_hour_90d",
        _GROUP,
        "user",
        ratio("(paid_90d * CAST(60 AS DOUBLE))", "(minutes_90d + CAST(60 AS DOUBLE))"),
        "money",
        1,
        True,
        Words("每小时使用花费", "spend per hour of use"),
        words(
            "近 90 天每小时使用摊到的花费：{value}",
            "Spend per hour of use over the last 90 days: {value}",
        ),
        ("payments", "events:duration"),
    ),
    FeatureSpec(
        "price_per_active_day_28d",
        _GROUP,
        "user",
        ratio("price_per_month", "(active_days_28d + 1)"),
        "money",
        1,
        True,
        Words("会员月价摊到每活跃天", "price per month against active days"),
        words(
            "会员月价摊到近 28 天每个活跃日：{value}",
            "Monthly price per active day of the last 28 days: {value}",
        ),
        ("subscriptions:price", "events"),
    ),
    FeatureSpec(
        "bought_unopened",
        _GROUP,
        "bought_contents",
        "count(*) FILTER (WHERE NOT opened)",
        "count",
        1,
        True,
        Words("已购未打开内容数", "bought and never opened"),
        words("买了却从没打开的内容数：{value}", "Items bought and never opened: {value}"),
        ("payments:content", "events:content"),
        absent=0,
    ),
    FeatureSpec(
        "bought_unopened_share",
        _GROUP,
        "bought_contents",
        ratio("count(*) FILTER (WHERE NOT opened)", "count(*)"),
        "share",
        1,
        True,
        Words("已购内容未打开占比", "share of bought items never opened"),
        words(
            "买过的内容里从没打开的占比：{value}",
            "Bought items that were never opened: {value}",
        ),
        ("payments:content", "events:content"),
    ),
)
