"""The first line: where we are, which workspace, how old its data is."""

from __future__ import annotations

from rich.cells import cell_len
from textual.content import Content

from retention_tui.actions import key_name
from retention_tui.client import WorkspaceFacts
from retention_tui.i18n import N_, t
from retention_tui.i18n.formats import day
from retention_tui.widgets.action_line import ActionLine, clickable
from retention_tui.widgets.cells import clean, clip, fit

TABS = (
    ("risk", "1", N_("Risk list")),
    ("models", "4", N_("Models")),
    ("data", "5", N_("Data")),
    ("log", "7", N_("Log")),
)


class TopBar(ActionLine):
    """Tabs on the left, the workspace and its date on the right."""

    DEFAULT_CSS = """
    TopBar { height: 1; background: $primary 25%; color: $foreground; }
    """

    def tell(self, mode: str, facts: WorkspaceFacts | None, *, stale: bool) -> None:
        """Write the line for `mode`; `stale` says that newer data is on its way."""
        parts = [Content.from_markup("[bold] Retention [/] ")]
        used = cell_len(" Retention  ")
        for name, key, label in () if mode == "first_run" else TABS:
            words = t(label)
            style = "bold reverse" if name == mode else "$foreground-muted"
            tab = Content.from_markup(f"[{style}] $key $label [/]", key=key_name(key), label=words)
            parts.append(clickable(tab, f"app.{name}"))
            used += cell_len(key) + cell_len(words) + 3
        room = self.app.size.width - used - 1
        name = dated = ""
        if facts is not None:
            name = clean(facts.name)
            if facts.data is not None:
                dated = "  " + t("data until {day}", day=day(facts.data.as_of, facts.timezone))
        if stale:
            dated = "  " + t("refreshing") + dated
        if room > 0:
            # Where cells are scarce the name gives way: how old the data are matters more.
            right = clip(name, max(0, room - cell_len(dated))) + dated
            parts.append(Content.styled(fit(right.strip(), room, "right"), "$foreground-muted"))
        self.update(Content("").join(parts))
