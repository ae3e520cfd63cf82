"""Single purchases of courses, columns and audiobooks, and the payment table as a whole."""

from __future__ import annotations

import numpy as np

from sample_db.arrays import MICROSECONDS_PER_DAY, stream
from sample_db.behaviour import Sessions
from sample_db.membership import FAILED, NO_COUPON, PROMOTION_COUPON, REFUNDED, SUCCEEDED
from sample_db.people import TOPICS
from sample_db.seasons import promotion
from sample_db.titles import Titles
from sample_db.world import History

BUYS_PER_SESSION = 0.011
MEMBER_BUYS = 0.5  # members buy half as often: much is included
FAILS = 0.04
REFUNDED_SHARE = 0.03
COUPON_SHARE, COUPON_OFF = 0.18, 0.20


def payments(
    history: History, visits: Sessions, titles: Titles, seed: int
) -> dict[str, np.ndarray]:
    """All payments as arrays in time order; `title` is -1 for memberships, `plan` for titles."""
    rng = stream(seed, "shop")
    people, weeks = history.people, visits.day // 7
    chance = BUYS_PER_SESSION * promotion(history.calendar)[weeks]
    chance = chance * np.where(history.member[weeks, visits.user], MEMBER_BUYS, 1.0)
    rows = np.flatnonzero(rng.random(len(weeks)) < chance)
    user, day = visits.user[rows], visits.day[rows]
    rank = np.floor(people.breadth[user] * rng.random(len(user)) ** 1.5).astype(np.int64)
    pool = people.topics[user, rank] + TOPICS * people.english[user]
    out_now = titles.published_in_pool(pool, day)
    title = titles.pool_start.ravel()[pool] + np.floor(rng.random(len(user)) * out_now).astype(
        np.int64
    )
    coupon = rng.random(len(user)) < COUPON_SHARE * (0.4 + 1.5 * people.price_sensitivity[user])
    amount = np.round(titles.price[title] * np.where(coupon, 1 - COUPON_OFF, 1.0), 2)
    status = np.where(rng.random(len(user)) < FAILS, FAILED, SUCCEEDED)
    single = {
        "user": user, "day": day, "amount": amount, "status": status,
        "plan": np.full(len(user), -1), "coupon": np.where(coupon, PROMOTION_COUPON, NO_COUPON),
        "title": title,
    }  # fmt: skip
    back = np.flatnonzero((status == SUCCEEDED) & (rng.random(len(user)) < REFUNDED_SHARE))
    refunds = {name: column[back] for name, column in single.items()}
    refunds["day"] = refunds["day"] + rng.integers(1, 8, len(back))
    refunds["status"] = np.full(len(back), REFUNDED)
    tables = [
        {**part, "title": np.full(len(part["user"]), -1)} for part in history.memberships.payments
    ]
    tables += [single, refunds]
    out = {name: np.concatenate([part[name] for part in tables]) for name in single}
    # The hour is the shop's, not the learner's: renewals run in the early morning (UTC+8).
    second = (
        np.where(out["title"] < 0, 3_600 * 18.0, 3_600 * 4.0) + rng.random(len(out["day"])) * 18_000
    )
    out["occurred"] = out["day"] * MICROSECONDS_PER_DAY + (second * 1e6).astype(np.int64)
    moment = np.minimum(second + rng.exponential(30.0, len(second)), 86_399.0)
    out["known"] = out["day"] * MICROSECONDS_PER_DAY + np.maximum(
        (moment * 1e6).astype(np.int64), (second * 1e6).astype(np.int64)
    )
    keep = np.flatnonzero(out["day"] < history.calendar.days)
    order = keep[np.argsort(out["known"][keep], kind="stable")]
    return {name: column[order] for name, column in out.items()}
