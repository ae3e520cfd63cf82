"""The command palette: the registry's actions, found by their words in either language."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from textual.command import DiscoveryHit, Hit, Hits, Provider

from retention_tui.actions import ActionSpec, key_name, of_scope
from retention_tui.i18n import t
from retention_tui.screens.base import DataScreen

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


class ActionProvider(Provider):
    """Actions of the screen first, then those of the app."""

    def _specs(self) -> Iterator[ActionSpec]:
        screen = self.screen
        scopes = (screen.SCOPE, "app") if isinstance(screen, DataScreen) else ("app",)
        for scope in scopes:
            yield from (spec for spec in of_scope(scope) if spec.palette)

    @staticmethod
    def _line(spec: ActionSpec) -> str:
        keys = " ".join(key_name(key) for key in spec.keys)
        return f"{t(spec.text)}  {keys}"

    def _run(self, spec: ActionSpec) -> Callable[[], object]:
        return partial(self.app.run_action, spec.target, self.screen)

    async def discover(self) -> Hits:
        for spec in self._specs():
            yield DiscoveryHit(self._line(spec), self._run(spec))

    async def search(self, query: str) -> Hits:
        matcher = self.matcher(query)
        for spec in self._specs():
            line = self._line(spec)
            # The English words find an action under the Chinese screens too, and its id.
            score = max(matcher.match(line), matcher.match(spec.text), matcher.match(spec.id))
            if score > 0:
                yield Hit(score, matcher.highlight(line), self._run(spec))
