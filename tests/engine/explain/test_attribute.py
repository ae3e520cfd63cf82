from __future__ import annotations

from dataclasses import replace
from itertools import combinations
from math import factorial

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from engine.errors import ModelError
from engine.explain.attribute import _leading, attribute
from engine.explain.components import SEQUENCE
from engine.models.panel import Panel

GROUPS = {"idle": "fading_use", "visits": "fading_use", "price": "price", "unused": "unused_value"}
MODELS = ("blend", "trees", "logistic", "net")


@pytest.mark.parametrize("name", MODELS)
def test_contributions_and_remainder_add_up(world, name: str) -> None:  # type: ignore[no-untyped-def]
    model = getattr(world, name)
    frame = world.fresh.frame
    found = attribute(model, frame, GROUPS)
    assert found.log_odds == pytest.approx(model.predict(frame).log_odds, abs=1e-12)
    difference = found.log_odds - found.baseline_log_odds
    total = found.contributions.sum(axis=1) + found.remainder
    assert total == pytest.approx(difference, abs=1e-12)
    limit = 1e-5 if name in ("trees", "logistic") else np.maximum(0.0101 * abs(difference), 0.008)
    within = np.abs(found.remainder) <= limit
    # the blend's tolerance is that of the net's own difference, which can exceed the blend's
    assert within.mean() >= (0.95 if name == "blend" else 1)


def test_the_parts_of_a_blend_count_by_their_shares(world) -> None:  # type: ignore[no-untyped-def]
    frame = world.fresh.frame.take(np.arange(8))
    alone = [attribute(replace(world.blend, shares=tuple(one)), frame, GROUPS) for one in np.eye(3)]
    mixed = attribute(replace(world.blend, shares=(0.2, 0.7, 0.1)), frame, GROUPS)
    for what in ("log_odds", "baseline_log_odds", "remainder"):
        parts = [getattr(found, what) for found in alone]
        assert getattr(mixed, what) == pytest.approx(
            0.2 * parts[0] + 0.7 * parts[1] + 0.1 * parts[2], abs=1e-9
        )


@given(
    values=st.lists(
        st.one_of(
            st.floats(-(2.0**100), 2.0**100, width=32), st.just(float("nan")), st.just(float("inf"))
        ),
        min_size=4,
        max_size=4,
    ),
    row=st.integers(0, 199),
)
@settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_any_row_adds_up(world, values: list[float], row: int) -> None:  # type: ignore[no-untyped-def]
    frame = world.fresh.frame.take(np.array([row]))
    frame = replace(frame, values=np.array([values], np.float32))
    found = attribute(world.blend, frame, GROUPS)
    assert np.isfinite(found.contributions).all()
    assert found.contributions.sum() + found.remainder[0] == pytest.approx(
        found.log_odds[0] - found.baseline_log_odds[0], abs=1e-9
    )


@pytest.mark.parametrize("name", ["trees", "logistic"])
def test_exact_models_equal_the_definition(world, name: str) -> None:  # type: ignore[no-untyped-def]
    """Shapley's formula by brute force, over coalitions of groups, averaged over the panel."""
    model = getattr(world, name)
    frame = world.fresh.frame.take(np.arange(6))
    found = attribute(model, frame, GROUPS)
    panel = model.panel
    players = sorted(set(GROUPS.values()))
    owner = np.array([players.index(GROUPS[c]) for c in model.columns])
    for row in range(6):
        drawn = panel.rows_of(str(frame.segments[row]))[:8]
        x, others = frame.values[row], panel.values[drawn]

        def worth(coalition: tuple[int, ...], x=x, others=others) -> float:  # type: ignore[no-untyped-def]
            mixed = np.where(np.isin(owner, coalition), x, others).astype(np.float32)
            peers = frame.take(np.zeros(len(mixed), int))
            return float(model.predict(replace(peers, values=mixed)).log_odds.mean())

        for one, group in enumerate(players):
            rest = [p for p in range(len(players)) if p != one]
            expected = sum(
                factorial(size)
                * factorial(len(rest) - size)
                / factorial(len(players))
                * (worth((*coalition, one)) - worth(coalition))
                for size in range(len(players))
                for coalition in combinations(rest, size)
            )
            got = found.contributions[row, found.groups.index(group)]
            assert got == pytest.approx(expected, abs=1e-5)


