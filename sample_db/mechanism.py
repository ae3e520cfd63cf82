"""The constants of the churn mechanism, each with its meaning: this is the world to be learnt."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from sample_db.arrays import Doubles

CAUSES = (
    "fading_use",
    "payment_failure",
    "content_exhausted",
    "price",
    "support_trouble",
    "term_ending",
    "unused_value",
    "outside",  # a rival, an exam passed, a birth: nothing in the tables shows it
)
TEMPLATES = (
    "care_check_in",
    "unused_value",
    "content_recommendation",
    "payment_failed",
    "discount",
    "membership_ending",
)


@dataclass(frozen=True, slots=True)
class Mechanism:
    """Rates are per week; a user's hazard of leaving is 1 - exp(-frailty x sum of cause rates)."""

    # interest: what keeps a learner; pulls activity only in part
    interest_pull: float = 0.10  # share of the gap to its level that it closes in a week
    interest_noise: float = 0.30
    novelty: float = 0.9  # interest above its level at sign-up
    wear: float = 0.55  # how far the level falls over a year at no stamina
    slump_rate: float = 0.014  # sudden loss of interest ...
    slump_depth: float = 1.7  # ... by this much
    interest_on_use: float = 0.22  # log activity per unit of interest
    # busyness: moves activity as much as interest does, and harms nobody
    busy_memory: float = 0.82
    busy_noise: float = 0.42
    busy_on_use: float = 1.0
    # vacations: long silences that mean nothing
    away_rate: float = 0.045
    away_stay: float = 0.50  # P(still away the next week)
    away_use: float = 0.02  # activity while away

    # causes: base rates
    floor: float = 0.0002  # each cause's rate when nothing is wrong
    fading: float = 0.0025  # at interest = fading_from
    fading_from: float = -0.9
    fading_steep: float = 2.6  # log rate per unit of lost interest (convex), capped:
    fading_cap: float = 0.60
    payment: float = 0.20
    exhausted: float = 0.09
    exhausted_at: float = 1.0  # the share of favourite content used up at the middle of the rise
    exhausted_steep: float = 16.0
    price: float = 1.1  # x shock x price sensitivity squared
    support: float = 0.70  # x (0.25 + frustration), twice that when also losing interest
    term: float = 0.11
    unused: float = 0.032
    outside: float = 0.80
    # hidden states: P(enters), P(stays)
    trouble_rate: float = 0.0055
    trouble_stay: float = 0.66
    outside_rate: float = 0.0055
    outside_stay: float = 0.55
    card_breaks: float = 0.004  # an expired or empty card ...
    card_mended: float = 0.06
    payment_memory: float = 0.70  # how much of the annoyance with a failed charge stays a week
    price_memory: float = 0.72
    # content: share of the favourite topics used up
    use_up: float = 0.016  # per active day of a learner with one favourite topic
    refresh: float = 0.016  # a week's new titles
    # coming back on one's own, after eight weeks at least
    return_after_days: int = 56
    return_rate: float = 0.007


# How much of a contact's effect is left k weeks after it (week 0: the week of the contact).
CONTACT_FADES: Doubles = np.array([1.0, 1.0, 0.8, 0.6, 0.4, 0.2])

# Log multiplier of each cause's rate by template (rows) at mean responsiveness: negative helps.
#   fading, payment, exhausted, price, support, term, unused, outside
CONTACT_EFFECT: Doubles = np.array(
    [
        [-0.90, -0.10, 0.00, 0.00, -0.45, 0.00, -0.10, 0.00],  # care_check_in
        [-0.20, 0.00, 0.00, 0.10, 0.00, -0.15, -1.00, 0.00],  # unused_value
        [-0.40, 0.00, -1.20, 0.00, 0.00, 0.00, -0.20, 0.00],  # content_recommendation
        [0.00, -1.30, 0.00, 0.00, 0.00, -0.20, 0.00, 0.00],  # payment_failed
        [0.00, -0.05, 0.00, -0.90, 0.00, -0.30, -0.05, 0.00],  # discount
        [0.00, -0.20, 0.00, 0.10, 0.00, -0.90, 0.10, 0.00],  # membership_ending
    ]
)
# P(someone who left in the last five weeks comes back) by template and the cause of leaving.
WIN_BACK: Doubles = np.array(
    [
        [0.34, 0.05, 0.06, 0.02, 0.14, 0.04, 0.08, 0.01],
        [0.10, 0.02, 0.03, 0.01, 0.02, 0.06, 0.32, 0.01],
        [0.16, 0.01, 0.42, 0.01, 0.01, 0.03, 0.10, 0.01],
        [0.01, 0.45, 0.00, 0.01, 0.02, 0.06, 0.01, 0.00],
        [0.00, 0.02, 0.00, 0.10, 0.00, 0.03, 0.01, 0.00],
        [0.02, 0.06, 0.01, 0.03, 0.01, 0.28, 0.02, 0.00],
    ]
)
WIN_BACK_DAYS = 35
DOG_EFFECT = 0.75  # log multiplier of every cause's rate for a sleeping dog, whatever the mail says
DOG_SHOCK = 0.020  # and what the mail adds to the rate of losing interest
