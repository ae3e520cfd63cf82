"""How the rule's parameters change the label: each on its own, and the usual pairs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TYPE_CHECKING, Any

from engine.errors import UsageError
from engine.features.label_report.count import count_labels, total
from engine.features.label_report.types import LabelVariant
from engine.timeline import ChurnRule

if TYPE_CHECKING:
    from collections.abc import Callable

    import duckdb

COMPARED_CUTOFFS = 3
"""Every variant is counted at so many cutoffs: enough for a season, few enough for a minute."""

USUAL_DAYS = (30, 60, 90)
"""Horizons that people compare themselves with; activity is then asked for as far back."""


@dataclass(frozen=True, slots=True)
class Grid:
    """Values to try in days; an empty one: around the rule's own."""

    horizon_days: tuple[int, ...] = ()
    grace_days: tuple[int, ...] = ()
    active_within_days: tuple[int, ...] = ()
    lead_days: tuple[int, ...] = ()


def variants_of(rule: ChurnRule, grid: Grid) -> tuple[tuple[str, ChurnRule], ...]:
    """(parameter, rule) of every variant, the present value among them; none for given labels.

    Raises `UsageError` where the grid tries what has no say in the rule.
    """
    asks_for_activity = rule.kind in ("inactive", "no_payment")
    if rule.kind == "label" and grid != Grid():
        raise _no_say("The parameters", rule, "its labels are given in the table outcomes")
    if rule.kind == "lapsed" and grid.active_within_days:
        raise _no_say("active_within_days", rule, "it asks for a running subscription")
    if rule.kind == "label":
        return ()
    horizon, active = rule.horizon_days, rule.active_within_days
    tried: Mapping[str, Sequence[int]] = {
        "horizon_days": grid.horizon_days or (max(1, horizon // 2), 2 * horizon, *USUAL_DAYS),
        "grace_days": grid.grace_days or (0, 7, 14, 30),
        "active_within_days": (grid.active_within_days or (max(1, active // 2), 2 * active))
        if asks_for_activity
        else (),
        "lead_days": grid.lead_days or (0, 7, 14),
    }
    found = []
    for parameter, values in tried.items():
        if values:
            present = int(getattr(rule, parameter))
            found += [
                (parameter, _with(rule, parameter, value)) for value in sorted({present, *values})
            ]
    if asks_for_activity and grid == Grid():
        found += [
            ("usual", replace(rule, horizon_days=days, active_within_days=days))
            for days in USUAL_DAYS
        ]
    return tuple(found)


def _no_say(what: str, rule: ChurnRule, why: str) -> UsageError:
    return UsageError(
        "not_of_this_rule",
        f"{what} cannot be varied under the churn rule {rule.kind!r}",
        why=f"The rule has no use for it: {why}",
        next_step="Leave the option out",
    )


def _with(rule: ChurnRule, parameter: str, value: int) -> ChurnRule:
    changed: dict[str, Any] = {parameter: value}
    return replace(rule, **changed)


def compared_at(
    rules: Sequence[ChurnRule], cutoffs: Sequence[datetime], as_of: datetime
) -> tuple[datetime, ...]:
    """Evenly spaced cutoffs at which every rule is mature, ascending; else the earliest."""
    settled = [c for c in cutoffs if all(rule.mature(c, as_of) for rule in rules)]
    if len(settled) <= COMPARED_CUTOFFS:
        return tuple(settled or cutoffs[:1])
    last = len(settled) - 1
    return tuple(settled[round(last * n / (COMPARED_CUTOFFS - 1))] for n in range(COMPARED_CUTOFFS))


def measure_variants(
    connection: duckdb.DuckDBPyConnection,
    rule: ChurnRule,
    variants: Sequence[tuple[str, ChurnRule]],
    cutoffs: Sequence[datetime],
    *,
    as_of: datetime,
    training_cutoffs: Callable[[ChurnRule], int],
) -> tuple[LabelVariant, ...]:
    """Every variant at the same `cutoffs`; a rule that occurs twice is counted once."""
    counts = {}
    for _, variant in variants:
        if variant not in counts:
            mature = all(variant.mature(cutoff, as_of) for cutoff in cutoffs)
            counts[variant] = (
                total(count_labels(connection, variant, c, as_of=as_of) for c in cutoffs)
                if mature
                else None
            )
    return tuple(
        LabelVariant(
            parameter, variant, variant == rule, training_cutoffs(variant), counts[variant]
        )
        for parameter, variant in variants
    )
