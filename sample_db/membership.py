"""Memberships: terms, renewals, charges that fail, prices that rise, people who cancel."""

from __future__ import annotations

import numpy as np

from sample_db.arrays import Bools, Doubles, Floats, Ints, sigmoid
from sample_db.mechanism import Mechanism
from sample_db.people import People
from sample_db.seasons import Calendar, promotion

PLANS = ("monthly", "quarterly", "annual")
PLAN_DAYS = np.array([30, 90, 365])
LIST_PRICE = np.array([45.0, 118.0, 388.0])  # CNY
PRICE_RISE = 1.13  # the price list after the rise ...
PRICE_RISE_AT = 0.62  # ... at this share of the period
INTRO_SHARE, INTRO_OFF = 0.35, 0.40  # first terms sold at a discount
PROMOTION_OFF = 0.25
JOINS_AT_SIGNUP = 0.42
JOINS_WEEKLY = 0.011  # later, in an ordinary week
AUTO_RENEW_SHARE = 0.62
CHARGE_FAILS, CHARGE_FAILS_BAD_CARD = 0.025, 0.75
RETRY_DAYS = (2, 5)
RETRY_WORKS, RETRY_WORKS_BAD_CARD = 0.55, 0.08
CANCELS_ON_LEAVING = 0.30  # those who have left and still cancel at once
CANCELS_AFTER_CHARGE, REFUND_AFTER_CHARGE = 0.50, 0.12  # gone users, after a charge
TERM_WINDOW_DAYS = 14  # before and after an end that nothing renews by itself

NO_COUPON, INTRO_COUPON, PROMOTION_COUPON, STAY_COUPON = 0, 1, 2, 3
COUPONS = ("", "NEW40", "DOUBLE25", "STAY")
SUCCEEDED, FAILED, REFUNDED = 0, 1, 2
STATUSES = ("succeeded", "failed", "refunded")


