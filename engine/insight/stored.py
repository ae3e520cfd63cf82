"""An insight kept beside its model: a file that can be deleted, made again when it is asked for."""

from __future__ import annotations

import json
from pathlib import Path

from engine.errors import DataError
from engine.insight.report import Insight
from engine.places import Places
from engine.store.codec import from_json, to_json
from engine.store.files import write_atomically

FILE = "insight.json"
FORMAT = 1


def path_of(places: Places, model_id: str) -> Path:
    """Where the insight of `model_id` is kept."""
    return places.models / model_id / FILE


def read(places: Places, model_id: str, fingerprint: str) -> Insight | None:
    """What is kept of the model with this fingerprint; None: nothing that this version can read."""
    try:
        kept = json.loads(path_of(places, model_id).read_text("utf-8"))
        if (kept["format"], kept["model"]) != (FORMAT, fingerprint):
            return None
        return from_json(Insight, kept["insight"])
    except FileNotFoundError:
        return None
    except (ValueError, KeyError, TypeError, DataError):
        # Cut short or edited by hand: it is a cache, and is made anew.
        return None


def write(places: Places, insight: Insight, fingerprint: str) -> None:
    """Keep `insight`; raises `StorageError` when the disk refuses, and an older file stays."""
    kept = {"format": FORMAT, "model": fingerprint, "insight": to_json(insight)}
    text = json.dumps(kept, ensure_ascii=False, indent=1, allow_nan=False)
    write_atomically(path_of(places, insight.model_id), text)
