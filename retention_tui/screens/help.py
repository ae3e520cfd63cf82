"""Help, read from the registry of actions, and the facts of the open workspace."""

from __future__ import annotations

from typing import Any, ClassVar

from textual.app import ComposeResult
from textual.containers import VerticalScroll
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Static

from retention_tui.actions import SCOPES, bindings, key_name, of_scope
from retention_tui.client import WorkspaceFacts
from retention_tui.i18n import t
from retention_tui.i18n.formats import day, minute, number
from retention_tui.widgets.cells import clean, fit

KEY_CELLS = 18


def key_lines(first: str) -> list[Content]:
    """All actions by scope; the scope `first` leads, since that is where the reader stands."""
    order = [first, *(scope for scope in SCOPES if scope != first)] if first in SCOPES else SCOPES
    lines: list[Content] = []
    for scope in order:
        lines.append(Content.styled(t(SCOPES[scope]), "bold $text-accent"))
        for spec in of_scope(scope):
            keys = " ".join(key_name(key) for key in spec.keys)
            lines.append(
                Content.from_markup("  [bold]$keys[/]$text", keys=fit(keys, KEY_CELLS),
                                    text=t(spec.text))
            )  # fmt: skip
        lines.append(Content(""))
    return lines


def workspace_lines(facts: WorkspaceFacts | None) -> list[Content]:
    """What is open: name, folder, operator, data."""
    if facts is None:
        return [Content.styled(t("No workspace is open."), "$foreground-muted")]
    rows = [
        (t("workspace"), facts.name),
        (t("folder"), str(facts.folder)),
        (t("operator"), facts.operator),
    ]
    data = facts.data
    if data is not None:
        tables = "  ".join(f"{table} {number(count)}" for table, count in data.rows.items())
        rows += [
            (t("users"), number(data.users)),
            (t("data"), f"{day(data.first_at, data.timezone)} - {day(data.as_of, data.timezone)}"),
            (t("tables"), tables),
            (t("loaded"), minute(data.loaded_at, data.timezone)),
            (t("quarantined"), number(data.quarantined)),
            (t("currency, zone"), f"{data.currency}, {data.timezone}"),
        ]
    return [
        Content.from_markup(
            "  [$foreground-muted]$key[/]$value", key=fit(key, KEY_CELLS), value=clean(value)
        )
        for key, value in rows
    ]


class HelpScreen(ModalScreen[None]):
    """Scrolls; esc closes it."""

    BINDINGS: ClassVar[list[Any]] = [
        *bindings("dialog"),
        ("question_mark,f1,fullwidth_question_mark,q", "no"),
    ]
    CSS_PATH = "help.tcss"

    def __init__(self, scope: str, facts: WorkspaceFacts | None) -> None:
        super().__init__()
        self._scope = scope
        self._facts = facts

    def compose(self) -> ComposeResult:
        with VerticalScroll():
            yield Static(Content("\n").join(self._lines()))
        yield Static(Content.styled(t("esc closes"), "$foreground-muted"), id="help-keys")

    def _lines(self) -> list[Content]:
        ime = t("With a Chinese input method on, use the second key of each line.")
        return [
            *key_lines(self._scope),
            Content.styled(t("This workspace"), "bold $text-accent"),
            *workspace_lines(self._facts),
            Content(""),
            Content.styled(ime, "$foreground-muted"),
        ]

    def on_mount(self) -> None:
        self.query_one(VerticalScroll).focus()

    def action_yes(self) -> None:
        self.dismiss(None)

    def action_no(self) -> None:
        self.dismiss(None)
