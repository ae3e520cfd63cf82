"""Interventions as a service: templates, plans, delivery, outcomes, log, effects, audit."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from functools import cached_property
from pathlib import Path

import numpy as np

from engine.effects.readout import read_out
from engine.errors import UsageError
from engine.outreach import audit, history, log, outcomes, planning, plans, preview
from engine.outreach.delivery.outbox import Outbox
from engine.outreach.delivery.send import Delivery, send
from engine.outreach.delivery.smtp import PASSWORD_VARIABLE, Relay
from engine.outreach.lint import lint
from engine.outreach.templates import TemplateLibrary
from engine.places import Places
from engine.ranking.candidates import candidates, raising_groups
from engine.scoring import run_of
from engine.settings import Settings
from engine.store.lease import lease
from engine.types import (
    Effect,
    LintProblem,
    LogPage,
    Offer,
    OutcomeReport,
    PlanRequest,
    PlanSummary,
    RenderedMessage,
    SendReport,
    TemplateInfo,
)


class Interventions:
    """From the list to the outbox and back to the measured effect."""

    def __init__(
        self,
        places: Places,
        settings: Settings,
        clock: Callable[[], datetime],
        operator: str,
        rng: np.random.Generator | None = None,
    ) -> None:
        self._places = places
        self._settings = settings
        self._clock = clock
        self._operator = operator
        # Ids must differ between runs: without a generator given, it is seeded by the system.
        self._rng = rng or np.random.default_rng()

    @cached_property
    def _library(self) -> TemplateLibrary:
        return TemplateLibrary()

    def templates(self) -> tuple[TemplateInfo, ...]:
        """Every template."""
        return self._library.list()

    def lint(self) -> tuple[LintProblem, ...]:
        """What is wrong with the templates."""
        return lint(self._library)

    def suggest(self, user_id: str) -> tuple[str, ...]:
        """Template ids for a user, best first, by the reasons of the newest scoring run."""
        with lease(self._places.ledger) as connection:
            run = run_of(connection)
            record = None
            if run is not None:
                record = connection.execute(
                    "SELECT reasons FROM score WHERE scoring_run_id = ? AND user_id = ?",
                    [run.scoring_run_id, user_id],
                ).fetchone()
        groups = raising_groups(record[0]) if record else ()
        return preview.suggestions(
            self._places.behaviour,
            user_id,
            groups,
            self._settings,
            offer=Offer(),
            now=self._clock(),
            library=self._library,
        )

    def preview(
        self, template_id: str, user_id: str, locale: str | None, offer: Offer
    ) -> RenderedMessage:
        """The message that `user_id` would get; nothing is planned."""
        return preview.preview(
            self._places.behaviour,
            template_id,
            user_id,
            self._settings,
            locale=locale,
            offer=offer,
            now=self._clock(),
            library=self._library,
        )

    def plan(self, request: PlanRequest) -> PlanSummary:
        """Who gets what: gates, holdout, propensities; `dry_run` writes nothing."""
        chosen = candidates(
            self._places,
            user_ids=request.user_ids,
            filter_text=request.filter,
            limit=request.limit,
        )
        return planning.plan(
            self._places.ledger,
            self._places.behaviour,
            request,
            chosen,
            self._settings,
            now=self._clock(),
            rng=self._rng,
            library=self._library,
        )

    def plans(self) -> tuple[PlanSummary, ...]:
        """Every plan, newest first."""
        return plans.plans(self._places.ledger)

    def approve(self, plan_id: str, operator: str) -> PlanSummary:
        """Release the messages of a plan, exactly as they were rendered."""
        return plans.approve(self._places.ledger, plan_id, operator=operator, now=self._clock())

    def cancel(self, plan_id: str, operator: str) -> PlanSummary:
        """Take back what has not been sent."""
        return plans.cancel(self._places.ledger, plan_id, operator=operator, now=self._clock())

    def send(self, plan_id: str, operator: str, *, by_smtp: bool = False) -> SendReport:
        """Deliver an approved plan to the outbox, or to the mail server of `[smtp]`; again sends
        only what is missing."""
        if not by_smtp:
            outbox = self._places.outbox
            return self._send(plan_id, operator, Outbox(outbox), outbox)
        password = os.environ.get(PASSWORD_VARIABLE)
        sender = self._settings.outreach.sender_address
        with Relay(
            self._settings.smtp, sender, password, wait=time.sleep, monotonic=time.monotonic
        ) as relay:
            return self._send(plan_id, operator, relay, None)

    def _send(
        self, plan_id: str, operator: str, delivery: Delivery, outbox: Path | None
    ) -> SendReport:
        return send(
            self._places.ledger,
            self._places.behaviour,
            plan_id,
            self._settings,
            delivery,
            operator=operator,
            now=self._clock(),
            outbox=outbox,
            library=self._library,
            clock=self._clock,
        )

    def resolve(self, intervention_id: str, operator: str, *, was_sent: bool) -> None:
        """Say what became of a message that is `unknown`."""
        plans.resolve(
            self._places.ledger,
            intervention_id,
            was_sent=was_sent,
            operator=operator,
            now=self._clock(),
        )

    def log(self, text: str = "", start: int = 0, count: int = 100) -> LogPage:
        """A page of the intervention log, newest first."""
        page = log.page(self._places.ledger, text, start, count)
        names = self._names([row.user_id for row in page.rows])
        return replace(
            page,
            rows=tuple(replace(row, name=names.get(row.user_id, "")) for row in page.rows),
        )

    def _names(self, user_ids: list[str]) -> dict[str, str]:
        if not user_ids or not self._places.behaviour.exists():
            return {}
        with lease(self._places.behaviour) as connection:
            return dict(
                connection.execute(
                    "SELECT user_id, name FROM users "
                    "WHERE name IS NOT NULL AND user_id IN (SELECT unnest(?))",
                    [user_ids],
                ).fetchall()
            )

    def close_outcomes(self) -> OutcomeReport:
        """Set the outcome of every intervention whose window the data cover."""
        return outcomes.close_outcomes(
            self._places.ledger,
            self._places.behaviour,
            operator=self._operator,
            now=self._clock(),
        )

    def import_history(self, file: Path) -> int:
        """Add a past log; returns how many rows were new."""
        return history.import_history(
            self._places.ledger, file, operator=self._operator, now=self._clock()
        )

    def effects(self) -> tuple[Effect, ...]:
        """The read-out of every campaign, newest first."""
        return tuple(
            read_out(
                counts.campaign_id,
                counts.campaign,
                treated=counts.treated,
                treated_retained=counts.treated_retained,
                held_out=counts.held_out,
                held_out_retained=counts.held_out_retained,
                planned_holdout=counts.planned_holdout or None,
            )
            for counts in log.campaign_counts(self._places.ledger)
        )

    def effect(self, campaign: str) -> Effect:
        """The read-out of one campaign, by id or name."""
        found = {effect.campaign: effect for effect in self.effects()}
        found |= {effect.campaign_id: effect for effect in found.values()}
        if campaign not in found:
            raise UsageError(
                "unknown_campaign",
                f"There is no campaign {campaign!r} in the log",
                why=f"Known: {', '.join(e.campaign for e in set(found.values())) or 'none yet'}",
            )
        return found[campaign]

    def verify_audit(self) -> tuple[str, ...]:
        """What is wrong with the audit chain; empty when it holds."""
        with lease(self._places.ledger) as connection:
            return audit.verify(connection)