class Memberships:
    """The running membership of every user, and the rows that it leaves behind."""

    def __init__(
        self, people: People, calendar: Calendar, mechanism: Mechanism, rng: np.random.Generator
    ) -> None:
        users = people.count
        self.people, self.mechanism, self.rng = people, mechanism, rng
        self.promotion = promotion(calendar)
        self.price_rise_day = int(PRICE_RISE_AT * calendar.days)
        self.plan = np.full(users, -1)
        self.end_day = np.full(users, -10_000)
        self.auto = np.zeros(users, dtype=np.bool_)
        self.price = np.zeros(users)
        self.row = np.full(users, -1)
        self.bad_card = np.zeros(users, dtype=np.bool_)
        self.trouble: Floats = np.zeros(users, dtype=np.float32)  # annoyance with a failed charge
        self.shock: Floats = np.zeros(users, dtype=np.float32)  # share by which the price rose
        self.offer = np.zeros(users)  # share off the next renewal
        self.offer_until = np.full(users, -1)
        self.last_failure = np.full(users, -10_000)
        self.rows = 0
        self.terms: list[dict[str, np.ndarray]] = []
        self.cancels: list[tuple[Ints, Ints]] = []  # (row of terms, day)
        self.payments: list[dict[str, np.ndarray]] = []

    def term_window(self, day: int) -> Bools:
        """Who stands near the end of a term that nothing renews by itself."""
        soon = (self.plan >= 0) & ~self.auto & (self.end_day - day <= TERM_WINDOW_DAYS)
        return soon | ((self.plan < 0) & (day - self.end_day <= TERM_WINDOW_DAYS))

    def sell_first(self, fresh: Ints) -> None:
        """Some of those who sign up in this week buy a membership at once."""
        buyers = fresh[self.rng.random(len(fresh)) < JOINS_AT_SIGNUP]
        self._new_member(buyers, self.people.signup_day[buyers])

    def stock(self, users: Ints) -> None:
        """Give the members among the users of before day 0 a term that runs already."""
        members = users[self.rng.random(len(users)) < JOINS_AT_SIGNUP]
        plan = self._choose_plan(len(members))
        age = np.floor(self.rng.random(len(members)) * PLAN_DAYS[plan]).astype(np.int64)
        age = np.minimum(age, -self.people.signup_day[members])
        self._term(members, plan, -age, LIST_PRICE[plan], self._auto(members))
        self._pay(members, -age, LIST_PRICE[plan], SUCCEEDED, plan, NO_COUPON)

    def step(self, week: int, interest: Floats, present: Bools, leave_day: Ints) -> None:
        """One week of renewals, joins and cancellations, after the week's leaving is known.

        `present`: at the start of the week; `leave_day`: the day of leaving, far off if none.
        """
        m, rng, day = self.mechanism, self.rng, 7 * week
        users = self.people.count
        self.trouble *= m.payment_memory
        self.shock *= m.price_memory
        draw = rng.random((4, users))
        self.bad_card = np.where(self.bad_card, draw[0] > m.card_mended, draw[0] < m.card_breaks)
        stays = present & (leave_day >= day + 7)

        member = self.plan >= 0
        wants_out = 0.002 + 0.35 * self.shock * self.people.price_sensitivity
        wants_out += 0.012 * sigmoid(-3 * (interest + 0.8))
        self._cancel(
            np.flatnonzero(member & self.auto & present & (draw[1] < wants_out)),
            day + rng.integers(0, 7, users),
        )
        left = present & ~stays & member & self.auto & (draw[2] < CANCELS_ON_LEAVING)
        self._cancel(np.flatnonzero(left), leave_day + rng.integers(0, 6, users))

        join = JOINS_WEEKLY * self.promotion[week] * (1 + 3 * (day - self.end_day < 42))
        join = join * np.exp(0.5 * np.clip(interest, -2, 2))
        joins = np.flatnonzero(stays & ~member & (draw[3] < join))
        due = np.flatnonzero(member & (self.end_day >= day) & (self.end_day < day + 7))
        self._renew(due, present & (leave_day > self.end_day), interest)
        self._new_member(joins, day + rng.integers(0, 7, len(joins)))

    # --- one concept each ---------------------------------------------------------------

    def _renew(self, due: Ints, alive: Bools, interest: Floats) -> None:
        auto, here = self.auto[due], alive[due]
        by_hand = sigmoid(0.2 + 1.2 * interest[due] - 1.5 * self.people.price_sensitivity[due])
        charged = due[auto | (here & (self.rng.random(len(due)) < by_hand))]
        plans = self.plan[due]
        self.plan[due] = -1
        day = self.end_day[charged]
        plan = plans[np.searchsorted(due, charged)]
        offered = self.offer_until[charged] >= day
        price = self._list_price(plan, day) * np.where(offered, 1 - self.offer[charged], 1.0)
        coupon = np.where(offered, STAY_COUPON, NO_COUPON)
        self.offer_until[charged[offered]] = -1
        bad = self.bad_card[charged]
        fails = self.rng.random(len(charged)) < np.where(bad, CHARGE_FAILS_BAD_CARD, CHARGE_FAILS)
        paid_on = np.where(fails, -1, day)
        self._pay(charged[fails], day[fails], price[fails], FAILED, plan[fails], coupon[fails])
        self.last_failure[charged[fails]] = day[fails]
        for wait in RETRY_DAYS:
            open_ = paid_on < 0
            chance = np.where(bad, RETRY_WORKS_BAD_CARD, RETRY_WORKS)
            works = open_ & (self.rng.random(len(charged)) < chance)
            again = open_ & ~works
            paid_on[works] = day[works] + wait
            self._pay(
                charged[again], day[again] + wait, price[again], FAILED, plan[again], coupon[again]
            )
        ok = paid_on >= 0
        self.trouble[charged[fails & ok]] = np.maximum(self.trouble[charged[fails & ok]], 0.25)
        self.trouble[charged[~ok]] = 1.0
        rise = np.maximum(price[ok] / np.maximum(self.price[charged[ok]], 1.0) - 1, 0)
        self.shock[charged[ok]] = np.maximum(self.shock[charged[ok]], rise)
        self._pay(charged[ok], paid_on[ok], price[ok], SUCCEEDED, plan[ok], coupon[ok])
        self._term(
            charged[ok], plan[ok], paid_on[ok], price[ok], auto[np.searchsorted(due, charged[ok])]
        )
        self._after_charge_of_gone(charged[ok & ~alive[charged]])

    def _after_charge_of_gone(self, gone: Ints) -> None:
        """People who have left notice the charge: some cancel, some want the money back."""
        draw = self.rng.random((2, len(gone)))
        cancels = gone[draw[0] < CANCELS_AFTER_CHARGE]
        started = self.end_day - PLAN_DAYS[np.maximum(self.plan, 0)]
        self._cancel(cancels, started + self.rng.integers(0, 9, self.people.count))
        back = gone[draw[1] < REFUND_AFTER_CHARGE]
        self._pay(
            back,
            started[back] + self.rng.integers(1, 8, len(back)),
            self.price[back],
            REFUNDED,
            self.plan[back],
            NO_COUPON,
        )

    def _new_member(self, buyers: Ints, day: Ints) -> None:
        plan = self._choose_plan(len(buyers))
        week = np.maximum(day, 0) // 7
        draw = self.rng.random(len(buyers))
        intro = (draw < INTRO_SHARE) & (self.end_day[buyers] < -9_000)
        promoted = ~intro & (self.promotion[week] > 1.5)
        off = np.where(intro, INTRO_OFF, np.where(promoted, PROMOTION_OFF, 0.0))
        coupon = np.where(intro, INTRO_COUPON, np.where(promoted, PROMOTION_COUPON, NO_COUPON))
        price = self._list_price(plan, day) * (1 - off)
        self._pay(buyers, day, price, SUCCEEDED, plan, coupon)
        self._term(buyers, plan, day, price, self._auto(buyers))

    def _choose_plan(self, count: int) -> Ints:
        return self.rng.choice(3, size=count, p=[0.55, 0.23, 0.22]).astype(np.int64)

    def _auto(self, users: Ints) -> Bools:
        return np.asarray(self.rng.random(len(users)) < AUTO_RENEW_SHARE)

    def _list_price(self, plan: Ints, day: Ints) -> Doubles:
        return np.round(LIST_PRICE[plan] * np.where(day >= self.price_rise_day, PRICE_RISE, 1.0), 0)

    def _term(self, users: Ints, plan: Ints, day: Ints, price: Doubles, auto: Bools) -> None:
        self.plan[users], self.end_day[users] = plan, day + PLAN_DAYS[plan]
        self.auto[users], self.price[users] = auto, price
        self.row[users] = self.rows + np.arange(len(users))
        self.rows += len(users)
        self.terms.append(
            {
                "user": users,
                "plan": plan,
                "day": day,
                "end": day + PLAN_DAYS[plan],
                "auto": auto,
                "price": price,
            }
        )

    def _cancel(self, users: Ints, day_of_user: Ints) -> None:
        self.auto[users] = False
        self.cancels.append((self.row[users], day_of_user[users]))

    def _pay(
        self, users: Ints, day: Ints, amount: Doubles, status: int, plan: Ints, coupon: Ints | int
    ) -> None:
        self.payments.append(
            {
                "user": users,
                "day": day,
                "amount": np.round(amount, 2),
                "status": np.full(len(users), status),
                "plan": plan,
                "coupon": np.broadcast_to(coupon, users.shape).astype(np.int64),
            }
        )
