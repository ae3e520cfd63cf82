"""The screens' only way to the engine: awaitable questions, answered on executor lanes.

Reads share two threads; everything that writes takes turns on one. The event loop never waits
for a database, and no database, tensor or frame is imported before the first question.
"""

from __future__ import annotations

import asyncio
import getpass
import traceback
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, TypeVar

from engine.data.quality.report import QualityReport
from engine.errors import RetentionError
from engine.insight.report import Insight
from engine.monitor.report import MonitorReport
from engine.similar.report import SimilarReport
from engine.types import (
    DataSummary,
    Effect,
    ExportFormat,
    ExportKind,
    ExportReport,
    Language,
    LogPage,
    ModelCard,
    Offer,
    PlanRequest,
    PlanSummary,
    RankPage,
    RankQuery,
    RenderedMessage,
    ScoringRun,
    SendReport,
    TemplateInfo,
    UserDetail,
)
from engine.whatif.report import WhatIfReport

if TYPE_CHECKING:
    from engine.workspace import Workspace

T = TypeVar("T")

SETTINGS_FILE = "retention.toml"


@dataclass(frozen=True, slots=True)
class WorkspaceFacts:
    """What the top bar and the help say about the open workspace."""

    name: str
    folder: Path
    operator: str
    language: str
    data: DataSummary | None

    @property
    def currency(self) -> str:
        return self.data.currency if self.data else "CNY"

    @property
    def timezone(self) -> str:
        return self.data.timezone if self.data else "UTC"


class EngineCrash(RetentionError):
    """A fault that nobody foresaw: the traceback is in `log_path`, the app goes on."""

    def __init__(self, error: Exception, log_path: Path | None) -> None:
        self.log_path = log_path
        self.trace = "".join(traceback.format_exception(error))
        super().__init__("unexpected", f"{type(error).__name__}: {error}")


class EngineClient(Protocol):
    """The questions that screens ask; each may raise `RetentionError`."""

    folder: Path

    def exists(self) -> bool: ...
    def reopen(self) -> None: ...
    def close(self) -> None: ...
    async def facts(self) -> WorkspaceFacts: ...
    async def latest_run(self) -> ScoringRun | None: ...
    async def risk_page(self, query: RankQuery, start: int, count: int) -> RankPage: ...
    async def check_filter(self, text: str) -> None: ...
    async def user(self, user_id: str) -> UserDetail: ...
    async def what_if(self, user_id: str) -> WhatIfReport: ...
    async def similar(self, user_id: str) -> SimilarReport: ...
    async def models(self) -> tuple[ModelCard, ...]: ...
    async def monitored(self) -> MonitorReport: ...
    async def insight(self, model_id: str) -> Insight: ...
    async def write_insight(self, found: Insight, language: Language) -> Path: ...
    async def quality(self) -> QualityReport: ...
    async def quarantined(self, table: str, reason: str, count: int) -> tuple[str, ...]: ...
    async def write_quality(self, report: QualityReport, language: Language) -> Path: ...
    async def promote(self, model_id: str) -> None: ...
    async def rollback(self) -> None: ...
    async def templates(self) -> tuple[TemplateInfo, ...]: ...
    async def suggest(self, user_id: str) -> tuple[str, ...]: ...
    async def preview(
        self, template_id: str, user_id: str, locale: str | None, offer: Offer
    ) -> RenderedMessage: ...
    async def plan(self, request: PlanRequest) -> PlanSummary: ...
    async def approve(self, plan_id: str) -> PlanSummary: ...
    async def send(self, plan_id: str) -> SendReport: ...
    async def cancel_plan(self, plan_id: str) -> None: ...
    async def log(self, text: str, start: int, count: int) -> LogPage: ...
    async def effects(self) -> tuple[Effect, ...]: ...
    async def export(
        self, kind: ExportKind, form: ExportFormat, query: RankQuery | None
    ) -> ExportReport: ...


