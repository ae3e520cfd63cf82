"""Errors of the engine as the screens say them: a headline by kind, then the engine's own words."""

from __future__ import annotations

from engine.errors import (
    Cancelled,
    DatabaseBusy,
    DataError,
    ModelError,
    RetentionError,
    StateError,
    StorageError,
    TemplateError,
    UsageError,
)
from retention_tui.client import EngineCrash
from retention_tui.i18n import N_, t
from retention_tui.widgets.state_view import Notice

_HEADLINES: tuple[tuple[type[RetentionError], str], ...] = (
    (EngineCrash, N_("Something unforeseen went wrong")),
    (DatabaseBusy, N_("The database is in use")),
    (StorageError, N_("The disk refused")),
    (DataError, N_("The data cannot be read")),
    (ModelError, N_("The model cannot be used")),
    (TemplateError, N_("The template cannot be used")),
    (StateError, N_("Not possible now")),
    (UsageError, N_("Not understood")),
    (Cancelled, N_("Stopped")),
)


def headline(error: RetentionError) -> str:
    """A few words on the kind of `error`."""
    for kind, words in _HEADLINES:
        if isinstance(error, kind):
            return t(words)
    return t(N_("It did not work"))


def notice(error: RetentionError) -> Notice:
    """`error` for a state view; where the engine names no next step, reading again is one."""
    why = " ".join(part for part in (error.what, error.why) if part)
    return Notice(headline(error), why, error.next_step or t("Press . to try again"))
