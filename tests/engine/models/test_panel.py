from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from engine.features.frame import LabelledFrame
from engine.models.base import finite
from engine.models.logistic import LogisticModel
from engine.models.panel import EVERYONE, PER_SEGMENT, draw_panel

Rows = Callable[..., LabelledFrame]


def test_only_retained_users_stand_on_the_panel(planted: Rows) -> None:
    rows = planted(400, seed=1)
    drawn, panel = draw_panel(rows, np.random.default_rng(1))
    assert (drawn.label == 0).all()
    assert np.array_equal(panel.values, drawn.frame.values, equal_nan=True)
    assert {name: panel.segments.count(name) for name in set(panel.segments)} == {
        "monthly": PER_SEGMENT,
        "yearly": PER_SEGMENT,
    }


def test_medians_are_those_of_the_retained_users_of_the_segment(planted: Rows) -> None:
    rows = planted(400, seed=1)
    rows.frame.values[:, 5] = np.nan
    _, panel = draw_panel(rows, np.random.default_rng(1))
    stayed = rows.label == 0
    yearly = stayed & (rows.frame.segments == "yearly")
    assert panel.median_segments[0] == EVERYONE
    position = panel.position_of("yearly")
    expected = np.nanmedian(rows.frame.values[yearly][:, :5], axis=0)
    assert panel.medians[position, :5] == pytest.approx(expected)
    assert panel.medians[0, :5] == pytest.approx(
        np.nanmedian(rows.frame.values[stayed, :5], axis=0)
    )
    assert np.isnan(panel.medians[:, 5]).all()


def test_recent_kinds_count_the_last_four_weeks(planted: Rows) -> None:
    rows = planted(200, seed=1)
    _, panel = draw_panel(rows, np.random.default_rng(1))
    sequences, cutoff_s = rows.frame.sequences, rows.frame.cutoffs.astype(float)
    counts = np.zeros(3)
    stayed = np.flatnonzero(rows.label == 0)
    for row in stayed:
        own = slice(sequences.start[row], sequences.stop[row])
        recent = sequences.occurred_s[own] >= cutoff_s[row] - 28 * 86_400
        counts += np.bincount(sequences.kind[own][recent], minlength=3)
    assert panel.recent_kinds[0] == pytest.approx(counts / len(stayed), rel=1e-5)


def test_a_segment_without_panel_users_compares_with_everyone(planted: Rows) -> None:
    _, panel = draw_panel(planted(100, seed=1), np.random.default_rng(1))
    assert len(panel.rows_of("never seen")) == len(panel.segments)
    assert panel.position_of("never seen") == 0
    assert {panel.segments[i] for i in panel.rows_of("yearly")} == {"yearly"}


def test_without_a_retained_user_everyone_is_the_panel(planted: Rows) -> None:
    rows = planted(40, seed=1)
    rows.label[:] = 1.0
    drawn, _ = draw_panel(rows, np.random.default_rng(1))
    assert len(drawn) > 0


def test_the_first_panel_users_stand_for_all_who_stayed(planted: Rows) -> None:
    """By the columns that weigh: their mean is nearer than that of a random handful."""
    rows = planted(2000, seed=1, columns=12)
    linear = LogisticModel.fit(rows, strength=0.1)
    stayed = finite(rows.frame.values[(rows.label == 0) & (rows.frame.segments == "yearly")])

    def gap(guide: LogisticModel | None, seed: int) -> float:
        _, panel = draw_panel(rows, np.random.default_rng(seed), guide)
        first = panel.values[panel.rows_of("yearly")[:8]]
        return float(np.linalg.norm(linear.contributions(first, stayed).mean(axis=0)))

    by_chance = [gap(None, seed) for seed in range(20)]
    assert gap(linear, 1) == gap(linear, 2) < min(min(by_chance), 0.25 * np.mean(by_chance))


def test_nobody_stands_on_the_panel_twice(planted: Rows) -> None:
    rows = planted(60, seed=1)
    drawn, _ = draw_panel(rows, np.random.default_rng(1), LogisticModel.fit(rows, strength=0.1))
    assert len(set(drawn.frame.user_ids)) == len(drawn)


def test_a_stranger_is_compared_with_users_of_every_segment(planted: Rows) -> None:
    _, panel = draw_panel(planted(400, seed=1), np.random.default_rng(1))
    first = panel.rows_of("never seen")[:8]
    assert [panel.segments[row] for row in first].count("yearly") == 4
