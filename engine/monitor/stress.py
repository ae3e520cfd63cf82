"""How far risks and their order move when the inputs move within what happens every day."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from engine.evaluation.metrics import calibration_error, top
from engine.evaluation.paired import statistic
from engine.features.available import available
from engine.features.build import frame_at
from engine.features.catalogue import FeatureSpec, specs_named
from engine.features.frame import FeatureFrame, LabelledFrame
from engine.models.calibration import sigmoid
from engine.monitor.groups import read_groups
from engine.monitor.importance import column_importance
from engine.monitor.report import BaseRateShift, Gamed, Stress, Stressed, Tenure
from engine.monitor.watched import Watched
from engine.monitor.worlds import another_world
from engine.types import Words

if TYPE_CHECKING:
    from engine.models.blend import RiskModel

USERS = 2_000
"""Disturbed: Kendall's tau of so many is known to about 0.01."""
MISSING_COLUMNS = 3
"""The most important ones, each taken away in turn."""
GAMING_USERS = 500
GAMED_DAYS = 28
COLD_START_DAYS = 30
BASE_RATES = (0.5, 2.0)
"""Times the share that left."""
HIGHEST_RATE = 0.9
FEWEST_OF_A_CLASS = 20
TOP = 0.1
JITTER = Words("数值按日常波动抖动", "Day-to-day noise in the numbers")
LATE_DAY = Words("最近一天的数据未到", "Newest day of data missing")
EVENTS_LOST = Words("丢失 5% 的事件与支付", "5 % of events, payments lost")
Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class _Disturbed:
    name: str
    words: Words
    frame: FeatureFrame  # users of the undisturbed frame, or some of them


def measure_stress(
    watched: Watched, rows: Mapping[datetime, LabelledFrame], risks: Mapping[datetime, Floats]
) -> Stress:
    """Disturb the present inputs, and look at the mature rows (label, risk) by other mixes."""
    facts = available(watched.connection)
    specs = specs_named(watched.model.columns)
    present = _frame(watched, specs, facts, watched.run.cutoff)
    rng = np.random.default_rng(watched.settings.training.seed)
    chosen = np.sort(rng.permutation(len(present))[:USERS])
    calm = present.take(chosen)
    risks_before = _risks(watched.model, calm)
    disturbances = [
        stressed
        for disturbed in _disturbances(watched, calm, specs, facts, rng)
        for stressed in _compared(watched.model, calm, disturbed, risks_before)
    ]
    unseen = [cutoff for cutoff in watched.cutoffs.unseen if cutoff in rows]
    return Stress(
        tuple(disturbances),
        _gamed(watched, present, specs, facts) if "events" in facts else None,
        _tenures(watched, rows, risks, unseen) if unseen else (),
        _base_rates(rows, risks, unseen) if unseen else (),
    )


def _frame(
    watched: Watched, specs: tuple[FeatureSpec, ...], facts: frozenset[str], cutoff: datetime
) -> FeatureFrame:
    # Without snapshots: they know nothing of tables that stand before the loaded ones.
    return frame_at(
        watched.connection,
        watched.rule,
        cutoff,
        specs,
        facts,
        sequences=watched.model.reads_sequences,
        messages=watched.model.reads_messages,
    )


def _disturbances(
    watched: Watched,
    calm: FeatureFrame,
    specs: tuple[FeatureSpec, ...],
    facts: frozenset[str],
    rng: np.random.Generator,
) -> Iterator[_Disturbed]:
    before = _frame(watched, specs, facts, watched.run.cutoff - timedelta(days=1))
    both = _places(before, calm.user_ids)
    yesterday = before.take(both[both >= 0])
    yield _Disturbed("jitter", JITTER, jittered(calm, calm.take(both >= 0), yesterday, rng))
    yield _Disturbed("late_day", LATE_DAY, yesterday)
    salt = str(rng.integers(2**62))
    with another_world(watched.connection, "events_lost", {"salt": salt}):
        lossy = _frame(watched, specs, facts, watched.run.cutoff)
    both = _places(lossy, calm.user_ids)
    yield _Disturbed("events_lost", EVENTS_LOST, lossy.take(both[both >= 0]))
    importance = column_importance(watched.model, calm, watched.settings.training.seed)
    for column in np.argsort(-importance, kind="stable")[:MISSING_COLUMNS]:
        values = calm.values.copy()
        values[:, column] = np.nan
        label = specs[column].label
        yield _Disturbed(
            f"missing:{specs[column].name}",
            Words(f"缺少：{label.zh}", f"Without {label.en}"),
            replace(calm, values=values),
        )


