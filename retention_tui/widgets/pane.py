"""A scrolling column of text that leaves the keys of the screen alone."""

from __future__ import annotations

from typing import Any, ClassVar

from textual.binding import Binding
from textual.containers import VerticalScroll


class Pane(VerticalScroll, inherit_bindings=False):
    """A scrolling column; left and right stay with the screen, for the neighbours."""

    BINDINGS: ClassVar[list[Any]] = [
        Binding("up,k", "scroll_up", show=False),
        Binding("down,j", "scroll_down", show=False),
        Binding("pageup", "page_up", show=False),
        Binding("pagedown", "page_down", show=False),
        Binding("home,g", "scroll_home", show=False),
        Binding("end,G", "scroll_end", show=False),
    ]
