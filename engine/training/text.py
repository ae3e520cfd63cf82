"""Fit the score of what users wrote, and find out whether it is worth anything.

The score is learnt beside the log-odds of another model, its offset: so it holds only what the
columns do not say. Pieces that fewer than `FEWEST_USERS` users of the training rows wrote are
left out, which also keeps what only one person would write out of the model.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize
from scipy.sparse import csr_matrix

from engine.features.frame import FeatureFrame, LabelledFrame
from engine.features.messages import Messages
from engine.models.calibration import log_loss, sigmoid
from engine.models.text import BATCH_MESSAGES, TextModel, Vocabulary, cells, faded
from engine.models.tokens import tokens

FEWEST_USERS = 20
MOST_PIECES = 30_000

HALF_LIFE_DAYS = 14.0
"""Of what was written; 7 days were worse, 28 the same."""

MOST_ROWS = 200_000
"""Of those who wrote; of more, evenly spaced ones teach: memory grows with every message."""

STRENGTH = 1.0
"""Variance of the weights' prior; .3 was worse, 3 the same."""

MOST_STEPS = 200

Floats = NDArray[np.float64]


def fit_text(rows: LabelledFrame, offset: Floats) -> TextModel | None:
    """The score of `rows` beside log-odds `offset` (N,); None where too few users wrote."""
    if rows.frame.messages is None:
        return None
    wrote = np.flatnonzero(rows.frame.messages.stop > rows.frame.messages.start)
    wrote = wrote[:: max(1, -(-len(wrote) // MOST_ROWS))]
    rows, offset = rows.take(wrote), offset[wrote]
    messages = rows.frame.messages
    assert messages is not None  # `take` keeps them
    vocabulary = _vocabulary(rows.frame, messages)
    if not len(vocabulary.number):
        return None
    row, position, fade = faded(messages, rows.frame.cutoffs, HALF_LIFE_DAYS)
    which, place = np.unique(position, return_inverse=True)
    own = cells(messages, which, vocabulary)
    pieces = csr_matrix(
        (own.value, (own.message, own.piece)), shape=(len(which), len(vocabulary.number))
    )
    design = csr_matrix((fade, (row, place)), shape=(len(rows), len(which))) @ pieces
    weight = _weights(design, rows.label.astype(np.float64), rows.weight, offset)
    return TextModel(vocabulary, weight.astype(np.float32), HALF_LIFE_DAYS)


def _vocabulary(frame: FeatureFrame, messages: Messages) -> Vocabulary:
    """The pieces that enough users wrote, with the logarithm of how few of the writers did."""
    row, position = messages.owned()
    which, first = np.unique(position, return_index=True)
    _, user = np.unique(frame.user_ids[row[first]].astype(str), return_inverse=True)
    number: list[NDArray[np.uint64]] = []
    writer: list[NDArray[np.int64]] = []
    for begin in range(0, len(which), BATCH_MESSAGES):
        found = tokens(messages.texts(which[begin : begin + BATCH_MESSAGES]))
        number.append(found.number)
        writer.append(user[begin + found.text])
    if not number:
        return Vocabulary(np.zeros(0, np.uint64), np.zeros(0, np.float32))
    every, piece = np.unique(np.concatenate(number), return_inverse=True)
    writers = int(user.max(initial=-1)) + 1
    pairs = np.unique(piece.astype(np.int64) * max(1, writers) + np.concatenate(writer))
    users = np.bincount(pairs // max(1, writers), minlength=len(every))
    common = np.flatnonzero(users >= FEWEST_USERS)
    common = np.sort(common[np.argsort(-users[common], kind="stable")[:MOST_PIECES]])
    rarity = np.log((writers + 1) / (users[common] + 1)) + 1
    return Vocabulary(every[common], rarity.astype(np.float32))


def _weights(design: Any, label: Floats, weight: NDArray[Any], offset: Floats) -> Floats:
    """(V,) of lowest loss of offset + design @ weights under a normal prior."""
    weight = weight.astype(np.float64)

    def loss(weights: Floats) -> tuple[float, Floats]:
        scores = offset + design @ weights
        gap = weight * (sigmoid(scores) - label)
        prior = weights / STRENGTH
        value = float(weight @ log_loss(scores, label) + 0.5 * weights @ prior)
        return value, np.asarray(design.T @ gap + prior, np.float64)

    found = minimize(
        loss,
        np.zeros(design.shape[1]),
        jac=True,
        method="L-BFGS-B",
        options={"maxiter": MOST_STEPS},
    )
    return np.asarray(found.x, np.float64)
