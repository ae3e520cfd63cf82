"""One line on every screen while a job runs; its end is a toast."""

from __future__ import annotations

from datetime import datetime

from rich.cells import cell_len
from textual.content import Content
from textual.widgets import Static

from retention_tui.i18n import N_, current_language, t
from retention_tui.i18n.formats import duration, percent
from retention_tui.jobs import JobStatus
from retention_tui.widgets.cells import clean, fit

JOB_NAMES = {
    "load": N_("Load"),
    "train": N_("Train"),
    "score": N_("Score"),
    "demo": N_("Make the sample"),
    "refresh": N_("Refresh"),
}
STATE_NAMES = {
    "running": N_("running"),
    "cancelling": N_("stopping"),
    "succeeded": N_("done"),
    "failed": N_("failed"),
    "cancelled": N_("cancelled"),
}
BAR_CELLS = 16


def progress_cells(done: float | None, width: int = BAR_CELLS) -> str:
    """`[#####-----]`: ASCII, so that it has the same width everywhere."""
    filled = 0 if done is None else round(done * width)
    return "[" + "#" * filled + "-" * (width - filled) + "]"


def job_line(status: JobStatus, now: datetime, width: int) -> str:
    """The job in one line of at most `width` cells."""
    name = t(JOB_NAMES.get(status.kind, status.kind))
    words = clean(status.words.pick(current_language())) if status.words else ""
    head = f" {name} {progress_cells(status.done)} {percent(status.done or 0.0)} "
    if not status.running:
        head = f" {name}: {t(STATE_NAMES[status.state])} "
    tail = ""
    if status.running:
        tail = f" {duration((now - status.started_at).total_seconds())}  X {t('cancel job')} "
    if status.state == "cancelling":
        words = t("stopping")
    room = width - cell_len(head) - cell_len(tail)
    return head + (fit(words, room) if room > 0 else "") + tail


def end_of(job: JobStatus) -> str:
    """What a toast says of a job that has ended."""
    name = t(JOB_NAMES.get(job.kind, job.kind))
    if job.state == "cancelled":
        return t("{job}: cancelled", job=name)
    if job.state == "succeeded":
        lines = [t("{job}: done", job=name)]
        if job.kind == "train":
            lines.append(t("The challenger stands beside the champion: key 4"))
        return "\n".join(lines)
    lines = [t("{job}: failed", job=name)]
    if job.words:
        lines.append(job.words.pick(current_language()))
    return "\n".join([*lines, t("Details are in {path}", path=job.log_path)])


class JobBar(Static):
    """Hidden while there is nothing to tell."""

    DEFAULT_CSS = """
    JobBar {
        height: 1; display: none; background: $primary 30%; color: $foreground;
        &.-on { display: block; }
    }
    """

    def tell(self, status: JobStatus | None, now: datetime) -> None:
        """Show `status`; a job that has ended takes its line away."""
        on = status is not None and status.running
        self.set_class(on, "-on")
        if status is not None and on:
            self.update(Content(job_line(status, now, self.app.size.width)))
