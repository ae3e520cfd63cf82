"""A line of words that run actions when clicked, without the underline of a hyperlink."""

from __future__ import annotations

from textual import events
from textual.content import Content
from textual.style import Style
from textual.widgets import Static

META = "action"


def clickable(words: Content, action: str) -> Content:
    """`words` that run `action` ("app.help", "screen.filter") when clicked on an `ActionLine`."""
    return words.stylize(Style.from_meta({META: action}))


def key_and_label(key: str, label: str, action: str) -> Content:
    """` x clear ` with the key made prominent."""
    words = Content.from_markup(
        " [$text-accent bold]$key[/] [$foreground-muted]$label[/] ", key=key, label=label
    )
    return clickable(words, action)


class ActionLine(Static):
    """Runs what was clicked."""

    async def on_click(self, event: events.Click) -> None:
        action = event.style.meta.get(META)
        if isinstance(action, str):
            event.stop()
            await self.app.run_action(action, self.screen)