def test_the_mechanism_is_found(world) -> None:  # type: ignore[no-untyped-def]
    """Long silence must come out as fading use, with `idle` speaking for it."""
    frame = world.fresh.frame
    silent = np.flatnonzero(np.nan_to_num(frame.values[:, 0]) > 25)
    assert len(silent) > 3
    found = attribute(world.blend, frame.take(silent), GROUPS)
    first = found.contributions.argmax(axis=1)
    fading = found.groups.index("fading_use")
    assert (first == fading).mean() > 0.8
    assert (found.leading[first == fading, fading] == frame.columns.index("idle")).mean() > 0.9


def test_failed_payments_come_out_in_the_sequence(world) -> None:  # type: ignore[no-untyped-def]
    frame = world.fresh.frame
    failures = np.array(
        [(frame.sequences.kind[a:b] == 2).sum()
         for a, b in zip(frame.sequences.start, frame.sequences.stop, strict=True)]
    )  # fmt: skip
    found = attribute(world.blend, frame, GROUPS)
    share = found.contributions[:, found.groups.index(SEQUENCE)]
    assert share[failures >= 2].mean() > share[failures == 0].mean() + 0.2


def test_models_without_a_net_have_no_sequence(world) -> None:  # type: ignore[no-untyped-def]
    frame = world.fresh.frame
    assert SEQUENCE not in attribute(world.trees, frame, GROUPS).groups
    assert SEQUENCE in attribute(world.net, frame, GROUPS).groups


def test_rows_do_not_depend_on_their_company_or_order(world) -> None:  # type: ignore[no-untyped-def]
    frame = world.fresh.frame
    together = attribute(world.blend, frame, GROUPS)
    some = np.array([150, 3, 77])
    alone = attribute(world.blend, frame.take(some), GROUPS)
    assert alone.contributions == pytest.approx(together.contributions[some], abs=2e-4)
    assert np.array_equal(alone.leading, together.leading[some])


def test_an_unknown_segment_is_compared_with_everyone(world) -> None:  # type: ignore[no-untyped-def]
    frame = world.fresh.frame.take(np.arange(3))
    stranger = replace(frame, segments=np.array(["new plan"] * 3, dtype=object))
    found = attribute(world.trees, stranger, GROUPS, panel_size=1000)
    values = world.trees.panel.values
    peers = replace(frame.take(np.zeros(len(values), int)), values=values)
    assert found.baseline_log_odds == pytest.approx(
        world.trees.predict(peers).log_odds.mean(), abs=1e-9
    )


@pytest.mark.parametrize(
    ("pulls", "above", "directions", "speaker"),
    [
        ([0.5, 0.4, 0.1], [1, 1, 1], [0, 0, 0], 0),  # the hardest pull
        ([0.5, 0.4, 0.1], [0, 1, 1], [0, 0, 0], 1),  # not one that equals the median
        ([0.5, 0.4, 0.1], [1, 1, 1], [-1, 1, 1], 1),  # nor one that reads the wrong way round
        ([0.5, 0.1, 0.1], [1, 1, 1], [-1, 1, 1], 0),  # unless the others hardly pull
        ([0.5, 0.4, 0.1], [0, 0, 0], [1, 1, 1], 0),
        ([-0.5, 0.4, 0.1], [1, 1, 1], [0, 0, 0], 1),  # only pulls of the group's own sign
        ([0.5, 0.4, 0.1], [np.nan, 1, 1], [1, 1, 1], 0),  # a missing value says something
    ],
)
def test_who_speaks_for_a_group(
    pulls: list[float], above: list[float], directions: list[int], speaker: int
) -> None:
    group = np.zeros(3, int)
    for sign in (1, -1):
        leading = _leading(
            sign * np.array([pulls]), np.array([[sign * 0.7]]), group,
            np.array([above], np.float32), sign * np.array(directions),
        )  # fmt: skip
        assert leading[0, 0] == speaker


def test_nobody_to_explain(world) -> None:  # type: ignore[no-untyped-def]
    found = attribute(world.blend, world.fresh.frame.take(np.arange(0)), GROUPS)
    assert len(found.contributions) == 0


def test_a_column_without_a_group_is_named(world) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(ModelError) as raised:
        attribute(world.trees, world.fresh.frame, {"idle": "fading_use"})
    assert raised.value.sentence.startswith(
        "The column 'visits' of the model is in no group of features."
    )


def test_a_model_without_a_panel_says_so(world) -> None:  # type: ignore[no-untyped-def]
    panel = world.trees.panel
    empty = replace(
        world.trees,
        panel=Panel(
            panel.values[:0], panel.pooled[:0], (), ("",), panel.medians[:1], panel.kinds,
            panel.recent_kinds[:1],
        ),
    )  # fmt: skip
    with pytest.raises(ModelError, match="no retained users to compare with"):
        attribute(empty, world.fresh.frame, GROUPS)
