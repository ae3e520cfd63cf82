"""The truth: what an observer who knows the mechanism and the hidden states could know at best.

At a cutoff c the oracle knows the constants, every trait, and the states in force at c; it sees
the same silence as the tables show (sessions that arrived late count as silent). It does not know
who has left: it holds a posterior, filtered day by day from silence, the user's own rhythm and the
hazard of those days. It does not know the future: rates are carried on by their persistence.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from sample_db.arrays import Bools, Doubles, Floats, Ints
from sample_db.campaigns import contacted, win_back
from sample_db.mechanism import CAUSES, CONTACT_FADES, TEMPLATES
from sample_db.people import WEEKDAY_SHAPES
from sample_db.world import History

LEAD_DAYS, HORIZON_DAYS, ACTIVE_WITHIN_DAYS = 7, 28, 28
FIRST_CUTOFF_WEEK = 8
# How much of a cause's excess over its mean is still there a week later.
PERSISTENCE = np.array([0.93, 0.70, 0.97, 0.72, 0.66, 0.60, 0.90, 0.55])

# Three-point Gauss-Hermite rule over how busy the coming weeks turn out.
BUSY_NODES = (-(3**0.5), 0.0, 3**0.5)
BUSY_WEIGHTS = (1 / 6, 2 / 3, 1 / 6)


@dataclass(frozen=True, slots=True)
class Hazard:
    """One row per eligible user and cutoff, all arrays of length N (shares: (K, N))."""

    user: Ints
    week: Ints
    p_churn: Doubles
    label: Ints
    p_gone: Doubles  # posterior of having left before the cutoff
    weekly_hazard: Doubles  # of leaving in the week after the cutoff
    shares: Doubles  # of p_churn by cause; the rest up to 1 is silence without leaving
    calibration: tuple[float, float]  # scale and shift of the log-odds of the projection


def eligible(history: History, seen: Bools, late: tuple[Ints, Ints, Ints], week: int) -> Bools:
    """Users with a session in the 28 days before the cutoff that was known by then.

    `seen`: (days, U) sessions that were known on their own day; `late`: user, day, known day.
    """
    day = 7 * week
    out: Bools = np.array(seen[day - ACTIVE_WITHIN_DAYS : day].any(axis=0), dtype=np.bool_)
    user, on, known = late
    out[user[(on >= day - ACTIVE_WITHIN_DAYS) & (on < day) & (known < day)]] = True
    return out


def posterior(history: History, seen: Bools, on_time: float) -> Floats:
    """P(left already, from this cause) at the start of each week: (weeks + 1, K, U)."""
    weeks = history.calendar.weeks
    users = history.people.count
    shape = _weekday(history)
    gone = np.zeros((len(CAUSES), users), dtype=np.float32)
    out = np.zeros((weeks + 1, len(CAUSES), users), dtype=np.float32)
    for week in range(weeks):
        rates = history.rates[:, week]
        total = rates.sum(axis=0)
        leaves = -np.expm1(-total / 7) / np.maximum(total, 1e-9) * rates
        use = history.use[week] * np.where(history.away[week], history.mechanism.away_use, 1.0)
        joined = history.people.signup_day < 7 * week
        for d in range(7):
            silent_here = 1 - on_time * -np.expm1(-use * shape[d] / 7)
            all_gone = gone.sum(axis=0)
            gone += (1 - all_gone) * leaves * joined
            all_gone = gone.sum(axis=0)
            gone /= all_gone + (1 - all_gone) * silent_here
            gone[:, seen[7 * week + d]] = 0
        out[week + 1] = gone
    return out


def project(
    history: History, week: int, users: Ints, gone: Floats, arm: int | None = None
) -> Doubles:
    """P(no session in the label window) by cause, before calibration: (K + 1, users).

    The last row is silence without leaving (slow rhythm or vacation). `gone`: (K, users).
    `arm`: the template sent at the cutoff; None: nothing new is sent.
    """
    now = history.rates_before.get(week, history.rates[:, week])[:, users].astype(np.float64)
    mean = history.rates[:, week].mean(axis=1, dtype=np.float64)[:, None]
    mean = np.minimum(mean, now.mean(axis=1, keepdims=True))
    left = gone.astype(np.float64)
    template = None if arm is None else np.full(len(users), arm)
    if template is not None:
        left = left * (1 - win_back(history.people, users, template))
    still = 1 - gone.sum(axis=0, dtype=np.float64)  # those won back are seen: no churn
    paths = []
    for step in range(1 + HORIZON_DAYS // 7):
        rates = mean + (now - mean) * PERSISTENCE[:, None] ** step
        if template is not None:
            share = float(CONTACT_FADES[step])
            rates = contacted(rates, history.people, users, template, share).astype(np.float64)
        total = rates.sum(axis=0)
        paths.append((rates / total, -np.expm1(-total)))
    out = np.zeros((len(CAUSES) + 1, len(users)))
    out[:-1] = left
    for node, weight in zip(BUSY_NODES, BUSY_WEIGHTS, strict=True):
        out += weight * _silence(history, week, users, still, paths, node)
    return out


def _silence(
    history: History,
    week: int,
    users: Ints,
    still: Doubles,
    paths: list[tuple[Doubles, Doubles]],
    node: float,
) -> Doubles:
    """Ways into a silent label window for the mass `still` of those not gone: (K + 1, users).

    `paths`: cause shares and probability of leaving week by week. `node`: how many standard
    deviations busier than expected the coming weeks turn out.
    """
    m = history.mechanism
    away = history.away[week][users].astype(np.float64)
    enters = np.minimum(m.away_rate * history.people.away_rate[users], 1.0)
    out = np.zeros((len(CAUSES) + 1, len(users)))
    away_mass, here_mass = still * away, still * (1 - away)
    for step, (share_of, leaves) in enumerate(paths):
        memory = m.busy_memory**step
        spread = m.busy_noise * np.sqrt((1 - memory**2) / (1 - m.busy_memory**2))
        change = history.busy[week][users] * (memory - 1) + node * spread
        use = history.use[week][users] * np.exp(m.busy_on_use * change)
        quiet_here, quiet_away = np.exp(-use), np.exp(-use * m.away_use)
        before_leaving = 1.0 if step == 0 else (1 - quiet_here) / np.maximum(use, 1e-9)
        out[:-1] += share_of * leaves * (here_mass * before_leaving + away_mass)
        here_mass, away_mass = here_mass * (1 - leaves), away_mass * (1 - leaves)
        if step:
            here_mass, away_mass = here_mass * quiet_here, away_mass * quiet_away
        goes, comes = here_mass * enters, away_mass * (1 - m.away_stay)
        here_mass, away_mass = here_mass - goes + comes, away_mass + goes - comes
    out[-1] = here_mass + away_mass
    return out


def hazard(history: History, seen: Bools, late: tuple[Ints, Ints, Ints], gone: Floats) -> Hazard:
    """The truth for every cutoff from the eighth week up to the last day of data."""
    active = history.active.reshape(-1, history.people.count)
    parts: list[tuple[Ints, Ints, Doubles, Ints, Doubles, Doubles]] = []
    for week in range(FIRST_CUTOFF_WEEK, history.calendar.weeks + 1):
        users = np.flatnonzero(eligible(history, seen, late, week))
        mass = project(history, week, users, gone[week][:, users])
        rates = history.rates_before.get(week, history.rates[:, week])[:, users]
        parts.append(
            (
                users,
                np.full(len(users), week),
                mass,
                label(active, week, users),
                gone[week][:, users].sum(axis=0, dtype=np.float64),
                -np.expm1(-rates.sum(axis=0, dtype=np.float64)),
            )
        )
    user, weeks, mass, labels, p_gone, weekly = (
        np.concatenate([part[i] for part in parts], axis=-1) for i in range(6)
    )
    total = mass.sum(axis=0)
    scale, shift = calibrate(_logit(total), labels)
    p = _expit(scale * _logit(total) + shift)
    return Hazard(user, weeks, p, labels, p_gone, weekly, mass[:-1] / total, (scale, shift))


def effects(
    history: History, week: int, users: Ints, gone: Floats, calibration: tuple[float, float]
) -> dict[str, Doubles]:
    """P(churn) of `users` at a cutoff under nothing and under each template sent there."""
    out: dict[str, Doubles] = {}
    for name, arm in {"nothing": None, **{t: i for i, t in enumerate(TEMPLATES)}}.items():
        total = project(history, week, users, gone[:, users], arm).sum(axis=0)
        out[name] = _expit(calibration[0] * _logit(total) + calibration[1])
    return out


def label(active: Bools, week: int, users: Ints) -> Ints:
    """1 where no session falls into [c + lead, c + lead + horizon)."""
    start = 7 * week + LEAD_DAYS
    return np.asarray(~active[start : start + HORIZON_DAYS, users].any(axis=0), dtype=np.int64)


def calibrate(log_odds: Doubles, labels: Ints) -> tuple[float, float]:
    """Scale and shift of the log-odds with the highest likelihood (Newton's method)."""
    design = np.stack([log_odds, np.ones_like(log_odds)])
    beta = np.array([1.0, 0.0])
    for _ in range(25):
        p = _expit(beta @ design)
        gradient = design @ (labels - p)
        curvature = (design * (p * (1 - p))) @ design.T
        beta = beta + np.linalg.solve(curvature, gradient)
    return float(beta[0]), float(beta[1])


def _weekday(history: History) -> Doubles:
    turned = np.roll(WEEKDAY_SHAPES, -history.calendar.start.weekday(), axis=1)
    return np.asarray(turned[history.people.weekday_shape].T)


def _logit(p: Doubles) -> Doubles:
    p = np.clip(p, 1e-6, 1 - 1e-6)
    return np.asarray(np.log(p / (1 - p)))


def _expit(x: Doubles) -> Doubles:
    return np.asarray(1 / (1 + np.exp(-x)))
