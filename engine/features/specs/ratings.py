"""What users say: ratings and their change, reviews and comments."""

from __future__ import annotations

from engine.features.spec import FeatureSpec, days_since, ratio, within, words
from engine.types import Words

_GROUP = "support_trouble"
_OVER = "known_messages"
_RATED = ("messages:rating",)
_LAST = "max(rating_u) FILTER (WHERE newest_rating = 1)"


def _said(channel: str, days: int, zh: str, en: str) -> FeatureSpec:
    return FeatureSpec(
        f"{channel}s_{days}d",
        _GROUP,
        _OVER,
        f"count(*) FILTER (WHERE channel = '{channel}' AND {within(days)})",
        "count",
        -1,
        False,
        Words(f"近{days}天{zh}数", f"{en} in {days} days"),
        words(
            f"近 {days} 天发表的{zh}数：{{value}}",
            f"Number of {en} in the last {days} days: {{value}}",
        ),
        (f"messages:{channel}",),
        absent=0,
    )


def _since(channel: str, zh: str, en: str) -> FeatureSpec:
    return FeatureSpec(
        f"days_since_{channel}",
        _GROUP,
        _OVER,
        days_since(f"min(age_s) FILTER (WHERE channel = '{channel}')"),
        "days",
        0,
        False,
        Words(f"距上次{zh}天数", f"days since last {en}"),
        words(f"距上次发表{zh} {{value}}", f"Time since the last {en}: {{value}}"),
        (f"messages:{channel}",),
    )


SPECS: tuple[FeatureSpec, ...] = (
    FeatureSpec(
        "last_rating",
        _GROUP,
        _OVER,
        ratio(_LAST, 1000),
        "rating",
        -1,
        True,
        Words("最近一次评分", "last rating"),
        words("最近一次评分：{value}", "Last rating: {value}"),
        _RATED,
    ),
    FeatureSpec(
        "mean_rating",
        _GROUP,
        _OVER,
        ratio(ratio("CAST(sum(rating_u) AS BIGINT)", "count(rating_u)"), 1000),
        "rating",
        -1,
        True,
        Words("平均评分", "average rating"),
        words("平均评分：{value}", "Average rating: {value}"),
        _RATED,
    ),
    FeatureSpec(
        "lowest_rating_180d",
        _GROUP,
        _OVER,
        ratio(f"min(rating_u) FILTER (WHERE {within(180)})", 1000),
        "rating",
        -1,
        True,
        Words("近180天最低评分", "lowest rating in 180 days"),
        words("近 180 天最低评分：{value}", "Lowest rating of the last 180 days: {value}"),
        _RATED,
    ),
    FeatureSpec(
        "rating_change",
        _GROUP,
        _OVER,
        ratio(f"({_LAST} - max(rating_u) FILTER (WHERE newest_rating = 2))", 1000),
        "rating",
        -1,
        True,
        Words("最近评分变化", "change of the last rating"),
        words(
            "最近一次评分与上一次之差（负数表示更低）：{value}",
            "Last rating less the one before (below 0: it fell): {value}",
        ),
        _RATED,
    ),
    FeatureSpec(
        "ratings",
        _GROUP,
        _OVER,
        "count(rating_u)",
        "count",
        -1,
        False,
        Words("累计评分次数", "ratings so far"),
        words("累计评分的次数：{value}", "Ratings given so far: {value}"),
        _RATED,
        absent=0,
    ),
    FeatureSpec(
        "low_ratings_90d",
        _GROUP,
        _OVER,
        f"count(*) FILTER (WHERE rating_u <= 2000 AND {within(90)})",
        "count",
        1,
        True,
        Words("近90天低分评价数", "ratings of 2 or less in 90 days"),
        words(
            "近 90 天给出的低分（不高于 2 分）评价数：{value}",
            "Ratings of 2 or less in the last 90 days: {value}",
        ),
        _RATED,
        absent=0,
    ),
    _said("review", 90, "评价", "reviews"),
    _said("comment", 90, "评论", "comments"),
    _since("review", "评价", "review"),
    _since("comment", "评论", "comment"),
)
