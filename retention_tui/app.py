"""The app: modes, languages, jobs and errors; screens and flows do the rest."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime
from typing import Any, ClassVar, TypeVar

from textual import events, work
from textual.app import App
from textual.command import CommandPalette
from textual.reactive import reactive
from textual.screen import Screen

from engine.errors import RetentionError
from engine.types import ExportFormat, ExportKind, ModelCard, PlanRequest, RankQuery, Words
from retention_tui import flows
from retention_tui.actions import bindings
from retention_tui.client import EngineClient, EngineCrash, WorkspaceFacts
from retention_tui.faults import headline
from retention_tui.i18n import LANGUAGES, current_language, t, use_language
from retention_tui.jobs import JobKind, JobRunner, JobStatus
from retention_tui.modals.error import ErrorDialog
from retention_tui.modals.quit_guard import QuitGuard
from retention_tui.modals.too_small import TooSmall, too_small
from retention_tui.palette import ActionProvider
from retention_tui.screens.base import DataScreen
from retention_tui.screens.data import QualityScreen
from retention_tui.screens.first_run import FirstRunScreen
from retention_tui.screens.help import HelpScreen
from retention_tui.screens.log import LogScreen
from retention_tui.screens.models import ModelsScreen
from retention_tui.screens.risk_list import RiskScreen
from retention_tui.theme import DARK, THEMES
from retention_tui.widgets.job_bar import JOB_NAMES, end_of

Result = TypeVar("Result")

TOAST_S = 6.0
HAN_FIRST, HAN_LAST = 0x4E00, 0x9FFF
JOB_TICK_S = 1.0
"""How often the elapsed time of a running job is written anew."""


class RetentionApp(App[None], inherit_bindings=False):
    """The workbench on one workspace; everything it needs is handed to it."""

    CSS_PATH = "app.tcss"
    TITLE = "Retention"
    ENABLE_COMMAND_PALETTE = False  # our own key opens it, see `action_palette`
    COMMANDS: ClassVar[set[Any]] = {ActionProvider}
    BINDINGS: ClassVar[list[Any]] = bindings("app")
    MODES: ClassVar[dict[str, str | Callable[[], Screen[Any]]]] = {
        "risk": RiskScreen,
        "models": ModelsScreen,
        "data": QualityScreen,
        "log": LogScreen,
        "first_run": FirstRunScreen,
    }

    job: reactive[JobStatus | None] = reactive(None, init=False)
    facts: reactive[WorkspaceFacts | None] = reactive(None, init=False)

    def __init__(
        self,
        client: EngineClient,
        *,
        language: str,
        jobs: JobRunner,
        clock: Callable[[], datetime],
    ) -> None:
        super().__init__()
        use_language(language)
        self.client = client
        self.jobs = jobs
        self.clock = clock
        self.data_version = 0
        """Counts changes of the stored facts; a screen that returns reads again if it moved."""
        self.titles: Mapping[str, Words] = {}
        self.animation_level = "none"
        jobs.listener = self._job_changed

    def on_mount(self) -> None:
        self.register_theme(DARK)
        self.theme = DARK.name
        self.set_interval(JOB_TICK_S, self._tick)
        self.switch_mode("risk" if self.client.exists() else "first_run")
        self._read_facts()

    # --- what screens use ------------------------------------------------------------------

    @property
    def timezone(self) -> str:
        return self.facts.timezone if self.facts else "UTC"

    @property
    def currency(self) -> str:
        return self.facts.currency if self.facts else "CNY"

    @property
    def job_running(self) -> bool:
        return self.job is not None and self.job.running

    def template_title(self, template_id: str) -> str:
        """The title of a template; its id while the titles are not here, or when it is gone."""
        words = self.titles.get(template_id)
        return template_id if words is None else words.pick(current_language())

    def say(self, text: str) -> None:
        """A toast; `text` is data, never markup."""
        self.notify(text, markup=False, timeout=TOAST_S)

    def report(self, error: RetentionError) -> None:
        """An expected error is a toast; an unforeseen one a dialogue with its log file."""
        if isinstance(error, EngineCrash):
            self.open(ErrorDialog(error))
        else:
            kind = headline(error)
            self.notify(
                error.sentence, title=kind, severity="error", markup=False, timeout=2 * TOAST_S
            )

    def open(
        self, screen: Screen[Result], callback: Callable[[Result | None], None] | None = None
    ) -> None:
        """Push `screen` unless one of its kind is on top: a key pressed twice opens once."""
        if type(self.screen) is not type(screen):
            self.push_screen(screen, callback)

    def data_changed(self) -> None:
        """Stored facts have changed: read again here, elsewhere on return."""
        self.data_version += 1
        self._read_facts()
        if isinstance(self.screen, DataScreen):
            self.screen.refresh_data()

    def start_job(self, kind: JobKind, *options: str) -> None:
        self.run_worker(self.launch(kind, *options), group="jobs")

    async def launch(self, kind: JobKind, *options: str) -> None:
        """Start `kind`, or say why not."""
        try:
            await self.jobs.start(kind, options)
        except RetentionError as error:
            self.report(error)

    def deliver(self, request: PlanRequest, done: Callable[[int | None], None]) -> None:
        async def flow() -> None:
            done(await flows.deliver(self, request))

        self._flow(flow())

    def export(self, kind: ExportKind, form: ExportFormat, query: RankQuery | None) -> None:
        self._flow(flows.export(self, kind, form, query))

    def promote(self, challenger: ModelCard) -> None:
        self._flow(flows.promote(self, challenger))

    def rollback(self) -> None:
        self._flow(flows.rollback(self))

    def _flow(self, step: Awaitable[None]) -> None:
        self.run_worker(step, group="flows")

    @work(exclusive=True, group="facts")
    async def _read_facts(self) -> None:
        if not self.client.exists():
            return
        try:
            self.facts = await self.client.facts()
            templates = await self.client.templates()
        except RetentionError:
            return  # the screen in front asks the same workspace and says what is wrong
        self.titles = {one.template_id: one.title for one in templates}
        self._tell()

    # --- changes ---------------------------------------------------------------------------

    def watch_facts(self) -> None:
        self._tell()

    def watch_job(self, old: JobStatus | None, new: JobStatus | None) -> None:
        self._tell()
        if old is not None and old.running and new is not None and not new.running:
            self._job_ended(new)

    def _tell(self) -> None:
        if isinstance(self.screen, DataScreen):
            self.screen.tell()

    def _tick(self) -> None:
        if self.job_running:
            self._tell()

    def _job_changed(self, status: JobStatus) -> None:
        self.job = status

    def _job_ended(self, job: JobStatus) -> None:
        if job.state in ("succeeded", "cancelled"):
            self.say(end_of(job))
        else:
            self.notify(end_of(job), severity="error", markup=False, timeout=3 * TOAST_S)
        self.client.reopen()
        if self.current_mode == "first_run" and job.state == "succeeded":
            self.switch_mode("risk")
        self.data_changed()

    async def on_resize(self, event: events.Resize) -> None:
        small = too_small(event.size.width, event.size.height)
        if small and not isinstance(self.screen, TooSmall):
            self.push_screen(TooSmall())
        elif not small and isinstance(self.screen, TooSmall):
            self.pop_screen()

    def on_key(self, event: events.Key) -> None:
        """A letter that an input method has composed reaches no binding: say the way round."""
        if event.character is not None and HAN_FIRST <= ord(event.character[0]) <= HAN_LAST:
            self.say(t("Input method is on: press Shift to switch, or use F keys (F1 lists them)"))

    # --- actions ---------------------------------------------------------------------------

    def _go(self, mode: str) -> None:
        if self.client.exists() and self.current_mode != mode:
            self.switch_mode(mode)

    def action_risk(self) -> None:
        self._go("risk")

    def action_models(self) -> None:
        self._go("models")

    def action_data(self) -> None:
        self._go("data")

    def action_log(self) -> None:
        self._go("log")

    def action_retrain(self) -> None:
        if self.job_running:
            self.say(t("A job is running: X cancels it"))
        elif self.client.exists():
            self.run_worker(flows.retrain(self), group="retrain", exclusive=True)

    def action_cancel_job(self) -> None:
        if self.job_running:
            self.run_worker(self.jobs.cancel(), group="jobs")
        else:
            self.say(t("No job is running"))

    def action_refresh(self) -> None:
        self._read_facts()  # they are missing where the database was busy at the start
        if isinstance(self.screen, DataScreen):
            self.screen.refresh_data()

    def action_palette(self) -> None:
        self.open(CommandPalette(placeholder=t("What do you want to do?")))

    def action_language(self) -> None:
        place = (LANGUAGES.index(current_language()) + 1) % len(LANGUAGES)
        use_language(LANGUAGES[place])
        if isinstance(self.screen, DataScreen):
            self.screen.change_language()

    def action_theme(self) -> None:
        place = THEMES.index(self.theme) + 1 if self.theme in THEMES else 0
        self.theme = THEMES[place % len(THEMES)]

    def action_help(self) -> None:
        scope = self.screen.SCOPE if isinstance(self.screen, DataScreen) else "app"
        self.open(HelpScreen(scope, self.facts))

    async def action_back(self) -> None:
        screen = self.screen
        leave = getattr(screen, "leave_filter", None)
        if leave is not None and leave():
            return
        if len(self.screen_stack) > 1 and isinstance(screen, DataScreen):
            screen.dismiss(screen.result())

    def action_quit(self) -> None:  # type: ignore[override]
        if self.job_running:
            name = t(JOB_NAMES.get(self.job.kind, self.job.kind)) if self.job else ""
            self.open(QuitGuard(name), self._quit_decided)
        else:
            self.exit()

    def _quit_decided(self, leave: bool | None) -> None:
        if leave:
            self.run_worker(self._stop_and_exit(), group="quit", exclusive=True)

    async def _stop_and_exit(self) -> None:
        await self.jobs.cancel()
        self.exit()
