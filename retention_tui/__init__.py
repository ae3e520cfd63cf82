"""The terminal workbench and the command line; a client of `engine`."""

from __future__ import annotations

__all__: list[str] = []
