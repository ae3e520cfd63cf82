"""The group `sequence` of one user, dealt out to kinds of events and weeks.

A moment is all events of one kind in one week before the cutoff. The model is asked what it says of
the user with some of the moments only, the columns held as they are; a moment's share is its
Shapley value: what it adds, averaged over orders in which the moments come in. Orders are drawn,
each beside its reverse, so the shares add up exactly to what all events together add to none,
whatever was drawn (Castro et al. 2009).
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine.explain.recent import kind_words
from engine.features.frame import FeatureFrame, Sequences
from engine.models.blend import RiskModel
from engine.types import Words

ORDERS = 32
"""Drawn orders of the moments, half of them the reverse of the others."""

WEEK_S = 7 * 86_400
OLDER = 4
"""Weeks back from here on are one: "earlier"."""

_WEEKS = (
    Words("最近 7 天", "last 7 days"),
    Words("一周前", "a week before"),
    Words("两周前", "two weeks before"),
    Words("三周前", "three weeks before"),
    Words("更早", "earlier"),
)


@dataclass(frozen=True, slots=True)
class Moment:
    """All events of one kind in one week."""

    kind: str
    week: int  # 0: the last 7 days before the cutoff; `OLDER`: everything before the fourth week
    count: int
    contribution: float  # log-odds; positive raises the risk
    words: Words


@dataclass(frozen=True, slots=True)
class Moments:
    """What the events of one user add to the log-odds, largest first.

    The contributions add up to `with_events - without_events`.
    """

    moments: tuple[Moment, ...]
    with_events: float  # log-odds as scored
    without_events: float  # log-odds of the same columns with no event behind them


def moments_of(
    model: RiskModel, frame: FeatureFrame, *, seed: int, orders: int = ORDERS
) -> Moments:
    """The moments of the one row of `frame`, whose sequence the model reads."""
    assert len(frame) == 1
    sequences = frame.sequences
    own = np.arange(int(sequences.start[0]), int(sequences.stop[0]))
    cutoff_s = int(frame.cutoffs[0].astype("datetime64[s]").astype(np.int64))
    back = (cutoff_s - 1 - sequences.occurred_s[own].astype(np.int64)) // WEEK_S
    cells = list(zip(sequences.kind[own].tolist(), np.clip(back, 0, OLDER).tolist(), strict=True))
    if not cells:
        score = float(model.predict(frame).log_odds[0])
        return Moments((), score, score)
    counts = Counter(cells)
    players = sorted(counts)
    member = np.array([players.index(cell) for cell in cells], dtype=np.int64)
    order = _orders(len(players), orders, np.random.default_rng(seed))
    said = _asked(model, frame, own, member, _coalitions(order))
    empty, whole = said[:2]
    share = _shares(order, empty, whole, said[2:])
    found = [
        Moment(
            sequences.kinds[kind],
            week,
            counts[kind, week],
            float(share[place]),
            _said(sequences.kinds[kind], week, counts[kind, week]),
        )
        for place, (kind, week) in enumerate(players)
    ]
    found.sort(key=lambda one: -abs(one.contribution))
    return Moments(tuple(found), float(whole), float(empty))


def _orders(players: int, orders: int, rng: np.random.Generator) -> NDArray[np.int64]:
    """(orders, players) each drawn order followed by its reverse."""
    drawn = [rng.permutation(players) for _ in range(orders // 2)]
    both = [order for one in drawn for order in (one, one[::-1])]
    return np.array(both, dtype=np.int64).reshape(len(both), players)


def _coalitions(order: NDArray[np.int64]) -> NDArray[np.bool_]:
    """(2 + O · (P - 1), P): nobody, everybody, and each of O orders of P growing between them."""
    players = order.shape[1]
    rank = np.argsort(order, axis=1)
    growing = rank[:, None, :] < np.arange(1, players)[None, :, None]
    ends = np.repeat([[False], [True]], players, axis=1)
    return np.concatenate([ends, growing.reshape(-1, players)])


def _shares(
    order: NDArray[np.int64], empty: float, whole: float, between: NDArray[np.float64]
) -> NDArray[np.float64]:
    """(P,) the mean of what each adds when it comes in."""
    orders, players = order.shape
    ends = np.ones((orders, 1))
    path = np.concatenate([empty * ends, between.reshape(orders, -1), whole * ends], axis=1)
    share = np.zeros(players)
    np.add.at(share, order, np.diff(path, axis=1))
    mean: NDArray[np.float64] = share / orders
    return mean


def _asked(
    model: RiskModel,
    frame: FeatureFrame,
    own: NDArray[np.int64],
    member: NDArray[np.int64],
    kept: NDArray[np.bool_],
) -> NDArray[np.float64]:
    """(V,) the log-odds of the row with the events of each set of moments."""
    events = kept[:, member]
    chosen = np.concatenate([own[row] for row in events])
    stop = np.cumsum(events.sum(axis=1))
    asked = frame.take(np.zeros(len(kept), dtype=np.int64))
    variants = replace(asked, sequences=_picked(frame.sequences, chosen, stop))
    log_odds: NDArray[np.float64] = model.predict(variants).log_odds
    return log_odds


def _picked(sequences: Sequences, chosen: NDArray[Any], stop: NDArray[np.int64]) -> Sequences:
    return replace(
        sequences,
        kind=sequences.kind[chosen],
        topic=sequences.topic[chosen],
        value=sequences.value[chosen],
        occurred_s=sequences.occurred_s[chosen],
        start=np.append(0, stop[:-1]),
        stop=stop,
    )


def _said(kind: str, week: int, count: int) -> Words:
    name, when = kind_words(kind), _WEEKS[week]
    return Words(f"{when.zh}：{name.zh} {count} 次", f"{when.en}: {count} × {name.en}")
