"""Time: cutoff, lead, horizon, embargo, maturity; and the churn rules.

A cutoff c is the instant at which the past ends: features use rows with `known_at < c`. The label
looks at the window [c + lead, c + lead + horizon). A cutoff is mature once that window is closed
by the data. Training cutoffs must be mature before the first validation or test cutoff begins
(embargo), so that no label of the future leaks into the fit.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

RuleKind = Literal["inactive", "lapsed", "no_payment", "label"]


@dataclass(frozen=True, slots=True)
class ChurnRule:
    """What 'leaves' means in this business; versioned with the data it was loaded with.

    - `inactive`: no event in the label window.
    - `no_payment`: no succeeded payment in the label window.
    - `lapsed`: the running subscription ends in the window and none follows within `grace_days`.
    - `label`: given by the table `outcomes`.
    """

    kind: RuleKind
    horizon_days: int
    lead_days: int = 0
    active_within_days: int = 30  # eligible: the rule's own activity seen this recently
    grace_days: int = 0

    @property
    def lead(self) -> timedelta:
        return timedelta(days=self.lead_days)

    @property
    def horizon(self) -> timedelta:
        return timedelta(days=self.horizon_days)

    def window(self, cutoff: datetime) -> tuple[datetime, datetime]:
        """The half-open label window of `cutoff`."""
        start = cutoff + self.lead
        return start, start + self.horizon

    def matures_at(self, cutoff: datetime) -> datetime:
        """When the label of `cutoff` is known."""
        return self.window(cutoff)[1] + timedelta(days=self.grace_days)
