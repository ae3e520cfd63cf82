from __future__ import annotations

from dataclasses import replace
from datetime import datetime

import numpy as np
import pytest

from engine.errors import ModelError
from engine.explain.reasons import explain
from engine.explain.usual import USUAL, usual_contributions
from engine.features.spec import FeatureSpec, words
from engine.types import Explanation, Words

NAMES = {
    "idle": ("fading_use", "days", "已 {value} 没有学习", "Nothing learned for {value}"),
    "visits": ("fading_use", "count", "来过 {value} 天", "Visits: {value}"),
    "price": ("price", "money", "每月 {value}", "Price a month: {value}"),
    "unused": ("unused_value", "share", "未使用占比：{value}", "Unused share: {value}"),
}
SPECS = tuple(
    FeatureSpec(name, group, "user", "0", unit, 0, True, Words(name, name), words(zh, en))  # type: ignore[arg-type]
    for name, (group, unit, zh, en) in NAMES.items()
)


@pytest.fixture(scope="module")
def explained(world) -> tuple[Explanation, ...]:  # type: ignore[no-untyped-def]
    return explain(world.blend, world.fresh.frame, SPECS, model_id="m1")


def test_every_row_in_order_with_its_risk(world, explained) -> None:  # type: ignore[no-untyped-def]
    frame = world.fresh.frame
    predicted = world.blend.predict(frame)
    assert [e.user_id for e in explained] == frame.user_ids.tolist()
    assert [e.risk for e in explained] == pytest.approx(predicted.risk.tolist())
    assert {e.cutoff for e in explained} == {datetime(2026, 3, 1)}
    assert {e.model_id for e in explained} == {"m1"}


def test_reasons_add_up_and_shares_too(explained: tuple[Explanation, ...]) -> None:
    for one in explained:
        total = sum(r.contribution for r in one.reasons) + one.remainder
        assert total == pytest.approx(one.log_odds - one.baseline_log_odds, abs=1e-9)
        whole = sum(abs(r.contribution) for r in one.reasons) + abs(one.remainder)
        assert [r.share for r in one.reasons] == pytest.approx(
            [r.contribution / whole for r in one.reasons]
        )


def test_reasons_are_ordered_and_worded(explained: tuple[Explanation, ...]) -> None:
    for one in explained:
        sizes = [abs(r.contribution) for r in one.reasons]
        assert sizes == sorted(sizes, reverse=True)
        for reason in one.reasons:
            assert reason.words.zh
            assert reason.words.en
            assert reason.group == ("sequence" if reason.feature == "sequence" else
                                    NAMES[reason.feature][0])  # fmt: skip


def test_value_and_comparison_are_those_of_the_data(world, explained) -> None:  # type: ignore[no-untyped-def]
    frame, panel = world.fresh.frame, world.blend.panel
    for row in (0, 50, 199):
        for reason in explained[row].reasons:
            if reason.feature == "sequence":
                assert (reason.value, reason.comparison) == (None, None)
                continue
            column = frame.columns.index(reason.feature)
            value = float(frame.values[row, column])
            assert reason.value == (None if np.isnan(value) else value)
            place = panel.position_of(str(frame.segments[row]))
            assert reason.comparison == pytest.approx(float(panel.medians[place, column]))


def test_one_user_reads_the_same_as_in_the_list(world, explained) -> None:  # type: ignore[no-untyped-def]
    alone = explain(world.blend, world.fresh.frame.take(np.array([42])), SPECS, model_id="m1")[0]
    listed = explained[42]
    assert [r.group for r in alone.reasons] == [r.group for r in listed.reasons]
    assert [r.words for r in alone.reasons] == [r.words for r in listed.reasons]


def test_a_model_without_that_column_in_the_catalogue(world) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(ModelError) as raised:
        explain(world.blend, world.fresh.frame, SPECS[:3])
    assert raised.value.sentence == (
        "The feature catalogue has no words for the column 'unused'. Every reason is shown as a "
        "sentence. Train a model on the present features."
    )


def test_other_columns_are_refused(world) -> None:  # type: ignore[no-untyped-def]
    frame = world.fresh.frame
    renamed = replace(frame, columns=("a", *frame.columns[1:]))
    with pytest.raises(ModelError, match="not known to the model: a"):
        explain(world.blend, renamed, SPECS)


def test_the_earlier_value_is_the_users_own(world) -> None:  # type: ignore[no-untyped-def]
    frame = world.fresh.frame
    newcomers = np.arange(len(frame)) % 5 == 0
    order = np.argsort(frame.user_ids)
    earlier = frame.take(order[~newcomers[order]])
    moved = replace(earlier, values=earlier.values + 1)
    told = explain(world.blend, frame, SPECS, earlier=moved)
    for row, one in enumerate(told):
        for reason in one.reasons:
            if reason.feature == "sequence":
                continue
            ends_new = reason.words.en.endswith("; new in the last 4 weeks")
            if newcomers[row]:
                assert reason.earlier is None
                assert ends_new == (reason.value is not None)
            else:
                assert not ends_new
                value = reason.value
                assert reason.earlier == (None if value is None else pytest.approx(value + 1))


def test_earlier_features_of_another_model_are_refused(world) -> None:  # type: ignore[no-untyped-def]
    frame = world.fresh.frame
    other = replace(frame, columns=("a", *frame.columns[1:]))
    with pytest.raises(ModelError, match="not known to the model: a"):
        explain(world.blend, frame, SPECS, earlier=other)


def test_reasons_carry_what_is_usual_among_the_users_measured(world) -> None:  # type: ignore[no-untyped-def]
    model, frame = world.blend, world.fresh.frame
    usual = usual_contributions(model, frame, SPECS, seed=3)
    assert usual == usual_contributions(model, frame, SPECS, seed=4)  # fewer than would be drawn
    known = explain(replace(model, metadata={**model.metadata, USUAL: usual}), frame, SPECS)
    bare = tuple(
        replace(one, reasons=tuple(replace(reason, above_usual=None) for reason in one.reasons))
        for one in known
    )
    assert bare == explain(model, frame, SPECS)
    for one in known:
        for reason in one.reasons:
            mean, spread = usual[reason.group]
            assert reason.above_usual == pytest.approx((reason.contribution - mean) / spread)
