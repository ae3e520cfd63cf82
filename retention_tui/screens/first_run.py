"""No workspace in this folder: offer a sample, and say how to begin with one's own data."""

from __future__ import annotations

from typing import Any, ClassVar

from textual import events
from textual.app import ComposeResult
from textual.containers import Vertical
from textual.content import Content
from textual.widgets import ProgressBar, Static

from retention_tui.actions import BY_ID, bindings, key_name
from retention_tui.i18n import current_language, t
from retention_tui.i18n.formats import number
from retention_tui.jobs import JobStatus
from retention_tui.screens.base import DataScreen
from retention_tui.widgets.cells import clean, fit
from retention_tui.widgets.state_view import Notice


class FirstRunScreen(DataScreen):
    """One key makes the sample, another a small one; the stages are told while it is made."""

    SCOPE = "first_run"
    MODE = "first_run"
    CSS_PATH = "first_run.tcss"
    BINDINGS: ClassVar[list[Any]] = bindings("first_run")

    def content(self) -> ComposeResult:
        with Vertical(id="welcome"):
            yield Static(id="welcome-title")
            yield Static(id="welcome-text")
            yield Static(id="welcome-keys")
            yield ProgressBar(total=1.0, show_eta=False, id="welcome-bar")
            yield Static(id="welcome-stage")

    async def fetch(self) -> str:
        return str(self.workbench.client.folder)

    def show(self, facts: object) -> Notice | None:
        from retention_tui.demo import MONTHS, SMALL_USERS, USERS

        def put(place: str, content: Content) -> None:
            self.query_one(f"#welcome-{place}", Static).update(content)

        put("title", Content.styled(t("Keep the users you have"), "bold"))
        put(
            "text",
            Content.from_markup(
                "$what\n\n[$foreground-muted]$where[/]",
                what=t(
                    "There is no workspace here yet. The sample is a paid-knowledge platform: "
                    "{months} months of behaviour, a trained model and a ranked list. "
                    "It is made here and writes only into this folder.",
                    months=MONTHS,
                ),
                where=clean(str(facts)),
            ),
        )
        put(
            "keys",
            Content.from_markup(
                "[bold $text-accent]enter[/] $sample\n"
                "[bold $text-accent]$key[/] $small\n\n"
                "[$foreground-muted]$own[/]",
                sample=t("the sample: {users} users, a few minutes", users=number(USERS)),
                key=fit(" ".join(map(key_name, BY_ID["first_run.small_sample"].keys)), 5),
                small=t("a small one: {users} users, about a minute", users=number(SMALL_USERS)),
                own=t("Your own data: retention init DIR --pack paid-content"),
            ),
        )
        self._show_job(self.workbench.job)
        return None

    def tell(self) -> None:
        super().tell()
        if self.ready:
            self._show_job(self.workbench.job)

    def _show_job(self, job: JobStatus | None) -> None:
        bar, stage = (
            self.query_one(ProgressBar),
            self.query_one("#welcome-stage", Static),
        )
        running = job is not None and job.running
        bar.display = running
        if job is None:
            stage.update(Content(""))
            return
        bar.update(progress=job.done or 0.0)
        words = clean(job.words.pick(current_language())) if job.words else ""
        if running:
            stage.update(Content(words or t("Starting")))
        elif job.state == "failed":
            stage.update(
                Content.from_markup(
                    "[bold $text-error]$what[/] $words\n[$foreground-muted]$log[/]",
                    what=t("It did not work."),
                    words=words,
                    log=t("Details are in {path}", path=job.log_path),
                )
            )
        elif job.state == "cancelled":
            stage.update(Content(t("Stopped. Press enter to begin again.")))

    def on_resize(self, event: events.Resize) -> None:
        self.tell()

    def action_sample(self) -> None:
        from retention_tui.demo import USERS

        self._make(USERS)

    def action_small_sample(self) -> None:
        from retention_tui.demo import SMALL_USERS

        self._make(SMALL_USERS)

    def _make(self, users: int) -> None:
        if self.workbench.job_running:
            self.workbench.say(t("The sample is being made"))
        else:
            options = ("--users", str(users), "--language", current_language())
            self.workbench.start_job("demo", *options)
