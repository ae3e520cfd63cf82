"""A message as a real user would read it, before anything is planned."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

from engine.errors import UsageError
from engine.outreach.context import Business, Facts, facts, locale_of, variables
from engine.outreach.match import suggest
from engine.outreach.templates import TemplateLibrary
from engine.settings import Settings
from engine.types import Offer, RenderedMessage

TOKEN = "preview"
"""Stands where a sent message has its own opaque word: the link of a preview leads nowhere."""


def preview(
    behaviour: Path,
    template_id: str,
    user_id: str,
    settings: Settings,
    *,
    locale: str | None,
    offer: Offer,
    now: datetime,
    library: TemplateLibrary | None = None,
) -> RenderedMessage:
    """Render `template_id` for `user_id`, in `locale` or else in the user's language.

    Raises `UsageError` for an unknown user and `TemplateError` when a fact that the template
    states is not known of the user.
    """
    library = library or TemplateLibrary()
    where, person = _person(behaviour, user_id)
    language = locale or locale_of(person, settings)
    values = variables(person, where, settings, locale=language, offer=offer, token=TOKEN, now=now)
    return library.render(template_id, language, values)


def suggestions(
    behaviour: Path,
    user_id: str,
    reason_groups: Sequence[str],
    settings: Settings,
    *,
    offer: Offer,
    now: datetime,
    library: TemplateLibrary | None = None,
) -> tuple[str, ...]:
    """Templates for one user, best first: those that answer the reasons, then the others."""
    library = library or TemplateLibrary()
    where, person = _person(behaviour, user_id)
    language = locale_of(person, settings)
    known = variables(person, where, settings, locale=language, offer=offer, token=TOKEN, now=now)
    matched = suggest(library, reason_groups, known)
    rest = (
        template_id
        for template_id, template in library.templates.items()
        if template_id not in matched and set(template.meta.requires) <= set(known)
    )
    return (*matched, *rest)


def _person(behaviour: Path, user_id: str) -> tuple[Business, Facts]:
    where, people = facts(behaviour, [user_id])
    if user_id not in people:
        raise UsageError(
            "unknown_user",
            f"There is no user {user_id!r} in the loaded data",
            next_step="`retention rank` lists the users with their ids",
        )
    return where, people[user_id]
