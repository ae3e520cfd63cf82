"""Our own dark theme; the others are Textual's. Screens use tokens only, never a colour."""

from __future__ import annotations

from textual.theme import Theme

DARK = Theme(
    name="retention",
    primary="#3d7ea6",
    secondary="#5c8aa8",
    accent="#7fc8d8",
    foreground="#d8dee6",
    background="#10151b",
    surface="#141b23",
    panel="#1d2732",
    success="#79b87f",
    warning="#e0af5c",
    error="#e5737d",
    dark=True,
)

THEMES = ("retention", "textual-light", "nord", "gruvbox", "solarized-light", "textual-dark")
"""In the order in which the theme key walks through them."""
