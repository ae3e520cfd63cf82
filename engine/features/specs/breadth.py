"""Content that is used up: how broadly a user reads, what is new to him, what is left."""

from __future__ import annotations

from engine.features.spec import DAY_S, FeatureSpec, days_since, ratio, summed, words
from engine.types import Words

_GROUP = "content_exhausted"
_CONTENT = ("events:content",)
_TOPICS = ("events:content", "contents")


def _touched(days: int) -> str:
    return f"last_age_s <= {days * DAY_S}"


def _contents(days: int) -> FeatureSpec:
    return FeatureSpec(
        f"contents_{days}d",
        _GROUP,
        "touched_contents",
        f"count(*) FILTER (WHERE {_touched(days)})",
        "count",
        -1,
        True,
        Words(f"近{days}天内容数", f"items in {days} days"),
        words(
            f"近 {days} 天打开过的内容数：{{value}}",
            f"Items opened in the last {days} days: {{value}}",
        ),
        _CONTENT,
        absent=0,
    )


def _new_contents(days: int) -> FeatureSpec:
    return FeatureSpec(
        f"new_contents_{days}d",
        _GROUP,
        "touched_contents",
        f"count(*) FILTER (WHERE first_age_s <= {days * DAY_S})",
        "count",
        -1,
        True,
        Words(f"近{days}天新打开内容数", f"items first opened in {days} days"),
        words(
            f"最近 {days} 天第一次打开的内容数：{{value}}",
            f"Items opened for the first time in the last {days} days: {{value}}",
        ),
        _CONTENT,
        absent=0,
    )


def _distinct(column: str, label: Words, zh: str, en: str, need: str) -> FeatureSpec:
    return FeatureSpec(
        f"{column}s_90d",
        _GROUP,
        "recent_contents",
        f"count(DISTINCT {column}_no)",
        "count",
        -1,
        True,
        label,
        words(zh, en),
        ("events:content", need),
        absent=0,
    )


