"""Errors that a person can act on: a code, what happened, why, and the next step.

They are raised at the boundary where the fault is known and shown as one sentence, never as a
traceback. `exit_code` is the command line's exit status (see `product.md`, section 6).
"""

from __future__ import annotations

import re
from typing import ClassVar

CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069]+")
"""Line ends, escape sequences of terminals and reversals of the reading direction."""


class RetentionError(Exception):
    """A fault with a cause and a next step.

    `code` is stable and translatable; `what` names the value at fault; `why` says what was
    expected; `next_step` says what the reader can do now.
    """

    exit_code: ClassVar[int] = 1

    def __init__(self, code: str, what: str, *, why: str = "", next_step: str = "") -> None:
        self.code = code
        self.what = _one_line(what)
        self.why = _one_line(why)
        self.next_step = _one_line(next_step)
        super().__init__(self.sentence)

    @property
    def sentence(self) -> str:
        """The whole message on one line: what, why, next step."""
        parts = [self.what, self.why, self.next_step]
        return " ".join(
            part if part[-1] in "?!" else part.rstrip(".") + "." for part in parts if part
        )


def _one_line(text: str) -> str:
    """The text without control characters: names of columns and files are quoted in messages."""
    return CONTROL.sub(" ", text)


class UsageError(RetentionError):
    """The call, a settings file or a mapping is wrong: mend it and call again."""

    exit_code = 2


class DataError(RetentionError):
    """The behaviour data cannot be read, or does not keep the contract."""


class DatabaseBusy(RetentionError):
    """Another process holds the database: the same call can succeed later."""

    exit_code = 3


class StorageError(RetentionError):
    """The disk refused: full, read-only, or a file that is no database of ours."""


class ModelError(RetentionError):
    """A model is missing, damaged, or does not fit the columns it is asked to score."""


class TemplateError(RetentionError):
    """A template cannot be read or rendered."""


class StateError(RetentionError):
    """The step is not allowed from the present state (for instance: approve before plan)."""


class Cancelled(RetentionError):
    """The operator or a signal stopped the work; nothing was half-written."""

    exit_code = 130
