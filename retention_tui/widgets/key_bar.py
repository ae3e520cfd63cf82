"""The footer: the keys of this screen, as many as fit, in the language in use."""

from __future__ import annotations

from collections.abc import Sequence

from rich.cells import cell_len
from textual.content import Content

from retention_tui.actions import ActionSpec, key_name, of_scope
from retention_tui.i18n import t
from retention_tui.widgets.action_line import ActionLine, key_and_label

ROOTS = ("risk", "models", "data", "log", "first_run")
"""Scopes of the screens that nothing lies behind."""


def footer_specs(scope: str) -> tuple[ActionSpec, ...]:
    """The actions that the footer of `scope` offers, most useful first."""
    specs = [spec for spec in (*of_scope(scope), *of_scope("app")) if spec.footer]
    if scope in ROOTS:
        specs = [spec for spec in specs if spec.id != "app.back"]
    if scope == "first_run":
        specs = [spec for spec in specs if spec.id != "app.retrain"]
    return tuple(sorted(specs, key=lambda spec: spec.footer))


def fitting(specs: Sequence[ActionSpec], width: int) -> tuple[ActionSpec, ...]:
    """Those of `specs` that fit into `width` cells; help stays, it is the way to all others."""
    kept = list(specs)
    for spec in _drop_order(specs):
        if sum(_cells(one) for one in kept) <= width:
            break
        kept.remove(spec)
    return tuple(kept)


def _drop_order(specs: Sequence[ActionSpec]) -> list[ActionSpec]:
    own = [spec for spec in specs if spec.scope != "app"]
    common = {spec.id: spec for spec in specs if spec.scope == "app"}

    def those(*names: str) -> list[ActionSpec]:
        return [common[name] for name in names if name in common]

    return [
        *those("app.palette", "app.quit", "app.back"),
        *reversed(own[5:]),
        *those("app.retrain"),
        *reversed(own[2:5]),
        *those("app.language"),
    ]


def _cells(spec: ActionSpec) -> int:
    return cell_len(key_name(spec.keys[0])) + cell_len(t(spec.label)) + 3


class KeyBar(ActionLine):
    """One line of keys; each can be clicked."""

    DEFAULT_CSS = """
    KeyBar { height: 1; background: $panel; color: $foreground-muted; }
    """

    def __init__(self, scope: str) -> None:
        super().__init__()
        self._scope = scope

    def on_mount(self) -> None:
        self.relabel()

    def on_resize(self) -> None:
        self.relabel()

    def relabel(self) -> None:
        """Write the line anew: language, width or the running job have changed."""
        specs = footer_specs(self._scope)
        if not getattr(self.app, "job_running", False):
            specs = tuple(spec for spec in specs if spec.id != "app.cancel_job")
        parts = []
        for spec in fitting(specs, self.size.width or self.app.size.width):
            target = spec.target if spec.scope == "app" else f"screen.{spec.name}"
            parts.append(key_and_label(key_name(spec.keys[0]), t(spec.label), target))
        self.update(Content("").join(parts))
