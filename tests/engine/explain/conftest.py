"""A small real model, net and trees blended, on rows whose mechanism is known."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest
import torch

from engine.features.frame import FeatureFrame, LabelledFrame, Sequences
from engine.features.spec import FeatureSpec, words
from engine.models.blend import RiskModel
from engine.models.calibration import Calibration
from engine.models.logistic import LogisticModel
from engine.models.nets.churn_net import ChurnNet
from engine.models.nets.config import NetConfig
from engine.models.panel import draw_panel
from engine.models.trees import TreeConfig, TreeModel
from engine.types import Words

KINDS = ("app_open", "lesson_finished", "payment:failed", "tap_dance")
CUTOFF = np.datetime64("2026-03-01T00:00:00", "s")


def spec(name: str, group: str, unit: str, zh: str, en: str) -> FeatureSpec:
    return FeatureSpec(
        name,
        group,
        "user",
        "0",
        unit,
        0,
        True,
        Words(name, name),
        words(zh, en),  # type: ignore[arg-type]
    )


SPECS = (
    spec("idle", "fading_use", "days", "已 {value} 没有学习", "Nothing learned for {value}"),
    spec("visits", "fading_use", "count", "来过 {value} 天", "Visits: {value}"),
    spec("price", "price", "money", "每月 {value}", "Price a month: {value}"),
    spec("unused", "unused_value", "share", "未使用占比：{value}", "Unused share: {value}"),
)


@dataclass(frozen=True)
class World:
    blend: RiskModel
    trees: RiskModel
    logistic: RiskModel
    net: RiskModel
    fresh: LabelledFrame  # rows that no model was fitted on


def rows(n: int, seed: int) -> LabelledFrame:
    """Users leave for silence, for price when they use little, and for failed payments."""
    rng = np.random.default_rng(seed)
    values = np.column_stack(
        [rng.gamma(1, 8, n), rng.poisson(6, n), rng.choice([15, 30, 60], n), rng.random(n)]
    ).astype(np.float32)
    length = rng.integers(0, 12, n)
    stop = np.cumsum(length)
    total = int(stop[-1])
    row = np.repeat(np.arange(n), length)
    occurred_s = CUTOFF.astype(float) - rng.random(total) * 40 * 86_400
    occurred_s = occurred_s[np.lexsort((occurred_s, row))]
    kind = rng.choice(len(KINDS), total, p=[0.5, 0.3, 0.1, 0.1]).astype(np.int32)
    failures = np.bincount(row, weights=kind == 2, minlength=n)
    z = -2.2 + 0.1 * values[:, 0] + 0.03 * values[:, 2] * values[:, 3] + 0.9 * failures
    z -= 0.15 * values[:, 1]
    label = (rng.random(n) < 1 / (1 + np.exp(-z))).astype(np.float32)
    values[rng.random(values.shape) < 0.08] = np.nan
    frame = FeatureFrame(
        np.array([f"u{i}" for i in range(n)], dtype=object),
        np.full(n, CUTOFF),
        np.array(["month", "year"], dtype=object)[rng.integers(0, 2, n)],
        tuple(s.name for s in SPECS),
        values,
        Sequences(
            kind,
            np.zeros(total, np.int32),
            np.zeros(total, np.float32),
            occurred_s,
            (stop - length).astype(np.int64),
            stop.astype(np.int64),
            KINDS,
            ("",),
        ),
    )
    return LabelledFrame(frame, label, np.ones(n, np.float32))


@pytest.fixture(scope="session")
def world() -> World:
    train, fresh = rows(1500, 1), rows(200, 2)
    torch.manual_seed(3)
    config = NetConfig(hidden=8, kind_width=4, topic_width=2, layer=16, dropout=0.0)
    net = ChurnNet.build(train.frame, config)
    numbers, _ = net.encode(train.frame)
    target = torch.from_numpy(train.label)
    steps = torch.optim.AdamW(net.module.parameters(), lr=0.02)
    from engine.models.nets.encode import EventReader

    batch = EventReader(net.events, train.frame).batch(np.arange(len(train)))
    for _ in range(40):
        steps.zero_grad()
        logits = net.module.horizons(torch.from_numpy(numbers), net.module.encode(batch))[:, -1]
        torch.nn.functional.binary_cross_entropy_with_logits(logits, target).backward()
        steps.step()
    net.module.eval()
    trees = TreeModel.fit(train, None, TreeConfig(max_trees=40), seed=1, threads=1)
    logistic = LogisticModel.fit(train, strength=0.1)
    panel_rows, panel = draw_panel(train, np.random.default_rng(4))

    def shipped(kind: str, *components: object) -> RiskModel:
        pooled = net.encode(panel_rows.frame)[1]
        if net not in components:
            pooled = pooled[:, :0]
        from dataclasses import replace

        return RiskModel(
            kind,
            components,
            Calibration(1.3, -0.2),
            replace(panel, pooled=pooled),  # type: ignore[arg-type]
        )

    return World(
        shipped("blend", net, trees, logistic),
        shipped("hist_gradient_boosting", trees),
        shipped("logistic", logistic),
        shipped("churn_net", net),
        fresh,
    )
