"""The whole report: the cutoffs of a training run, the variants, the verdict."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING

from engine.data.summary import churn_rule, nothing_loaded, summary
from engine.errors import DataError
from engine.features.attributes.schema import timeless
from engine.features.label_report.count import count_labels, total
from engine.features.label_report.types import CutoffLabels, LabelReport, Phase
from engine.features.label_report.variants import (
    Grid,
    compared_at,
    measure_variants,
    variants_of,
)
from engine.features.label_report.verdict import findings, smallest_class
from engine.features.label_report.words import rule_words
from engine.features.labels import given_cutoffs
from engine.settings import TrainingSettings
from engine.timeline import ChurnRule, CutoffPlan, plan_cutoffs
from engine.types import DataSummary

if TYPE_CHECKING:
    import duckdb


def label_report(
    connection: duckdb.DuckDBPyConnection,
    training: TrainingSettings,
    *,
    grid: Grid,
    as_of: datetime | None = None,
) -> LabelReport:
    """The report on what is loaded, with data up to `as_of` (default: all of them).

    Raises `DataError` when nothing is loaded or the history is too short for the rule.
    """
    loaded = summary(connection)
    if loaded is None:
        raise nothing_loaded()
    if timeless(connection):
        raise no_cutoff()
    rule = churn_rule(connection)
    end = min(as_of or loaded.as_of, loaded.as_of)

    def training_cutoffs(asked: ChurnRule) -> int:
        try:
            return len(training_plan(connection, loaded, training, asked, end).train)
        except DataError:
            return 0

    plan = training_plan(connection, loaded, training, rule, end)
    cutoffs = tuple(
        CutoffLabels(cutoff, phase, count_labels(connection, rule, cutoff, as_of=end))
        for phase, moments in _phases(plan)
        for cutoff in moments
    )
    variants = variants_of(rule, grid)
    compared = compared_at([variant for _, variant in variants] or [rule], plan.all, end)
    whole = total(one.count for one in cutoffs)
    found = findings(rule, cutoffs, whole)
    fewest, phase = smallest_class(cutoffs)
    rates = [one.count.base_rate for one in cutoffs if one.count.eligible]
    return LabelReport(
        rule=rule,
        words=rule_words(rule),
        as_of=end,
        cutoffs=cutoffs,
        total=whole,
        lowest_rate=min(rates, default=float("nan")),
        highest_rate=max(rates, default=float("nan")),
        smallest_class=fewest,
        smallest_phase=phase,
        compared_at=compared if variants else (),
        variants=measure_variants(
            connection, rule, variants, compared, as_of=end, training_cutoffs=training_cutoffs
        ),
        verdict="good" if found[0].code == "good" else "look",
        findings=found,
    )


def no_cutoff() -> DataError:
    """A table of one row a customer has labels of its owner, and no past to hold them against."""
    return DataError(
        "no_time_axis",
        "The loaded table has no time axis: its labels are given, and there is no cutoff",
        next_step="Go on with `retention train`, which cross-fits such a table",
    )


def training_plan(
    connection: duckdb.DuckDBPyConnection,
    loaded: DataSummary,
    training: TrainingSettings,
    rule: ChurnRule,
    end: datetime,
) -> CutoffPlan:
    """The cutoffs that a training run under `rule` would use, with data that end at `end`."""
    return plan_cutoffs(
        rule,
        first_at=loaded.first_at,
        as_of=end,
        cutoffs=training.cutoffs,
        every_days=training.cutoff_every_days,
        test_cutoffs=training.test_cutoffs,
        given=given_cutoffs(connection) if rule.kind == "label" else (),
    )


def _phases(plan: CutoffPlan) -> tuple[tuple[Phase, Sequence[datetime]], ...]:
    return (
        ("train", plan.train),
        ("validate", (plan.validate,)),
        ("calibrate", (plan.calibrate,)),
        ("test", plan.test),
    )
