"""Past campaigns: whom the platform wrote to, by which draw, and what the contact changed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from sample_db.arrays import Bools, Doubles, Floats, Ints
from sample_db.mechanism import (
    CONTACT_EFFECT,
    CONTACT_FADES,
    DOG_EFFECT,
    DOG_SHOCK,
    TEMPLATES,
    WIN_BACK,
    WIN_BACK_DAYS,
)
from sample_db.membership import Memberships
from sample_db.people import People

ACTIVE_WITHIN_DAYS = 28  # who may be written to, and the rule's eligible
TARGETED_HOLDOUT = 0.10
OFFER_VALID_DAYS = 42
Audience = Literal["everyone", "failed_charge", "ending", "quiet"]


@dataclass(frozen=True, slots=True)
class Campaign:
    """One past campaign; `weeks_before_end` places it, early ones fall out of short histories."""

    name: str
    weeks_before_end: int
    template: str
    audience: Audience
    holdout: float
    offer_percent: float = 0.0
    share: float = 1.0  # of the audience that was entered at all


CAMPAIGNS = (
    Campaign("care-trial", 47, "care_check_in", "everyone", 0.5, share=0.85),
    Campaign("failed-charges-1", 42, "payment_failed", "failed_charge", TARGETED_HOLDOUT),
    Campaign("ending-1", 38, "membership_ending", "ending", TARGETED_HOLDOUT),
    Campaign("recommendation-trial", 34, "content_recommendation", "everyone", 0.5, share=0.85),
    Campaign("failed-charges-2", 30, "payment_failed", "failed_charge", TARGETED_HOLDOUT),
    Campaign("unused-value-push", 27, "unused_value", "quiet", TARGETED_HOLDOUT, share=0.5),
    Campaign("discount-trial", 22, "discount", "everyone", 0.5, 20.0, share=0.85),
    Campaign("failed-charges-3", 18, "payment_failed", "failed_charge", TARGETED_HOLDOUT),
    Campaign("ending-2", 16, "membership_ending", "ending", TARGETED_HOLDOUT),
    Campaign("quiet-discount", 14, "discount", "quiet", TARGETED_HOLDOUT, 30.0, share=0.4),
)


@dataclass(frozen=True, slots=True)
class Contacts:
    """The rows of one campaign: everyone entered, held out or not."""

    campaign: Campaign
    week: int
    users: Ints
    treated: Bools
    propensity: Doubles  # of the arm taken


class Desk:
    """Keeps who was last written to, and turns that into changed rates."""

    def __init__(self, people: People, weeks: int, rng: np.random.Generator) -> None:
        self.people, self.rng = people, rng
        self.template = np.full(people.count, -1)
        self.week = np.full(people.count, -10_000)
        self.log: list[Contacts] = []
        self.plan: dict[int, list[Campaign]] = {}
        for campaign in CAMPAIGNS:
            week = weeks - campaign.weeks_before_end
            if week * 7 >= ACTIVE_WITHIN_DAYS:
                self.plan.setdefault(week, []).append(campaign)

    def run(self, week: int, last_active: Ints, members: Memberships) -> None:
        """Draw and send this week's campaigns, from what the platform could see."""
        day = 7 * week
        for campaign in self.plan.get(week, ()):
            quiet_days = day - last_active
            audience = (last_active >= 0) & (quiet_days <= ACTIVE_WITHIN_DAYS)
            if campaign.audience == "failed_charge":
                audience &= day - members.last_failure <= 28
            else:
                audience &= self.people.consent
            if campaign.audience == "ending":
                audience &= members.term_window(day) & (members.plan >= 0)
            if campaign.audience == "quiet":
                audience &= quiet_days + self.rng.normal(0, 5, len(quiet_days)) > 12
            if campaign.share < 1:
                audience &= self.rng.random(len(audience)) < campaign.share
            users = np.flatnonzero(audience)
            treated = self.rng.random(len(users)) >= campaign.holdout
            propensity = np.where(treated, 1 - campaign.holdout, campaign.holdout)
            self.log.append(Contacts(campaign, week, users, treated, propensity))
            written = users[treated]
            self.template[written] = TEMPLATES.index(campaign.template)
            self.week[written] = week
            if campaign.offer_percent:
                members.offer[written] = campaign.offer_percent / 100
                members.offer_until[written] = day + OFFER_VALID_DAYS

    def apply(self, week: int, rates: Floats) -> Floats:
        """The rates (cause, user) of this week after what contacts so far have changed."""
        lag = week - self.week
        users = np.flatnonzero(lag < len(CONTACT_FADES))
        changed = rates.copy()
        changed[:, users] = contacted(
            rates[:, users], self.people, users, self.template[users], CONTACT_FADES[lag[users]]
        )
        return changed

    def won_back(self, week: int, gone_since: Ints, cause: Ints) -> Ints:
        """Users who had left a short time ago and come back because of this week's mail."""
        day = 7 * week
        users = np.flatnonzero((self.week == week) & (day - gone_since <= WIN_BACK_DAYS))
        chance = win_back(self.people, users, self.template[users])[
            cause[users], np.arange(len(users))
        ]
        return users[self.rng.random(len(users)) < chance]


def contacted(
    rates: Floats, people: People, users: Ints, template: Ints, left: Doubles | float
) -> Floats:
    """Rates (cause, user) of `users` under `template` when the share `left` of its effect acts."""
    dog = people.sleeping_dog[users]
    log_effect = CONTACT_EFFECT[template].T * people.responsiveness[users]
    log_effect = np.where(dog, DOG_EFFECT, log_effect) * left
    changed = rates * np.exp(log_effect)
    changed[0] += DOG_SHOCK * dog * left
    return np.asarray(changed, dtype=np.float32)


def win_back(people: People, users: Ints, template: Ints) -> Doubles:
    """P(comes back after `template`) for someone who has just left: (cause, user)."""
    reached = np.minimum(people.responsiveness[users], 2.0) * ~people.sleeping_dog[users]
    return np.asarray(WIN_BACK[template].T * reached)
