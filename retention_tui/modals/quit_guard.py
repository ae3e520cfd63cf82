"""Leaving while a job runs: stop it and leave, or stay."""

from __future__ import annotations

from retention_tui.i18n import t
from retention_tui.modals.confirm import Confirm


class QuitGuard(Confirm):
    """True: stop the job and leave."""

    def __init__(self, job: str) -> None:
        super().__init__(
            t("A job is running"),
            (t("{job} is still running. Leaving stops it; nothing is half-written.", job=job),),
            t("stop and leave"),
        )

    def labels(self) -> dict[str, str]:
        return {"yes": t("stop and leave"), "no": t("stay")}
