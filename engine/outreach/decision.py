"""What would be done for one user: template, language, offer, words and their cost."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import numpy as np

from engine.effects.assignment import Assignment
from engine.outreach.context import Business, Facts, locale_of, token_of, variables
from engine.outreach.match import MatchTable
from engine.outreach.rows import new_id
from engine.outreach.templates import TemplateLibrary
from engine.settings import Settings
from engine.types import Offer, PlanRequest, RenderedMessage

NOT_DRAWN = "none"
"""The arm of those who were not eligible: nothing was drawn."""


@dataclass(frozen=True, slots=True)
class Candidate:
    """A user whom the ranking proposes, with what is known of the decision. Best first."""

    user_id: str
    risk: float | None = None
    value: float | None = None
    reason_groups: tuple[str, ...] = ()
    reasons: str = "[]"  # JSON list of types.Reason, as shown
    model_id: str | None = None
    scoring_run_id: str | None = None
    cutoff: datetime | None = None
    features_sha256: str | None = None


@dataclass(slots=True)
class Decision:
    """One candidate on the way through the gates."""

    intervention_id: str
    position: int
    candidate: Candidate
    person: Facts | None
    template_id: str
    action_set: tuple[str, ...]
    locale: str
    marketing: bool
    offer: Offer
    values: dict[str, object]
    cost: float
    applicable: bool  # the facts that the template states are known
    assignment: Assignment
    status: str = "pending_approval"
    reason: str = ""
    rendered: RenderedMessage | None = None


def decide(
    position: int,
    candidate: Candidate,
    person: Facts | None,
    where: Business,
    request: PlanRequest,
    settings: Settings,
    library: TemplateLibrary,
    table: MatchTable,
    *,
    now: datetime,
    rng: np.random.Generator,
) -> Decision:
    """Template, offer and words for one candidate, before any gate."""
    intervention_id = new_id(now, rng)
    locale = locale_of(person, settings) if person else settings.workspace.language
    values: dict[str, object] = {}
    if person is not None:
        token = token_of(intervention_id, "unsubscribe")
        values = variables(
            person, where, settings, locale=locale, offer=request.offer, token=token, now=now
        )
    if request.template_id == "auto":
        possible = table.candidates(candidate.reason_groups)
        action_set = tuple(
            template_id
            for template_id in possible
            if set(library.get(template_id).meta.requires) <= set(values)
        )
        template_id = (action_set or possible)[0]
    else:
        action_set, template_id = (request.template_id,), request.template_id
    meta, declared = library.get(template_id).meta, library.get(template_id).variables
    offer = request.offer if meta.offer else Offer(percent=0)
    price = person.renewal_price if person and person.renewal_price else 0.0
    return Decision(
        intervention_id=intervention_id,
        position=position,
        candidate=candidate,
        person=person,
        template_id=template_id,
        action_set=action_set,
        locale=locale,
        marketing=meta.message_class == "marketing",
        offer=offer,
        values={name: values[name] for name in values if name in declared},
        cost=settings.outreach.contact_cost + offer.percent / 100 * price,
        applicable=set(meta.requires) <= set(values),
        assignment=Assignment(NOT_DRAWN, 1.0, {NOT_DRAWN: 1.0}, ""),
    )
