"""Facts that cross from the engine to the screens: frozen dataclasses, standard library only.

Every datetime is a naive UTC instant; the terminal shows it in the workspace's time zone. Money is
a float in the workspace's currency. Probabilities are in [0, 1]. Words come in both languages,
so that switching the language needs no second look into the database.
"""

from __future__ import annotations

from engine.types.data import DataSummary, LoadReport, TableLoad
from engine.types.files import ExportFormat, ExportKind, ExportReport
from engine.types.intervals import Interval
from engine.types.jobs import JobEvent
from engine.types.models import (
    Confusion,
    CutoffShift,
    Evaluation,
    GateVerdict,
    LabelCounts,
    Metrics,
    ModelCard,
)
from engine.types.outreach import (
    Effect,
    GateCount,
    InterventionRow,
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
from engine.types.risk import Band, Explanation, RankPage, RankQuery, Reason, RiskRow, ScoringRun
from engine.types.users import TimelineEntry, UserDetail
from engine.types.words import Language, Words

__all__ = [
    "Band",
    "Confusion",
    "CutoffShift",
    "DataSummary",
    "Effect",
    "Evaluation",
    "Explanation",
    "ExportFormat",
    "ExportKind",
    "ExportReport",
    "GateCount",
    "GateVerdict",
    "Interval",
    "InterventionRow",
    "JobEvent",
    "LabelCounts",
    "Language",
    "LintProblem",
    "LoadReport",
    "LogPage",
    "Metrics",
    "ModelCard",
    "Offer",
    "OutcomeReport",
    "PlanRequest",
    "PlanSummary",
    "RankPage",
    "RankQuery",
    "Reason",
    "RenderedMessage",
    "RiskRow",
    "ScoringRun",
    "SendReport",
    "TableLoad",
    "TemplateInfo",
    "TimelineEntry",
    "UserDetail",
    "Words",
]
