"""The report on the labels of a workspace: frozen dataclasses, standard library only."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from engine.timeline import ChurnRule
from engine.types import Words

Phase = Literal["train", "validate", "calibrate", "test"]
Code = Literal["too_rare", "too_common", "few", "undone", "drifting", "good"]

PHASE_WORDS: Mapping[Phase, Words] = {
    "train": Words("训练", "train"),
    "validate": Words("验证", "validate"),
    "calibrate": Words("校准", "calibrate"),
    "test": Words("测试", "test"),
}


@dataclass(frozen=True, slots=True)
class LabelCount:
    """What the rule says at one or several cutoffs; a user counts once a cutoff."""

    eligible: int
    churned: int
    base_rate: float  # churned / eligible; NaN without anybody
    returned: int | None  # eligible who had left once and came back; None: the rule cannot tell
    came_back: int | None  # churned who are there again within one more horizon; None: not known
    came_back_share: float | None  # of the churned at the cutoffs where it is known


@dataclass(frozen=True, slots=True)
class CutoffLabels:
    """One cutoff that training would use."""

    cutoff: datetime
    phase: Phase
    count: LabelCount


@dataclass(frozen=True, slots=True)
class LabelVariant:
    """The rule with one parameter (or a usual pair) set otherwise, at the same cutoffs as all."""

    parameter: str  # horizon_days, grace_days, active_within_days, lead_days, or "usual"
    rule: ChurnRule
    present: bool  # the rule as it is
    training_cutoffs: int  # that the history would leave; 0: too short for this rule
    count: LabelCount | None  # None: the data end before the label is known


@dataclass(frozen=True, slots=True)
class Finding:
    """One statement of the verdict and what to do about it."""

    code: Code
    words: Words
    advice: Words


@dataclass(frozen=True, slots=True)
class LabelReport:
    rule: ChurnRule
    words: tuple[Words, ...]  # the rule in sentences
    as_of: datetime
    cutoffs: tuple[CutoffLabels, ...]  # ascending
    total: LabelCount
    lowest_rate: float  # of a cutoff
    highest_rate: float
    smallest_class: int  # churned or stayed, whichever is fewer, in the phase that has fewest
    smallest_phase: Phase
    compared_at: tuple[datetime, ...]  # the cutoffs of `variants`
    variants: tuple[LabelVariant, ...]
    verdict: Literal["good", "look"]
    findings: tuple[Finding, ...]  # "good" alone, or what to look at
