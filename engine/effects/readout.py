"""What a campaign changed: intention to treat, everyone as assigned, counts in."""

from __future__ import annotations

import math
from statistics import NormalDist

from engine.errors import DataError
from engine.types import Effect, Interval, Words

SAMPLE_RATIO_ALARM = 0.001
"""A sample-ratio check below this p says that the assignment was not as planned."""
POWER = 0.8
WANTED_DIFFERENCE = 0.02
"""The effect that an undecided read-out plans for: two points of retention."""

_Z95 = NormalDist().inv_cdf(0.975)
_Z_POWER = NormalDist().inv_cdf(POWER)


def read_out(
    campaign_id: str,
    campaign: str,
    *,
    treated: int,
    treated_retained: int,
    held_out: int,
    held_out_retained: int,
    planned_holdout: float | None = None,
) -> Effect:
    """The effect of a campaign on retention from counts of people as assigned.

    `treated` counts everyone assigned to treatment whose outcome is known, delivered or not.
    `planned_holdout` in (0, 1) turns on the sample-ratio check. Raises `DataError` for counts that
    cannot be.
    """
    for retained, total, arm in (
        (treated_retained, treated, "treated"),
        (held_out_retained, held_out, "held-out"),
    ):
        if not 0 <= retained <= total:
            raise DataError("bad_counts", f"{retained} of {total} {arm} users cannot be retained")
    if not treated or not held_out:
        words = _one_sided(treated, held_out)
        return Effect(
            campaign_id, campaign, treated, held_out, treated_retained, held_out_retained,
            None, None, None, "cannot_tell", words,
        )  # fmt: skip
    lift = newcombe(treated_retained, treated, held_out_retained, held_out)
    ratio_p = (
        None if planned_holdout is None else sample_ratio_p(treated, held_out, planned_holdout)
    )
    base = held_out_retained / held_out
    detectable = detectable_effect(base, treated, held_out)
    if ratio_p is not None and ratio_p < SAMPLE_RATIO_ALARM:
        verdict, words = "cannot_tell", _ratio_alarm(treated, held_out, ratio_p)
    elif lift.low > 0:
        verdict, words = "works", _works(lift)
    elif lift.high < 0:
        verdict, words = "hurts", _hurts(lift)
    else:
        share = held_out / (treated + held_out)
        more = max(0, users_needed(base, WANTED_DIFFERENCE, share) - treated - held_out)
        verdict, words = "cannot_tell", _undecided(lift, detectable, more)
    return Effect(
        campaign_id, campaign, treated, held_out, treated_retained, held_out_retained,
        lift, ratio_p, detectable, verdict, words,  # type: ignore[arg-type]
    )  # fmt: skip


def wilson(successes: int, total: int, level: float = 0.95) -> tuple[float, float]:
    """Wilson's score interval of a rate."""
    z = NormalDist().inv_cdf((1 + level) / 2)
    rate = successes / total
    middle = rate + z * z / (2 * total)
    half = z * math.sqrt(rate * (1 - rate) / total + z * z / (4 * total * total))
    scale = 1 + z * z / total
    return max(0.0, (middle - half) / scale), min(1.0, (middle + half) / scale)


def newcombe(
    successes_a: int, total_a: int, successes_b: int, total_b: int, level: float = 0.95
) -> Interval:
    """The rate of a minus the rate of b with Newcombe's hybrid score interval.

    Source: Newcombe 1998, Statistics in Medicine 17, 873-890, method 10.
    """
    rate_a, rate_b = successes_a / total_a, successes_b / total_b
    low_a, high_a = wilson(successes_a, total_a, level)
    low_b, high_b = wilson(successes_b, total_b, level)
    difference = rate_a - rate_b
    return Interval(
        difference,
        difference - math.hypot(rate_a - low_a, high_b - rate_b),
        difference + math.hypot(high_a - rate_a, rate_b - low_b),
    )


def sample_ratio_p(treated: int, held_out: int, planned_holdout: float) -> float:
    """The p-value of the chi-square test that the arms have the planned sizes."""
    if not 0 < planned_holdout < 1:
        raise DataError("bad_share", f"A planned holdout of {planned_holdout!r} can't be checked")
    total = treated + held_out
    expected = total * planned_holdout
    chi_square = (held_out - expected) ** 2 * (1 / expected + 1 / (total - expected))
    return math.erfc(math.sqrt(chi_square / 2))  # one degree of freedom


def detectable_effect(base_rate: float, treated: int, held_out: int) -> float:
    """The smallest difference of rates seen with 80 % power (two-sided 5 %) at these sizes."""
    # one success and one failure more: a rate of 0 or 1 in a small arm is not free of noise
    rate = (base_rate * held_out + 1) / (held_out + 2)
    deviation = math.sqrt(rate * (1 - rate) * (1 / treated + 1 / held_out))
    return (_Z95 + _Z_POWER) * deviation


def users_needed(base_rate: float, difference: float, holdout_share: float) -> int:
    """How many users in both arms show `difference` with 80 % power (two-sided 5 %)."""
    other = min(1.0, max(0.0, base_rate + difference))
    variance = base_rate * (1 - base_rate) / holdout_share + other * (1 - other) / (
        1 - holdout_share
    )
    return math.ceil((_Z95 + _Z_POWER) ** 2 * variance / difference**2)


def _points(lift: Interval) -> str:
    return f"{100 * lift.estimate:+.1f} [{100 * lift.low:+.1f}, {100 * lift.high:+.1f}]"


def _works(lift: Interval) -> Words:
    return Words(
        f"有效：留存率提高 {_points(lift)} 个百分点。",
        f"It works: retention changed by {_points(lift)} points.",
    )


def _hurts(lift: Interval) -> Words:
    return Words(
        f"有害：留存率变化 {_points(lift)} 个百分点，建议停止。",
        f"It hurts: retention changed by {_points(lift)} points; stop it.",
    )


def _undecided(lift: Interval, detectable: float, more: int) -> Words:
    wanted = 100 * WANTED_DIFFERENCE
    zh = (
        f"尚无定论：留存率变化 {_points(lift)} 个百分点；"
        f"目前的人数只能看出 {100 * detectable:.1f} 个百分点以上的差异"
    )
    en = (
        f"Cannot tell yet: retention changed by {_points(lift)} points; at these sizes only "
        f"{100 * detectable:.1f} points or more would be seen"
    )
    if more:
        about = f"{float(f'{more:.2g}'):,.0f}"
        zh += f"，要看出 {wanted:.0f} 个百分点还需约 {about} 人"
        en += f"; about {about} more users are needed to see {wanted:.0f} points"
    return Words(zh + "。", en + ".")


def _ratio_alarm(treated: int, held_out: int, p: float) -> Words:
    return Words(
        f"不能下结论：干预 {treated:,} 人、对照 {held_out:,} 人，与计划的分组比例不符"
        f"（p = {p:.1g}），请先检查分组。",
        f"Cannot tell: {treated:,} treated and {held_out:,} held out do not match the planned "
        f"shares (p = {p:.1g}); check the assignment first.",
    )


def _one_sided(treated: int, held_out: int) -> Words:
    if treated:
        return Words(
            "不能下结论：没有结果已知的对照组。",
            "Cannot tell: no held-out user has a known outcome.",
        )
    if held_out:
        return Words(
            "不能下结论：没有结果已知的被干预用户。",
            "Cannot tell: no treated user has a known outcome.",
        )
    return Words("还没有结果：观察窗口尚未结束。", "No outcome yet: the windows are still open.")