class LocalEngineClient:
    """`EngineClient` on the workspace `folder` of this machine."""

    def __init__(self, folder: Path, clock: Callable[[], datetime]) -> None:
        self.folder = folder
        self._clock = clock
        self._workspace: Workspace | None = None
        self._readers = ThreadPoolExecutor(2, thread_name_prefix="read")
        self._writer = ThreadPoolExecutor(1, thread_name_prefix="write")

    def exists(self) -> bool:
        return (self.folder / SETTINGS_FILE).is_file()

    def reopen(self) -> None:
        """Forget the open workspace: the settings on disk have changed."""
        self._workspace = None

    def close(self) -> None:
        self._readers.shutdown(wait=False, cancel_futures=True)
        self._writer.shutdown(wait=True)

    async def _read(self, ask: Callable[[Workspace], T]) -> T:
        return await self._run(self._readers, ask)

    async def _write(self, ask: Callable[[Workspace], T]) -> T:
        # Shielded: a write that has begun is finished even when its screen is gone.
        return await asyncio.shield(self._run(self._writer, ask))

    async def _run(self, lane: ThreadPoolExecutor, ask: Callable[[Workspace], T]) -> T:
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(lane, self._guarded, ask)

    def _guarded(self, ask: Callable[[Workspace], T]) -> T:
        try:
            return ask(self._open())
        except RetentionError:
            raise
        except Exception as error:  # the boundary: the app outlives any fault below it
            raise EngineCrash(error, self._write_log(error)) from error

    def _open(self) -> Workspace:
        if self._workspace is None:
            from engine.workspace import Workspace

            self._workspace = Workspace.open(self.folder)
        return self._workspace

    def _write_log(self, error: Exception) -> Path | None:
        """The traceback in a file of its own; None where the disk refuses that too."""
        path = self.folder / "logs" / f"app-{self._clock():%Y%m%d-%H%M%S-%f}.log"
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text("".join(traceback.format_exception(error)), "utf-8")
        except OSError:
            return None
        return path

    @staticmethod
    def _operator(workspace: Workspace) -> str:
        return workspace.settings.workspace.operator or getpass.getuser()

    async def facts(self) -> WorkspaceFacts:
        def ask(workspace: Workspace) -> WorkspaceFacts:
            settings = workspace.settings.workspace
            return WorkspaceFacts(
                name=settings.name,
                folder=self.folder,
                operator=self._operator(workspace),
                language=settings.language,
                data=workspace.data.summary(),
            )

        return await self._read(ask)

    async def latest_run(self) -> ScoringRun | None:
        return await self._read(lambda ws: ws.risk.latest())

    async def risk_page(self, query: RankQuery, start: int, count: int) -> RankPage:
        return await self._read(lambda ws: ws.risk.page(query, start, count))

    async def check_filter(self, text: str) -> None:
        await self._read(lambda ws: ws.risk.check_filter(text))

    async def user(self, user_id: str) -> UserDetail:
        return await self._read(lambda ws: ws.users.detail(user_id))

    async def what_if(self, user_id: str) -> WhatIfReport:
        return await self._read(lambda ws: ws.whatif.of(user_id))

    async def similar(self, user_id: str) -> SimilarReport:
        return await self._read(lambda ws: ws.similar.to(user_id))

    async def models(self) -> tuple[ModelCard, ...]:
        return await self._read(lambda ws: ws.models.cards())

    async def monitored(self) -> MonitorReport:
        return await self._read(lambda ws: ws.monitor.look(fairness=True))

    async def insight(self, model_id: str) -> Insight:
        return await self._read(lambda ws: ws.models.insight(model_id))

    async def write_insight(self, found: Insight, language: Language) -> Path:
        return await self._write(lambda ws: ws.models.write_insight(found, language))

    async def quality(self) -> QualityReport:
        return await self._read(lambda ws: ws.data.check())

    async def quarantined(self, table: str, reason: str, count: int) -> tuple[str, ...]:
        return await self._read(lambda ws: ws.data.quarantined(table, reason, count))

    async def write_quality(self, report: QualityReport, language: Language) -> Path:
        return await self._write(lambda ws: ws.data.write_report(report, language, None))

    async def promote(self, model_id: str) -> None:
        await self._write(lambda ws: ws.models.promote(model_id, self._operator(ws)))

    async def rollback(self) -> None:
        await self._write(lambda ws: ws.models.rollback(self._operator(ws)))

    async def templates(self) -> tuple[TemplateInfo, ...]:
        return await self._read(lambda ws: ws.interventions.templates())

    async def suggest(self, user_id: str) -> tuple[str, ...]:
        return await self._read(lambda ws: ws.interventions.suggest(user_id))

    async def preview(
        self, template_id: str, user_id: str, locale: str | None, offer: Offer
    ) -> RenderedMessage:
        return await self._read(
            lambda ws: ws.interventions.preview(template_id, user_id, locale, offer)
        )

    async def plan(self, request: PlanRequest) -> PlanSummary:
        def ask(workspace: Workspace) -> PlanSummary:
            operator = request.operator or self._operator(workspace)
            plan: PlanSummary = workspace.interventions.plan(replace(request, operator=operator))
            return plan

        if request.dry_run:
            return await self._read(ask)
        return await self._write(ask)

    async def approve(self, plan_id: str) -> PlanSummary:
        return await self._write(lambda ws: ws.interventions.approve(plan_id, self._operator(ws)))

    async def send(self, plan_id: str) -> SendReport:
        return await self._write(lambda ws: ws.interventions.send(plan_id, self._operator(ws)))

    async def cancel_plan(self, plan_id: str) -> None:
        await self._write(lambda ws: ws.interventions.cancel(plan_id, self._operator(ws)))

    async def log(self, text: str, start: int, count: int) -> LogPage:
        return await self._read(lambda ws: ws.interventions.log(text, start, count))

    async def effects(self) -> tuple[Effect, ...]:
        return await self._read(lambda ws: ws.interventions.effects())

    async def export(
        self, kind: ExportKind, form: ExportFormat, query: RankQuery | None
    ) -> ExportReport:
        return await self._write(lambda ws: ws.export(kind, form, None, query=query))


__all__ = [
    "SETTINGS_FILE",
    "EngineClient",
    "EngineCrash",
    "LocalEngineClient",
    "WorkspaceFacts",
]
