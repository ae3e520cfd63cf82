"""The mechanism: weekly states that move, the hazard that they make, and who leaves when.

The tables are written from a `History`; the truth is computed from it too (`truth.py`). Nothing
here knows about names, texts or files.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from sample_db.arrays import Bools, Floats, Ints, sigmoid, stream
from sample_db.campaigns import Contacts, Desk
from sample_db.mechanism import CAUSES, Mechanism
from sample_db.membership import Memberships
from sample_db.people import WEEKDAY_SHAPES, People
from sample_db.seasons import Calendar, away_factor, study_factor

NEVER = 1_000_000  # a day that does not come


@dataclass(frozen=True, slots=True)
class History:
    """What happened, shown or not. W = simulated weeks, U = users, K = causes."""

    calendar: Calendar
    people: People
    mechanism: Mechanism
    active: Bools  # (W, 7, U): used the platform on that day
    use: Floats  # (W, U): expected active days a week when not away
    busy: Floats  # (W, U): the log of harmless ups and downs in use
    away: Bools  # (W, U)
    rates: Floats  # (K, W, U): cause rates a week with frailty and contacts
    rates_before: dict[int, Floats]  # week with a campaign -> (K, U) before that week's contacts
    interest: Floats  # (W, U)
    used_up: Floats  # (W, U): share of the favourite content used up
    backlog: Floats  # (W, U): started and unfinished, in lessons
    troubled: Bools  # (W, U)
    trouble_begins: Bools  # (W, U)
    near_end: Bools  # (W, U): a term ends and nothing renews it
    member: Bools  # (W, U)
    price_shock: Floats  # (W, U)
    departures: dict[str, Ints]  # user, day, cause
    returns: dict[str, Ints]  # user, day, won_back
    memberships: Memberships
    contacts: list[Contacts]


def live(people: People, calendar: Calendar, seed: int, mechanism: Mechanism) -> History:
    """Let `people` live through the calendar."""
    m, users, weeks = mechanism, people.count, calendar.simulated_weeks
    rng = stream(seed, "world")
    members = Memberships(people, calendar, m, stream(seed, "membership"))
    desk = Desk(people, calendar.weeks, stream(seed, "campaigns"))
    study = study_factor(calendar)[people.learner]
    away_in = away_factor(calendar)
    weekday = np.roll(WEEKDAY_SHAPES, -calendar.start.weekday(), axis=1)[people.weekday_shape].T

    def weekly(kind: type) -> np.ndarray:
        return np.zeros((weeks, users), dtype=kind)

    kept: dict[str, np.ndarray] = {
        name: weekly(kind)
        for name, kind in {
            "use": np.float32, "busy": np.float32, "away": np.bool_, "interest": np.float32,
            "used_up": np.float32, "backlog": np.float32, "troubled": np.bool_,
            "trouble_begins": np.bool_, "near_end": np.bool_, "member": np.bool_,
            "price_shock": np.float32,
        }.items()
    }  # fmt: skip
    active = np.zeros((weeks, 7, users), dtype=np.bool_)
    all_rates = np.zeros((len(CAUSES), weeks, users), dtype=np.float32)
    rates_before: dict[int, Floats] = {}
    departures: list[tuple[Ints, Ints, Ints]] = []
    returns: list[tuple[Ints, Ints, Ints]] = []

    level_wear = m.wear * (1.3 - people.stamina) / 52
    interest = (m.novelty + 0.5 * people.need + 0.4 * rng.standard_normal(users)).astype(np.float32)
    stock = people.signup_day < 0
    interest[stock] -= 0.6
    busy = np.zeros(users, dtype=np.float32)
    away, troubled, outside = (np.zeros(users, dtype=np.bool_) for _ in range(3))
    used_up = (0.5 * rng.random(users) * stock).astype(np.float32)
    backlog = np.zeros(users, dtype=np.float32)
    present = stock.copy()
    gone_since, cause_of = np.full(users, -NEVER), np.zeros(users, dtype=np.int64)
    last_active = np.full(users, -NEVER)
    members.stock(np.flatnonzero(stock))

    for week in range(weeks):
        day = 7 * week
        fresh = (people.signup_day >= day) & (people.signup_day < day + 7)
        known = people.signup_day < day + 7
        # --- states
        normal = rng.standard_normal((2, users), dtype=np.float32)
        draw = rng.random((8, users), dtype=np.float32)
        age_weeks = np.maximum(day - people.signup_day, 0) / 7
        level = 0.55 * people.need + 0.25 - level_wear * age_weeks
        interest += m.interest_pull * (level - interest) * ~fresh + m.interest_noise * normal[0]
        interest = np.where(draw[0] < m.slump_rate, interest - m.slump_depth, interest)
        interest = np.clip(interest, -3.5, 3.0).astype(np.float32)
        busy = m.busy_memory * busy + m.busy_noise * normal[1]
        going = m.away_rate * people.away_rate * away_in[week]
        away = np.where(away, draw[1] < m.away_stay, draw[1] < going) & ~fresh
        enters = ~troubled & (draw[2] < m.trouble_rate * (0.6 + people.frustration)) & known
        troubled = np.where(troubled, draw[2] < m.trouble_stay, enters)
        outside = np.where(outside, draw[3] < m.outside_stay, draw[3] < m.outside_rate)
        use = people.rhythm * study[:, week]
        use = use * np.exp(m.interest_on_use * interest + m.busy_on_use * busy)
        use = np.minimum(use, 14.0).astype(np.float32)
        pace = np.minimum(use, 6.0) * ~away
        used_up = np.clip(used_up + m.use_up * pace / people.breadth - m.refresh, 0, 1.4)
        backlog = np.clip(0.95 * backlog + pace * (0.7 - people.completion), 0, 12)
        near_end, member = members.term_window(day) & known, members.plan >= 0

        # --- campaigns, then rates
        desk.run(week, last_active, members)
        rates = _rates(m, people, interest, used_up, backlog, pace, troubled, outside, members,
                       near_end, member)  # fmt: skip
        if week in desk.plan:
            desk_week = desk.week.copy()
            desk.week[desk_week == week] = -NEVER
            rates_before[week] = desk.apply(week, rates)
            desk.week = desk_week
        rates = desk.apply(week, rates)

        # --- leaving, coming back, using
        total = rates.sum(axis=0)
        leaves = present & ~fresh & (draw[4] < -np.expm1(-total))
        leave_day = np.where(leaves, day + np.floor(7 * draw[5]).astype(np.int64), NEVER)
        back = ~present & known & (day - gone_since >= m.return_after_days)
        back &= ~fresh & (draw[6] < m.return_rate)
        won = np.zeros(users, dtype=np.bool_)
        won[desk.won_back(week, np.where(present, -NEVER, gone_since), cause_of)] = True
        back_day = day + 1 + np.floor(6 * draw[7]).astype(np.int64)
        comes = back | won
        first_day = np.where(fresh, people.signup_day, np.where(comes, back_day, -NEVER))
        here = present | fresh | comes
        days = day + np.arange(7)[:, None]
        chance = -np.expm1(-use * np.where(away, m.away_use, 1.0) * weekday / 7)
        on = rng.random((7, users), dtype=np.float32) < chance
        on = (on & here & (days >= first_day) & (days < leave_day)) | (days == first_day) & here
        active[week] = on
        last_active = np.where(on.any(axis=0), day + 6 - on[::-1].argmax(axis=0), last_active)

        # --- money, after the leaving of this week is known
        fresh_ids = np.flatnonzero(fresh)
        members.sell_first(fresh_ids)
        members.step(week, interest, present, leave_day)

        # --- book-keeping
        gone_ids = np.flatnonzero(leaves)
        share = rates[:, gone_ids].cumsum(axis=0) / total[gone_ids]
        cause_of[gone_ids] = (
            (rng.random(len(gone_ids)) > share).sum(axis=0).clip(0, len(CAUSES) - 1)
        )
        gone_since[gone_ids] = leave_day[gone_ids]
        departures.append((gone_ids, leave_day[gone_ids], cause_of[gone_ids]))
        back_ids = np.flatnonzero(comes)
        returns.append((back_ids, back_day[back_ids], won[back_ids].astype(np.int64)))
        interest[back_ids] = np.maximum(interest[back_ids], 0.4)
        troubled[back_ids] = outside[back_ids] = False
        used_up[back_ids] *= 0.6
        members.trouble[back_ids] = 0
        members.shock[back_ids] = 0
        present = here & ~leaves
        all_rates[:, week] = rates
        kept["use"][week], kept["away"][week], kept["interest"][week] = use, away, interest
        kept["busy"][week] = busy
        kept["used_up"][week], kept["backlog"][week] = used_up, backlog
        kept["troubled"][week], kept["trouble_begins"][week] = troubled, enters & present
        kept["near_end"][week], kept["member"][week] = near_end, member
        kept["price_shock"][week] = members.shock

    return History(
        calendar=calendar, people=people, mechanism=m, active=active, rates=all_rates,
        rates_before=rates_before, memberships=members, contacts=desk.log,
        departures=_columns(departures, ("user", "day", "cause")),
        returns=_columns(returns, ("user", "day", "won_back")), **kept,
    )  # fmt: skip


def _rates(
    m: Mechanism,
    people: People,
    interest: Floats,
    used_up: Floats,
    backlog: Floats,
    pace: Floats,
    troubled: Bools,
    outside: Bools,
    members: Memberships,
    near_end: Bools,
    member: Bools,
) -> Floats:
    """Cause rates a week (cause, user), in the order of CAUSES, before any contact."""
    lost = m.fading_from - interest
    fading = np.minimum(m.fading * np.exp(m.fading_steep * lost), m.fading_cap)
    weary = sigmoid(-1.5 * (interest + 0.2))
    payment = m.payment * members.trouble * (0.5 + people.price_sensitivity)
    exhausted = m.exhausted * sigmoid(m.exhausted_steep * (used_up - m.exhausted_at))
    exhausted = exhausted * (0.5 + weary)
    price = m.price * members.shock * people.price_sensitivity**2
    support = m.support * troubled * (0.25 + people.frustration) * (1 + weary)
    term = m.term * near_end * (0.15 + 1.7 * weary * (0.5 + people.price_sensitivity))
    idle = member * np.exp(-0.9 * pace) * np.minimum(backlog / 4 + 0.35, 1.5)
    unused = m.unused * idle * (0.4 + weary)
    gone_elsewhere = m.outside * outside
    rates = np.stack([fading, payment, exhausted, price, support, term, unused, gone_elsewhere])
    return np.asarray((rates + m.floor) * people.frailty, dtype=np.float32)


def _columns(rows: list[tuple[Ints, Ints, Ints]], names: tuple[str, ...]) -> dict[str, Ints]:
    return {name: np.concatenate([row[i] for row in rows]) for i, name in enumerate(names)}
