"""What training tells its caller, and how the caller stops it."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from engine.errors import Cancelled

Progress = Callable[[str, float, Mapping[str, object]], None]
"""(stage, share done of the whole run in 0 … 1, detail) at every step worth showing."""

ShouldStop = Callable[[], bool]
"""Asked before every batch; true ends the work with `Cancelled`."""


def unheard(stage: str, done: float, detail: Mapping[str, object]) -> None:
    """A `Progress` that nobody listens to."""


def never() -> bool:
    """A `ShouldStop` that never stops."""
    return False


def stop_if_asked(should_stop: ShouldStop) -> None:
    """Raise `Cancelled` when the caller asked to stop."""
    if should_stop():
        raise Cancelled(
            "cancelled",
            "Training was stopped on request",
            why="Nothing was saved",
            next_step="The champion stays in service; train again when you like",
        )
