"""The planted causes of the sample world: whom one of them dominates, and which reason names it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from types import MappingProxyType

import duckdb
import numpy as np
from numpy.typing import NDArray

from engine.errors import DataError
from engine.explain.components import TEXT
from engine.features.frame import FeatureFrame
from engine.types import Reason
from sample_db.mechanism import CAUSES
from sample_db.texts import words

Floats = NDArray[np.float64]

HIDDEN = "outside"
"""A rival, an exam passed: nothing in the tables shows it, so no reason can name it. It is in the
confusion of causes and in no average."""

NAMEABLE = tuple(cause for cause in CAUSES if cause != HIDDEN)

NAMED_BY: Mapping[str, str] = MappingProxyType(
    {
        "fading_use": "fading_use",  # less activity, longer gaps
        "payment_failure": "payment_failure",  # failed charges
        "content_exhausted": "content_exhausted",  # few unseen titles, searches, repeats
        "price": "price",  # the dearer renewal, views of the cancel page
        "support_trouble": "support_trouble",  # tickets, ratings, failed logins
        "term_ending": "term_ending",  # days left, no renewal
        "unused_value": "unused_value",  # paid for, not finished
    }
)
"""Cause -> the one group of features that names it, for ours and for the peer.

One group a cause, though others move with it: whoever is about to leave also uses less, but an
operator who reads "fading use" would not think of a failed charge. `history` and `calendar` name no
cause, nor does `sequence`: the order of recent events can stand for any. A `text` reason names the
cause that its quoted phrase was planted for, see `group_read`."""

PLANTED_TEXTS: Mapping[str, str] = MappingProxyType(
    {
        "trouble_tickets": "support_trouble",
        "payment_tickets": "payment_failure",
        "price_comments": "price",
        "exhausted_comments": "content_exhausted",
    }
)
"""Kind of planted text -> the state in which users write it; the leaving surveys have their own."""

DOMINATES = 0.5
"""Of the excess over the baseline that the largest cause must make up."""
AHEAD = 2.0
"""How many times the second largest excess the largest must be."""
AT_RISK = 2.0
"""Times the mean true risk at the cutoff: below it nobody would ask for a reason."""


def group_read(reason: Reason) -> str:
    """The group that an operator takes from the reason.

    That of its columns; for a text reason that of the cause whose planted texts, and no others,
    hold the quoted phrase.
    """
    if reason.group != TEXT:
        return reason.group
    for phrase in re.findall("“(.+?)”", reason.words.en):
        causes = {cause for cause, text in _planted() if phrase.casefold() in text}
        if len(causes) == 1 and (cause := causes.pop()) in NAMED_BY:
            return NAMED_BY[cause]
    return reason.group


@cache
def _planted() -> tuple[tuple[str, str], ...]:
    """(cause or empty, text) of everything that users of the sample world write."""
    found: list[tuple[str, str]] = []
    for kind, texts in words("messages").items():
        by_cause = texts if isinstance(texts, dict) else {PLANTED_TEXTS.get(kind, ""): texts}
        found += [
            (cause, text.casefold())
            for cause, pairs in by_cause.items()
            for pair in pairs
            for text in pair
        ]
    return tuple(found)


def dominant(p_churn: Floats, shares: Floats) -> NDArray[np.int64]:
    """(N,) the cause that dominates each row's true risk, of one cutoff; -1: none does.

    `shares` (N, K) of `p_churn` by cause; what they leave up to 1 is silence without leaving,
    which competes with the causes. A part's excess is over the mean of that part at the cutoff.
    """
    parts = p_churn[:, None] * np.column_stack([shares, 1 - shares.sum(axis=1)])
    excess = np.maximum(parts - parts.mean(axis=0), 0.0)
    ordered = np.sort(excess, axis=1)
    clear = ordered[:, -1] >= DOMINATES * excess.sum(axis=1)
    clear &= ordered[:, -1] >= AHEAD * ordered[:, -2]
    clear &= p_churn >= AT_RISK * p_churn.mean()
    largest = excess.argmax(axis=1)
    return np.where(clear & (largest < shares.shape[1]), largest, -1).astype(np.int64)


def dominant_causes(truth_file: Path, frame: FeatureFrame) -> NDArray[np.int64]:
    """(N,) the dominating cause of every row of `frame`, an index into CAUSES; -1: none.

    Raises `DataError` when more than one row in a hundred has no truth.
    """
    shares = ", ".join(f"share_{cause}" for cause in CAUSES)
    found: dict[tuple[str, np.datetime64], int] = {}
    with duckdb.connect() as connection:
        for cutoff in np.unique(frame.cutoffs):
            known = connection.execute(
                f"SELECT user_id, p_churn, {shares} FROM read_parquet(?) WHERE cutoff = ?",
                [str(truth_file), str(cutoff)],
            ).fetchnumpy()
            parts = np.column_stack([known[f"share_{cause}"] for cause in CAUSES])
            causes = dominant(np.asarray(known["p_churn"]), parts.astype(np.float64))
            found |= {
                (user, cutoff): cause
                for user, cause in zip(known["user_id"], causes.tolist(), strict=True)
            }
    keys = list(zip(frame.user_ids, frame.cutoffs, strict=True))
    missing = sum(key not in found for key in keys)
    if missing > 0.01 * len(keys):
        raise DataError("no_truth", f"{missing} of {len(keys)} test rows have no truth")
    return np.array([found.get(key, -1) for key in keys], dtype=np.int64)
