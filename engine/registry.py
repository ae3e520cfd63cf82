"""The registry: every model ever trained, which one is in service, and the way back.

A model is a folder `models/<id>/` with `weights.safetensors`, `model.json` and `card.md`; its
facts and its history are rows of the ledger. Nothing here unpickles anything. The model code is
imported only to save and load, so lists and promotions stay quick.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from engine.errors import ModelError, StateError, StorageError, UsageError
from engine.evaluation.reasons import checks
from engine.horizons import HORIZONS
from engine.store.codec import from_json, to_json
from engine.store.lease import lease
from engine.store.migrate import migrate
from engine.trials import TRIALS, Trial
from engine.types import Metrics, ModelCard

if TYPE_CHECKING:
    import duckdb

    from engine.models.cross_fit import ServedModel
    from engine.models.intervals import RiskIntervals

FORMAT = 1
"""Of `model.json`; a higher number is refused with the advice to upgrade."""

WEIGHTS = "weights.safetensors"
DESCRIPTION = "model.json"
CARD = "card.md"

_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,79}")


class Registry:
    """Models of one workspace: folder `models_dir`, ledger file `ledger`."""

    def __init__(self, models_dir: Path, ledger: Path) -> None:
        self._folder = models_dir
        self._ledger = ledger

    def save(self, model: ServedModel, card: ModelCard, *, now: datetime, actor: str) -> None:
        """Keep `model` as a candidate: folder first (whole or not at all), then the ledger.

        Raises `StateError` when the id is taken, `StorageError` when the disk refuses.
        """
        model_id = _checked(card.model_id)
        migrate(self._ledger)
        if model_id in _history(self._read("SELECT model_id, event FROM model_event")):
            raise StateError(
                "model_exists",
                f"The registry already has a model {model_id}",
                next_step="Train again: the new model gets a new id",
            )
        digest = self._write_folder(model, card)
        with lease(self._ledger, write=True) as connection:
            connection.execute(
                "INSERT INTO model VALUES (?, ?, ?, ?, ?, ?)",
                [
                    model_id,
                    card.created_at,
                    card.kind,
                    card.trained_until,
                    json.dumps(to_json(card), ensure_ascii=False),
                    digest,
                ],
            )
            _append(connection, model_id, "registered", now, actor)

    def load(self, model_id: str) -> ServedModel:
        """The model, after its files have been checked against the hashes noted when it was saved.

        Raises `UsageError` when it is unknown, `ModelError` when its files are missing, damaged, or
        of a newer version.
        """
        from safetensors import SafetensorError
        from safetensors.numpy import load as load_arrays

        from engine.models.cross_fit import model_from_state

        description, weights = self._checked_files(model_id)
        try:
            return model_from_state(load_arrays(weights), description["model"])
        except (SafetensorError, KeyError, TypeError, ValueError, RuntimeError) as error:
            raise _damaged(model_id, f"its parts do not fit together ({error})") from error

    def trials(self, model_id: str) -> tuple[Trial, ...]:
        """What a search tried before `model_id` was trained, in order; empty without one.

        Raises as `load` does.
        """
        description, _ = self._checked_files(model_id)
        kept = description["model"]["metadata"].get(TRIALS, [])
        return from_json(tuple[Trial, ...], kept)

    def intervals(self, model_id: str) -> RiskIntervals | None:
        """What tells the interval and the course by day of risks of `model_id`.

        None: the model was saved by a version that did not measure it. Raises as `load` does.
        """
        from engine.models.intervals import RiskIntervals

        description, _ = self._checked_files(model_id)
        kept = description["model"]["metadata"].get(HORIZONS)
        return None if kept is None else from_json(RiskIntervals, kept)

    def cards(self) -> tuple[ModelCard, ...]:
        """The card of every model with its present state, newest first."""
        events = self._read("SELECT model_id, event FROM model_event ORDER BY sequence")
        states = _history(events)
        rows = self._read("SELECT card FROM model ORDER BY created_at DESC, model_id DESC")
        cards = [from_json(ModelCard, json.loads(card)) for (card,) in rows]
        return tuple(replace(card, state=states[card.model_id]) for card in cards)

    def fingerprint(self, model_id: str) -> str:
        """The hash that the ledger noted for the files of `model_id`: what is derived from them
        belongs to no other. Raises `UsageError` when it is unknown."""
        known = dict(self._read("SELECT model_id, artefact_sha256 FROM model"))
        if model_id not in known:
            raise _unknown(model_id, len(known))
        return str(known[model_id])

    def champion_id(self) -> str | None:
        """The model in service; None before the first promotion."""
        champions = _champions(
            self._read("SELECT model_id, event FROM model_event ORDER BY sequence")
        )
        return champions[-1] if champions else None

    def promote(self, model_id: str, *, now: datetime, actor: str) -> None:
        """Put `model_id` into service; nothing happens when it already is.

        Raises `UsageError` when it is unknown, `ModelError` when its files are missing or damaged:
        the champion then stays.
        """
        self._checked_files(model_id)
        with lease(self._ledger, write=True) as connection:
            for changed, event in _change(_champions(_events(connection)), model_id):
                _append(connection, changed, event, now, actor)

    def rollback(self, *, now: datetime, actor: str) -> None:
        """Put the previous champion back into service; again goes one further back.

        Raises `StateError` when there is none, `ModelError` when its files are gone.
        """
        champions = _champions(
            self._read("SELECT model_id, event FROM model_event ORDER BY sequence")
        )
        if len(champions) < 2:
            only = f"only {champions[0]} has ever been" if champions else "no model has been"
            raise StateError(
                "no_previous_champion",
                f"There is no earlier champion to go back to: {only} in service",
                next_step="`retention models` lists what can be promoted",
            )
        self._checked_files(champions[-2])
        with lease(self._ledger, write=True) as connection:
            # Between reading and writing another operator may have acted: then theirs stands.
            if _champions(_events(connection)) == champions:
                for changed, event in _change(champions, champions[-2]):
                    _append(connection, changed, event, now, actor)

    def _read(self, query: str) -> list[tuple[Any, ...]]:
        if not self._ledger.exists():
            return []
        with lease(self._ledger) as connection:
            return connection.execute(query).fetchall()

    def _write_folder(self, model: ServedModel, card: ModelCard) -> str:
        from safetensors.numpy import save as save_arrays

        arrays, config = model.state()
        # safetensors writes the memory as it lies: a transposed view would come back scrambled.
        weights = save_arrays({name: value.copy(order="C") for name, value in arrays.items()})
        digest = hashlib.sha256(weights).hexdigest()
        description = {
            "format": FORMAT,
            "model_id": card.model_id,
            "engine_version": _engine_version(),
            "feature_version": model.metadata.get("feature_version", ""),
            "weights_sha256": digest,
            "model": config,
            "card": to_json(card),
        }
        text = json.dumps(
            to_json(description), ensure_ascii=False, indent=1, allow_nan=False
        ).encode()
        target = self._folder / card.model_id
        draft = self._folder / f".{card.model_id}.draft"
        try:
            draft.mkdir(parents=True, exist_ok=True)
            _write(draft / WEIGHTS, weights)
            _write(draft / DESCRIPTION, text)
            _write(draft / CARD, card_text(card).encode())
            _sync_folder(draft)
            if target.exists():
                # Left by a run that died before it reached the ledger: no event speaks of it.
                shutil.rmtree(target)
            draft.rename(target)
            _sync_folder(self._folder)
        except OSError as error:
            shutil.rmtree(draft, ignore_errors=True)
            raise StorageError(
                "model_not_saved",
                f"The model {card.model_id} could not be written to {self._folder}: "
                f"{error.strerror or error}",
                why=f"It needs {len(weights) / 1e6:.1f} MB",
                next_step="Free disk space or mend the folder's permissions, then train again",
            ) from error
        # The description holds the hash of the weights, so its own vouches for both files.
        return hashlib.sha256(text).hexdigest()

    def _checked_files(self, model_id: str) -> tuple[dict[str, Any], bytes]:
        _checked(model_id)
        known = dict(self._read("SELECT model_id, artefact_sha256 FROM model"))
        if model_id not in known:
            raise _unknown(model_id, len(known))
        folder = self._folder / model_id
        try:
            text = (folder / DESCRIPTION).read_bytes()
            weights = (folder / WEIGHTS).read_bytes()
        except FileNotFoundError as error:
            raise ModelError(
                "model_missing",
                f"The model {model_id} is registered, but {error.filename} is gone",
                next_step="Restore the folder from a backup, or run `retention train`",
            ) from error
        except OSError as error:
            raise _damaged(model_id, f"it cannot be read ({error})") from error
        description = _description(model_id, text)
        digest = hashlib.sha256(weights).hexdigest()
        if digest != description.get("weights_sha256"):
            raise _damaged(model_id, "its weights do not have the hash noted when it was saved")
        # Of models saved by early versions the ledger knows the hash of the weights only.
        if known[model_id] not in (hashlib.sha256(text).hexdigest(), digest):
            raise _damaged(
                model_id, f"{DESCRIPTION} does not have the hash that the ledger noted for it"
            )
        return description, weights


def card_text(card: ModelCard) -> str:
    """The card as Markdown, for people who look into the folder."""
    where = "out of fold" if card.kind == "cross_fit" else "on the test cutoffs"
    lines = [
        f"# {card.model_id}",
        "",
        f"{card.kind}, made {card.created_at:%Y-%m-%d %H:%M} UTC, "
        f"labels known until {card.trained_until:%Y-%m-%d}, "
        f"{card.rows:,} rows, {card.columns} columns, seed {card.seed}, {card.seconds:.0f} s.",
        "",
        f"| {where} | users | churned | ROC-AUC | average precision | log loss | ECE |",
        "|---|---|---|---|---|---|---|",
        *(_metrics_row(metrics) for metrics in (card.test, *card.peers)),
        *(
            _metrics_row(replace(part, model=f"{card.kind}, {part.cutoffs[0]:%Y-%m-%d}"))
            for part in card.by_cutoff
        ),
    ]
    if card.calibration is not None:
        check = card.calibration
        lines += [
            "",
            f"Calibration {check.method}: error {check.before.error:.4f} before, "
            f"{check.after.error:.4f} after.",
        ]
    if card.verdict is not None:
        lines += ["", *(f"- {words.en} / {words.zh}" for words in card.verdict.statements)]
    if card.faithfulness is not None:
        found = (one.line for one in checks(card.faithfulness))
        lines += ["", *(f"- {words.en} / {words.zh}" for words in found)]
    if card.shift is not None:
        lines += ["", f"- {card.shift.words.en} / {card.shift.words.zh}"]
    counts = card.labels
    lines += [
        "",
        f"Labels: {counts.untreated:,} untreated, {counts.holdout:,} holdout, "
        f"{counts.treated_before:,} contacted before the cutoff, "
        f"{counts.treated_inside:,} contacted inside the window, {counts.dropped:,} dropped.",
        "",
    ]
    return "\n".join(lines)


def _metrics_row(metrics: Metrics) -> str:
    return (
        f"| {metrics.model} | {metrics.n:,} | {metrics.positives:,} | {metrics.roc_auc:.4f} "
        f"| {metrics.average_precision:.4f} | {metrics.log_loss:.4f} | {metrics.ece:.4f} |"
    )


def _champions(events: Iterable[tuple[Any, ...]]) -> list[str]:
    """Who was in service, oldest first, as roll-backs leave it; the last is the champion.

    Promoting the previous champion takes back the last promotion, by whatever command.
    """
    champions: list[str] = []
    for model_id, event in events:
        if event != "promoted":
            continue
        if champions[-2:-1] == [model_id]:
            champions.pop()
        else:
            champions.append(model_id)
    return champions


def _history(
    events: Iterable[tuple[Any, ...]],
) -> dict[str, Literal["candidate", "champion", "retired"]]:
    """The state of every model: that of its last event."""
    names: dict[str, Literal["candidate", "champion", "retired"]] = {
        "registered": "candidate",
        "promoted": "champion",
        "retired": "retired",
    }
    return {model_id: names[event] for model_id, event in events}


def _events(connection: duckdb.DuckDBPyConnection) -> list[tuple[Any, ...]]:
    query = "SELECT model_id, event FROM model_event ORDER BY sequence"
    return connection.execute(query).fetchall()


def _change(champions: list[str], model_id: str) -> list[tuple[str, str]]:
    """The events that put `model_id` into service: none when it already is."""
    if champions[-1:] == [model_id]:
        return []
    return [(old, "retired") for old in champions[-1:]] + [(model_id, "promoted")]


def _append(
    connection: duckdb.DuckDBPyConnection, model_id: str, event: str, now: datetime, actor: str
) -> None:
    connection.execute(
        "INSERT INTO model_event "
        "SELECT ?, ?, ?, ?, coalesce(max(sequence), 0) + 1 FROM model_event",
        [model_id, now, event, actor],
    )


def _checked(model_id: str) -> str:
    """`model_id` when it is safe as the name of a folder."""
    if not _ID.fullmatch(model_id):
        raise ModelError(
            "model_id",
            f"{model_id!r:.100} is not the id of a model",
            why="An id has letters, digits, - and _ only",
            next_step="`retention models` lists the ids",
        )
    return model_id


def _description(model_id: str, text: bytes) -> dict[str, Any]:
    try:
        description = json.loads(text)
        version = int(description["format"])
    except (ValueError, KeyError, TypeError) as error:
        raise _damaged(model_id, f"{DESCRIPTION} is not what was written") from error
    if version > FORMAT:
        raise ModelError(
            "newer_model",
            f"The model {model_id} has format {version}, this program knows {FORMAT}",
            why=f"It was saved by version {description.get('engine_version', '?')}",
            next_step="Upgrade retention-workbench, or roll back to an older model",
        )
    result: dict[str, Any] = description
    return result


def _unknown(model_id: str, models: int) -> UsageError:
    return UsageError(
        "unknown_model",
        f"There is no model {model_id} in this workspace",
        why=f"It has {models}",
        next_step="`retention models` lists them",
    )


def _damaged(model_id: str, what: str) -> ModelError:
    return ModelError(
        "model_damaged",
        f"The model {model_id} is damaged: {what}",
        next_step="Restore its folder from a backup, roll back with `retention rollback`, or train "
        "a new one with `retention train`",
    )


def _engine_version() -> str:
    try:
        return metadata.version("retention-workbench")
    except metadata.PackageNotFoundError:
        return "uninstalled"


def _write(path: Path, content: bytes) -> None:
    with path.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def _sync_folder(folder: Path) -> None:
    # Not every file system lets a folder be synced; the rename is atomic all the same.
    if os.name != "posix":
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