def jittered(
    calm: FeatureFrame, today: FeatureFrame, yesterday: FeatureFrame, rng: np.random.Generator
) -> FeatureFrame:
    """`calm` with each number moved as that of another user moved from yesterday to today.

    What moves for everyone (an age grows by a day) is left out; values stay between the lowest
    and the highest of their column.
    """
    if not len(today):
        return calm
    moved = today.values - yesterday.values
    known = ~np.isnan(moved).all(axis=0)
    moved[:, known] -= np.nanmedian(moved[:, known], axis=0)
    moved = np.nan_to_num(moved)
    other = np.stack(
        [column[rng.integers(0, len(column), len(calm))] for column in moved.T], axis=1
    )
    low, high = _extremes(calm.values)
    return replace(calm, values=np.clip(calm.values + other, low, high).astype(np.float32))


def _extremes(values: NDArray[np.float32]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    low = np.where(np.isnan(values), np.inf, values).min(axis=0)
    high = np.where(np.isnan(values), -np.inf, values).max(axis=0)
    return np.minimum(low, high), np.maximum(low, high)


def _places(frame: FeatureFrame, user_ids: NDArray[np.object_]) -> NDArray[np.int64]:
    """(N,) the row of each user in `frame`; -1: not eligible there."""
    place = {user: row for row, user in enumerate(frame.user_ids.tolist())}
    return np.array([place.get(user, -1) for user in user_ids.tolist()], dtype=np.int64)


def _risks(model: RiskModel, frame: FeatureFrame) -> dict[str, Floats]:
    """The risk by the whole model and by each part, all on the whole model's calibration.

    A score that is added whole beside the others is no model of its own and is left out.
    """
    parts = [part.log_odds(frame) for part in model.components]
    said = {model.kind: sigmoid(model.calibration.apply(model.mixed(parts)))}
    if len(parts) > 1:
        shares = model.shares or (1 / len(parts),) * len(parts)
        for part, share, log_odds in zip(model.components, shares, parts, strict=True):
            if share == 1:
                continue
            said[part.kind] = sigmoid(model.calibration.apply(log_odds))
    return said


def _compared(
    model: RiskModel, calm: FeatureFrame, disturbed: _Disturbed, risks_before: Mapping[str, Floats]
) -> list[Stressed]:
    kept = _places(calm, disturbed.frame.user_ids)
    found = []
    for name, after in _risks(model, disturbed.frame).items():
        before = risks_before[name][kept]
        found.append(
            Stressed(
                disturbed.name,
                name,
                len(kept),
                kendall_tau(before, after),
                top_kept(before, after),
                float(np.abs(after - before).mean()) if len(kept) else float("nan"),
                disturbed.words,
            )
        )
    return found


def kendall_tau(before: Floats, after: Floats) -> float:
    """Kendall's tau-b of two risks (N,): 1 where the order is the same; NaN for one user."""
    from scipy.stats import kendalltau

    return float(kendalltau(before, after).statistic) if len(before) > 1 else float("nan")


def top_kept(before: Floats, after: Floats, share: float = TOP) -> float:
    """The part of the top `share` by `before` (N,) that is in the top by `after`, too."""
    if not len(before):
        return float("nan")
    first, second = top(before, share), top(after, share)
    return float((first & second).sum() / first.sum())


def _gamed(
    watched: Watched,
    present: FeatureFrame,
    specs: tuple[FeatureSpec, ...],
    facts: frozenset[str],
) -> Gamed:
    """Users of the contact list pretend to be active; everyone else stays as he is."""
    model, cutoff = watched.model, watched.run.cutoff
    risk = model.predict(present).risk
    listed = np.flatnonzero(top(risk, watched.settings.risk.capacity))
    threshold = risk[listed].min()
    gamers = listed[np.argsort(-risk[listed], kind="stable")][:GAMING_USERS]
    kind = _usual_kind(watched)
    values = {
        "cutoff": cutoff,
        "kind": kind,
        "users": present.user_ids[gamers].tolist(),
        "days": GAMED_DAYS,
    }
    with another_world(watched.connection, "gamed", values):
        frame = _frame(watched, specs, facts, cutoff)
    pretending = frame.take(_places(frame, present.user_ids[gamers]))
    after = model.predict(pretending).risk
    return Gamed(
        len(gamers),
        float(risk[gamers].mean()),
        float(after.mean()),
        float((after < threshold).mean()),
        Words(
            f"名单上的用户在 {GAMED_DAYS} 天内每天只做一分钟“{kind}”",
            f"Listed users who do {kind!r} for a minute on each of {GAMED_DAYS} days",
        ),
    )


def _usual_kind(watched: Watched) -> str:
    """The kind of activity that users show most often, among those that the rule counts."""
    row = watched.connection.execute(
        "SELECT kind FROM events WHERE len($kinds) = 0 OR list_contains($kinds, kind) "
        "GROUP BY kind ORDER BY count(DISTINCT user_id) DESC, kind LIMIT 1",
        {"kinds": list(watched.rule.kinds)},
    ).fetchone()
    return "" if row is None else str(row[0])


def _tenures(
    watched: Watched,
    rows: Mapping[datetime, LabelledFrame],
    risks: Mapping[datetime, Floats],
    unseen: list[datetime],
) -> tuple[Tenure, ...]:
    known = read_groups(watched.connection, watched.run.cutoff)
    days = np.concatenate(
        [known.tenure_days(rows[c].frame.user_ids, rows[c].frame.cutoffs) for c in unseen]
    )
    label = np.concatenate([rows[c].label for c in unseen]).astype(np.float64)
    risk = np.concatenate([risks[c] for c in unseen])
    return tuple(
        _tenure(name, label[own], risk[own])
        for name, own in (
            ("cold_start", days < COLD_START_DAYS),
            ("settled", days >= COLD_START_DAYS),
        )
        if own.any()
    )


def _tenure(name: str, label: Floats, risk: Floats) -> Tenure:
    churned = int(label.sum())
    enough = min(churned, len(label) - churned) >= FEWEST_OF_A_CLASS
    auc = statistic(label, risk, "roc_auc")(np.ones(len(label))) if enough else float("nan")
    return Tenure(name, len(label), churned, auc, calibration_error(label, risk))


def _base_rates(
    rows: Mapping[datetime, LabelledFrame],
    risks: Mapping[datetime, Floats],
    unseen: list[datetime],
) -> tuple[BaseRateShift, ...]:
    label = np.concatenate([rows[cutoff].label for cutoff in unseen]).astype(np.float64)
    risk = np.concatenate([risks[cutoff] for cutoff in unseen])
    if not 0 < label.mean() < 1:
        return ()
    return tuple(
        at_base_rate(label, risk, min(times * float(label.mean()), HIGHEST_RATE))
        for times in BASE_RATES
    )


def at_base_rate(label: Floats, risk: Floats, rate: float) -> BaseRateShift:
    """N rows weighed so that the share `rate` leaves; risks as they are, and moved to that rate."""
    now = float(label.mean())
    weight = np.where(label == 1, rate / now, (1 - rate) / (1 - now))
    near = np.finfo(np.float64).eps
    log_odds = _log_odds(np.clip(risk, near, 1 - near))
    after = sigmoid(log_odds + _log_odds(np.float64(rate)) - _log_odds(np.float64(now)))
    return BaseRateShift(
        rate,
        float(np.average(risk, weights=weight)),
        calibration_error(label, risk, weight),
        calibration_error(label, after, weight),
    )


def _log_odds(probability: Floats | np.float64) -> Floats:
    return np.asarray(np.log(probability / (1 - probability)))
