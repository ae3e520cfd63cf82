"""How one delivery can fail; what is certain about the message decides what the ledger says."""

from __future__ import annotations

from engine.errors import RetentionError


class Refused(RetentionError):
    """The server will never take this message: a bad address, a policy."""


class Deferred(RetentionError):
    """The message certainly did not leave; the same call can succeed later."""

    exit_code = 3


class Unreachable(RetentionError):
    """Nobody answers at the server: no message of this call can leave now."""

    exit_code = 3


class Uncertain(RetentionError):
    """The message may have left: the answer to its last byte never came (RFC 1047)."""
