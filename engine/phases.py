"""The phases of one retraining: rows at every cutoff, with labels that the log has made honest."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

import numpy as np

from engine.data.summary import churn_rule, nothing_loaded, summary
from engine.effects.honest_labels import HonestLabels, honest_labels
from engine.errors import UsageError
from engine.features.build import build_labelled
from engine.features.frame import LabelledFrame, concatenate
from engine.features.labels import given_cutoffs
from engine.features.snapshots import workspace_snapshots
from engine.features.times import Censored, between, censored_rows, with_times
from engine.monitor.groups import Groups, read_groups
from engine.outreach.log import contacts
from engine.places import Places
from engine.served import JudgedRows, judged_rows
from engine.settings import Settings
from engine.store.lease import lease
from engine.store.memory import limit_memory
from engine.timeline import ChurnRule, CutoffPlan, plan_cutoffs
from engine.types import LabelCounts


@dataclass(frozen=True, slots=True)
class Rows:
    """The four phases of one retraining, labels made honest."""

    plan: CutoffPlan
    rule: ChurnRule
    train: LabelledFrame
    validate: LabelledFrame
    calibrate: LabelledFrame
    test: JudgedRows
    labels: LabelCounts
    groups: Groups  # of all users at the newest test cutoff; no model sees them
    censored: Censored | None = None  # only where times were asked for


def collect_rows(
    places: Places,
    settings: Settings,
    *,
    as_of: datetime | None,
    progress: Callable[[str, float], None],
    sequences: bool = True,
    times: bool = False,
) -> Rows:
    """Features and labels at every cutoff, in one read lease; the log decides which rows count.

    `sequences`: with the last events, for models that read them. `times`: with the day that decided
    each label, for models that learn from it. Raises `DataError` when the history is too short for
    the churn rule, `UsageError` when times are asked of a rule that has none.
    """
    log = contacts(places.ledger)
    with lease(places.behaviour) as connection:
        limit_memory(connection, settings.data.memory_limit_gb)
        loaded = summary(connection)
        if loaded is None:
            raise nothing_loaded()
        rule = churn_rule(connection)
        if times and rule.kind == "label":
            raise no_day()
        plan = plan_cutoffs(
            rule,
            first_at=loaded.first_at,
            as_of=as_of or loaded.as_of,
            cutoffs=settings.training.cutoffs,
            every_days=settings.training.cutoff_every_days,
            test_cutoffs=settings.training.test_cutoffs,
            given=given_cutoffs(connection) if rule.kind == "label" else (),
        )
        open_cutoffs = between(plan, settings.training.cutoff_every_days) if times else ()
        frames = build_labelled(
            connection,
            rule,
            (*plan.all, *open_cutoffs),
            sequences=sequences,
            messages=settings.training.read_messages,
            times=times,
            snapshots=workspace_snapshots(places, settings),
            progress=progress,
        )
        # The intervals of the risk tell its course by day, and are judged on later rows.
        for cutoff in (plan.calibrate, *plan.test):
            frames[cutoff] = with_times(connection, rule, cutoff, frames[cutoff])
        honest = {
            cutoff: honest_labels(rows.frame.user_ids, cutoff, log, rule.lead + rule.horizon)
            for cutoff, rows in frames.items()
        }
        taught = {cutoff: honest_rows(frames[cutoff], honest[cutoff]) for cutoff in open_cutoffs}
        censored = censored_rows(connection, rule, plan, taught) if taught else None
        tested = {cutoff: honest_rows(frames[cutoff], honest[cutoff]) for cutoff in plan.test}
        test = judged_rows(connection, rule, tested, settings, log)
        groups = read_groups(connection, plan.test[-1])

    def phase(cutoffs: Sequence[datetime], *, weighted: bool) -> LabelledFrame:
        return concatenate([honest_rows(frames[c], honest[c], weighted=weighted) for c in cutoffs])

    return Rows(
        plan=plan,
        rule=rule,
        train=phase(plan.train, weighted=False),
        validate=phase([plan.validate], weighted=False),
        calibrate=phase([plan.calibrate], weighted=True),
        test=test,
        labels=_total([honest[cutoff].counts for cutoff in plan.all]),
        groups=groups,
        censored=censored,
    )


def rejudged_rows(
    places: Places, settings: Settings, cutoffs: Sequence[datetime]
) -> tuple[JudgedRows, Groups]:
    """The rows of the test `cutoffs` again, from the data and the log of today; and the groups."""
    log = contacts(places.ledger)
    with lease(places.behaviour) as connection:
        limit_memory(connection, settings.data.memory_limit_gb)
        rule = churn_rule(connection)
        frames = build_labelled(
            connection, rule, cutoffs, snapshots=workspace_snapshots(places, settings)
        )
        window = rule.lead + rule.horizon
        frames = {
            cutoff: with_times(connection, rule, cutoff, part) for cutoff, part in frames.items()
        }
        tested = {
            cutoff: honest_rows(part, honest_labels(part.frame.user_ids, cutoff, log, window))
            for cutoff, part in frames.items()
        }
        test = judged_rows(connection, rule, tested, settings, log)
        groups = read_groups(connection, max(cutoffs))
    return test, groups


def no_day() -> UsageError:
    """What to say when a model needs the day of an outcome and the churn rule has none."""
    return UsageError(
        "no_event_times",
        "Given labels do not tell the day on which a user left",
        why="The model `hazard` learns from that day",
        next_step="Choose another model, or a churn rule that is derived from the data",
    )


def honest_rows(
    rows: LabelledFrame, labels: HonestLabels, *, weighted: bool = True
) -> LabelledFrame:
    """The rows that may teach, by the log; `weighted`: each by how many it stands for."""
    if weighted:
        rows = replace(rows, weight=labels.weight.astype(np.float32))
    return rows.take(labels.training_mask)


def _total(counts: Sequence[LabelCounts]) -> LabelCounts:
    return LabelCounts(
        untreated=sum(count.untreated for count in counts),
        holdout=sum(count.holdout for count in counts),
        treated_inside=sum(count.treated_inside for count in counts),
        treated_before=sum(count.treated_before for count in counts),
        dropped=sum(count.dropped for count in counts),
    )