SPECS: tuple[FeatureSpec, ...] = (
    FeatureSpec(
        "contents_total",
        _GROUP,
        "touched_contents",
        "count(*)",
        "count",
        -1,
        False,
        Words("累计内容数", "items so far"),
        words("累计打开过的内容数：{value}", "Items opened so far: {value}"),
        _CONTENT,
        absent=0,
    ),
    _contents(28),
    _contents(90),
    _new_contents(28),
    _new_contents(90),
    FeatureSpec(
        "topics_90d",
        _GROUP,
        "touched_topics",
        f"count(*) FILTER (WHERE {_touched(90)})",
        "count",
        -1,
        True,
        Words("近90天主题数", "topics in 90 days"),
        words(
            "近 90 天涉及的主题数：{value}",
            "Topics touched in the last 90 days: {value}",
        ),
        _TOPICS,
        absent=0,
    ),
    _distinct(
        "author",
        Words("近90天作者数", "authors in 90 days"),
        "近 90 天学习过的作者（讲师）数：{value}",
        "Authors followed in the last 90 days: {value}",
        "contents:author",
    ),
    _distinct(
        "format",
        Words("近90天内容形式数", "formats in 90 days"),
        "近 90 天用过的内容形式数：{value}",
        "Formats of content used in the last 90 days: {value}",
        "contents:format",
    ),
    FeatureSpec(
        "old_content_share_90d",
        _GROUP,
        "touched_contents",
        ratio(
            f"count(*) FILTER (WHERE {_touched(90)} AND first_age_s > {90 * DAY_S})",
            f"count(*) FILTER (WHERE {_touched(90)})",
        ),
        "share",
        1,
        True,
        Words("近90天旧内容占比", "share of old items in 90 days"),
        words(
            "近 90 天打开的内容里以前就看过的占比：{value}",
            "Items of the last 90 days that had been opened before: {value}",
        ),
        _CONTENT,
    ),
    FeatureSpec(
        "new_content_share_28d",
        _GROUP,
        "user",
        ratio("new_contents_28d", "contents_28d"),
        "share",
        -1,
        True,
        Words("近28天新内容占比", "share of new items in 28 days"),
        words(
            "最近 28 天打开的内容里第一次看的占比：{value}",
            "Items of the last 28 days that were new to the user: {value}",
        ),
        _CONTENT,
    ),
    FeatureSpec(
        "contents_trend",
        _GROUP,
        "user",
        ratio("contents_28d * 90", "contents_90d * 28"),
        "ratio",
        -1,
        True,
        Words("内容数变化", "trend of items"),
        words(
            "最近 28 天打开的内容数是近 90 天水平的 {value}",
            "Items opened in the last 28 days against the last 90: {value}",
        ),
        _CONTENT,
        trend=False,
    ),
    FeatureSpec(
        "releases_opened_60d",
        _GROUP,
        "opened_releases",
        "count(*)",
        "count",
        -1,
        True,
        Words("近60天上新已打开数", "new releases of 60 days opened"),
        words(
            "近 60 天上新的内容里打开过的数量：{value}",
            "New releases of the last 60 days that were opened: {value}",
        ),
        ("events:content", "contents:published"),
        absent=0,
    ),
    FeatureSpec(
        "favourite_topic_done_share",
        _GROUP,
        "favourite_topic",
        ratio("seen", "published"),
        "share",
        1,
        True,
        Words("最爱主题已看占比", "share of favourite topic seen"),
        words(
            "最常看的主题里已看过的内容占比：{value}",
            "Items of the favourite topic already opened: {value}",
        ),
        _TOPICS,
    ),
    FeatureSpec(
        "favourite_topic_unseen",
        _GROUP,
        "favourite_topic",
        "published - seen",
        "count",
        -1,
        True,
        Words("最爱主题未看内容数", "unseen items of favourite topic"),
        words(
            "最常看的主题里还没看过的内容数：{value}",
            "Items of the favourite topic still unseen: {value}",
        ),
        _TOPICS,
    ),
    FeatureSpec(
        "favourite_topic_fresh_60d",
        _GROUP,
        "favourite_topic",
        "fresh",
        "count",
        -1,
        True,
        Words("最爱主题近60天上新数", "new items of favourite topic in 60 days"),
        words(
            "最常看的主题近 60 天上新的内容数：{value}",
            "New items in the favourite topic in the last 60 days: {value}",
        ),
        _TOPICS,
    ),
    FeatureSpec(
        "favourite_topic_idle_days",
        _GROUP,
        "favourite_topic",
        days_since("last_age_s"),
        "days",
        1,
        True,
        Words("距上次看最爱主题天数", "days since favourite topic"),
        words(
            "已 {value} 没看最常看的主题",
            "Time since the favourite topic was last opened: {value}",
        ),
        _TOPICS,
    ),
    FeatureSpec(
        "topic_concentration",
        _GROUP,
        "favourite_topic",
        ratio("top_touches", "touches"),
        "share",
        1,
        True,
        Words("最集中主题占比", "share of the busiest topic"),
        words(
            "近半年的学习集中在同一主题的占比：{value}",
            "Learning of the last half-year within one topic: {value}",
        ),
        _TOPICS,
    ),
    FeatureSpec(
        "searches_28d",
        _GROUP,
        "event_days",
        summed("searches", 28),
        "count",
        0,
        True,
        Words("近28天搜索次数", "searches in 28 days"),
        words("最近 28 天的搜索次数：{value}", "Searches in the last 28 days: {value}"),
        ("events:search",),
        absent=0,
    ),
    FeatureSpec(
        "search_share_28d",
        _GROUP,
        "event_days",
        ratio(summed("searches", 28), summed("events", 28)),
        "share",
        1,
        True,
        Words("近28天搜索占比", "share of searches in 28 days"),
        words(
            "最近 28 天的行为里搜索的占比：{value}",
            "Searches as a share of all actions in the last 28 days: {value}",
        ),
        ("events:search",),
    ),
)
