from __future__ import annotations

import numpy as np

from engine.explain.recent import KINDS, recent_counts, stand_out

STAYED = {"lesson_finished": 6.5, "app_open": 9.0, "payment:failed": 0.1}


def say(counts: dict[str, int], *, raises: bool = True, stayed: dict[str, float] = STAYED):  # type: ignore[no-untyped-def]
    return stand_out(
        np.array(list(counts.values()), dtype=int), tuple(counts), stayed, raises=raises
    )


def test_what_stands_out_is_named_adverse_first() -> None:
    said = say({"lesson_finished": 0, "app_open": 8, "payment:failed": 3})
    assert said.zh == (
        "最近 28 天：支付失败 3 次（留存用户平均 0.1 次），学完课时 0 次（留存用户平均 6.5 次）"
    )
    assert said.en == (
        "Last 28 days: 3 × failed payment (users who stayed: 0.1 on average), "
        "0 × lesson finished (users who stayed: 6.5 on average)"
    )


def test_a_kind_that_the_frame_never_saw_counts_as_none() -> None:
    assert "学完课时 0 次" in say({"app_open": 9}).zh


def test_only_what_points_the_same_way_is_named() -> None:
    """A user who is about to stay is not explained by a failed payment, nor the reverse."""
    counts = {"lesson_finished": 20, "app_open": 9, "payment:failed": 3}
    assert say(counts, raises=False).en == (
        "Last 28 days: 20 × lesson finished (users who stayed: 6.5 on average)"
    )
    assert "failed payment" in say(counts, raises=True).en
    assert "lesson" not in say(counts, raises=True).en


def test_nothing_stands_out() -> None:
    same = {"lesson_finished": 6, "app_open": 9, "payment:failed": 0}
    assert say(same).zh == "近期活动的先后与节奏接近后来流失的用户"
    assert say(same).en == "The order and timing of recent activity resembles users who left"
    assert say(same, raises=False).en == (
        "The order and timing of recent activity resembles users who stayed"
    )
    assert say({}, stayed={}).zh == "近期活动的先后与节奏接近后来流失的用户"


def test_unknown_kinds_are_shown_as_they_are() -> None:
    said = say({"tap_dance": 9}, raises=False, stayed={})
    assert said.en == "Last 28 days: 9 × “tap dance” (users who stayed: 0 on average)"
    assert said.zh == "最近 28 天：“tap dance” 9 次（留存用户平均 0 次）"


def test_all_names_are_in_both_languages() -> None:
    for kind, name in KINDS.items():
        assert name.en.isascii(), kind
        assert not name.zh.isascii(), kind


def test_counts_equal_a_loop(world) -> None:  # type: ignore[no-untyped-def]
    frame = world.fresh.frame.take(np.array([5, 0, 9, 9]))
    counts = recent_counts(frame)
    since = frame.cutoffs.astype(float) - 28 * 86_400
    for row in range(4):
        events = slice(frame.sequences.start[row], frame.sequences.stop[row])
        recent = frame.sequences.occurred_s[events] >= since[row]
        expected = np.bincount(frame.sequences.kind[events][recent], minlength=4)
        assert counts[row].tolist() == expected.tolist()
