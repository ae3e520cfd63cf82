"""A whole model as facts: two groups, a curve, bars, a pair that acts together, a weak segment."""

from __future__ import annotations

import math
from datetime import datetime

from engine.insight.report import (
    Corner,
    Curve,
    GroupImportance,
    Insight,
    Interaction,
    Point,
    Segment,
)
from engine.types import Interval, Words

GROUPS = (("fading_use", Words("使用减少", "Fading use")), ("price", Words("价格顾虑", "Price")))


def insight(model_id: str) -> Insight:
    days = (0.0, 2.0, 5.0, 9.0, 20.0)
    risks = (0.05, 0.06, 0.1, 0.2, 0.4)
    return Insight(
        model_id=model_id,
        made_at=datetime(2026, 9, 18),
        cutoffs=(datetime(2026, 8, 9),),
        rows=5_120,
        sampled=1_500,
        churn_rate=0.12,
        groups=tuple(
            GroupImportance(
                code, words, 9, 0.6 - 0.4 * place, 0.75 - 0.5 * place,
                Interval(0.1 - 0.08 * place, 0.08 - 0.079 * place, 0.12 - 0.08 * place), None
            )
            for place, (code, words) in enumerate(GROUPS)
        ),
        curves=(
            Curve(
                "days_since_activity", Words("距上次活跃天数", "days since last activity"),
                "fading_use", False,
                tuple(
                    Point(day, Words(f"{day:g} 天", f"{day:g} days"), 0.2, risk, risk / 2, 2 * risk)
                    for day, risk in zip(days, risks, strict=True)
                ),
                None, (0.0,) * 9, 0.35,
                Words("0 天时最低，20 天时最高", "lowest at 0 days, highest at 20 days"),
            ),
            Curve(
                "auto_renew", Words("自动续费", "renews by itself"), "price", True,
                (
                    Point(0.0, Words("否", "no"), 0.3, 0.2, 0.1, 0.4),
                    Point(1.0, Words("是", "yes"), 0.6, 0.1, 0.05, 0.2),
                ),
                Point(None, Words("没有记录", "none on record"), 0.1, 0.15, 0.1, 0.3),
                (0.0,) * 9, 0.1, Words("[bold]自动[/] 续费", "[bold]hostile[/] {name} $words"),
            ),
        ),
        interactions=(
            Interaction(
                "fading_use", "price", 0.2, 0.15, Interval(0.003, 0.001, 0.005), 0.01, True,
                (Corner(900, 0.05, 0.06), Corner(300, 0.08, 0.1), Corner(200, 0.2, 0.22),
                 Corner(0, math.nan, math.nan)),
                Words("共同推高", "Both raise it"),
            ),
        ),
        segments=(
            Segment(
                "tenure", "<30", Words("新用户", "New users"), 610, 90, 0.17,
                Interval(0.02, -0.01, 0.05), 0.41, Interval(0.58, 0.54, 0.62), 0.7, 0.79,
                ("order",), (Words("新用户排序较差", "New users are told apart less well"),),
            ),
            Segment(
                "band", "low", Words("低风险用户", "Users of low risk"), 3_800, 190, 0.05,
                Interval(0.0, -0.004, 0.004), 0.2, None, None, None, (), (),
            ),
        ),
        statements=(
            Words("最能拉开用户风险的：使用减少", "What sets users apart most: Fading use"),
            Words("新用户排序较差", "New users are told apart less well"),
        ),
    )  # fmt: skip
