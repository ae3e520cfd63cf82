"""What sets a user apart is told first, and nothing else changes."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from engine.explain.order import CIRCUMSTANCES, raising_first
from engine.explain.usual import above_usual
from engine.features.catalogue import GROUPS
from engine.types import Reason, Words


def reason(group: str, contribution: float, above: float | None, share: float = 0.1) -> Reason:
    return Reason(
        group, group, contribution, share, None, None, Words("词", "words"), above_usual=above
    )


reasons = st.builds(
    reason,
    st.sampled_from(sorted(GROUPS)),
    st.floats(-3, 3),
    st.none() | st.floats(-5, 5),
    st.floats(-1, 1),
)


def test_an_unusual_reason_leads_although_it_is_smaller() -> None:
    told = raising_first(
        [
            reason("fading_use", 2.0, 0.6),
            reason("history", 0.9, 4.0),  # circumstances: last, however unusual
            reason("price", 0.4, 1.5),
            reason("payment_failure", 0.3, 6.0),
            reason("support_trouble", 0.2, None),
            reason("unused_value", 0.01, 9.0, share=0.001),  # next to nothing cannot lead
            reason("term_ending", -1.0, -2.0),
        ]
    )
    assert [one.group for one in told] == [
        "payment_failure",
        "price",
        "fading_use",
        "support_trouble",
        "unused_value",
        "history",
    ]


@given(st.lists(reasons, max_size=12), st.randoms())
def test_the_order_keeps_every_raising_reason_and_depends_on_nothing_else(
    given_reasons: list[Reason], random: object
) -> None:
    told = raising_first(given_reasons)
    raising = [one for one in given_reasons if one.contribution > 0]
    assert sorted(map(repr, told)) == sorted(map(repr, raising))
    assert raising_first(told) == told
    last = [one.group in CIRCUMSTANCES for one in told]
    assert last == sorted(last)


def test_a_model_without_the_usual_tells_by_size() -> None:
    told = raising_first(reason("price", size, None) for size in (0.1, 0.9, 0.4))
    assert [one.contribution for one in told] == [0.9, 0.4, 0.1]


def test_above_usual_is_a_standard_score_or_unknown() -> None:
    found = above_usual(
        np.array([[1.0, 1.0, 1.0], [-1.0, 0.0, 2.0]]),
        ("price", "calendar", "text"),
        {"price": (0.5, 0.25), "calendar": (0.0, 0.0)},
    )
    assert found[:, 0].tolist() == [2.0, -6.0]
    assert np.isnan(found[:, 1:]).all()
