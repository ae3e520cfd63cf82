"""What every data screen shares: five states, refresh, bars, both languages."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, ClassVar

from textual import events, work
from textual.app import ComposeResult
from textual.containers import Container
from textual.reactive import reactive
from textual.screen import Screen
from textual.timer import Timer
from textual.widget import Widget

from engine.errors import RetentionError
from retention_tui.client import EngineCrash
from retention_tui.faults import notice
from retention_tui.i18n import current_language, t
from retention_tui.widgets.job_bar import JobBar
from retention_tui.widgets.key_bar import KeyBar
from retention_tui.widgets.state_view import Notice, State, StateView
from retention_tui.widgets.top_bar import TopBar

if TYPE_CHECKING:
    from retention_tui.app import RetentionApp

LOADING_AFTER_S = 0.15
"""Quicker answers show no "loading": a flash would only disturb."""


class DataScreen(Screen[int | None]):
    """A screen that asks the engine and shows the answer.

    Subclasses give `fetch` (asks, off the paint) and `show` (paints; a `Notice` means that there
    is nothing to show). Old content stays until the new has come.
    """

    AUTO_FOCUS = ""  # `home` takes the focus when there is content, not the filter before it
    SCOPE: ClassVar[str]
    MODE: ClassVar[str]

    state: reactive[State] = reactive(State.LOADING)

    def __init__(self) -> None:
        super().__init__()
        self._facts: object | None = None  # the last answer, painted again on a new language
        self._error: RetentionError | None = None
        self._language = current_language()
        self._version = -1
        self._loading_timer: Timer | None = None

    # --- for subclasses --------------------------------------------------------------------

    def above(self) -> ComposeResult:
        """Bars above the content that stay in every state."""
        yield from ()

    def content(self) -> ComposeResult:
        """The content: hidden while there is nothing to show."""
        yield from ()

    def below(self) -> ComposeResult:
        """Bars below the content that stay in every state."""
        yield from ()

    async def fetch(self) -> object:
        """Ask the engine; raises `RetentionError`."""
        raise NotImplementedError

    def show(self, facts: object) -> Notice | None:
        """Paint what `fetch` gave."""
        raise NotImplementedError

    def waiting(self) -> Notice:
        """What stands in for content that has not come yet."""
        return Notice(t("Loading"))

    def relabel(self) -> None:
        """Take the words of the language in use, where `show` does not."""

    def result(self) -> int | None:
        """What the screen gives back when the operator steps back."""
        return None

    def home(self) -> Widget | None:
        """The widget that takes the focus."""
        return None

    # --- frame -----------------------------------------------------------------------------

    @property
    def workbench(self) -> RetentionApp:
        """The app, typed."""
        from retention_tui.app import RetentionApp

        app = self.app
        assert isinstance(app, RetentionApp)
        return app

    def compose(self) -> ComposeResult:
        yield TopBar()
        yield from self.above()
        with Container(id="content"):
            yield from self.content()
        yield StateView()
        yield from self.below()
        yield JobBar()
        yield KeyBar(self.SCOPE)

    def on_mount(self) -> None:
        self.query_one("#content").display = False
        self.query_one(StateView).display = False
        self.tell()
        self.refresh_data()

    def on_screen_resume(self) -> None:
        if self._language != current_language():
            self.change_language()
        if self._version not in (-1, self.workbench.data_version):
            self.refresh_data()
        self.tell()

    def on_resize(self, event: events.Resize) -> None:
        self.tell()
        if self._facts is not None and self._error is None:
            self.call_after_refresh(self._paint_again)

    def _paint_again(self) -> None:
        if self._facts is not None and self.state in (State.READY, State.STALE):
            self.show(self._facts)

    def tell(self) -> None:
        """Write top bar, job bar and key bar anew."""
        if not self.is_mounted or not self.query(TopBar):
            return
        app = self.workbench
        self.query_one(TopBar).tell(self.MODE, app.facts, stale=self.state is State.STALE)
        self.query_one(JobBar).tell(app.job, app.clock())
        self.query_one(KeyBar).relabel()

    def change_language(self) -> None:
        """Every word anew, from the answer that is here."""
        self._language = current_language()
        self.relabel()
        if self._error is not None:
            self._stand_in(State.ERROR, notice(self._error))
        elif self._facts is not None:
            self._settle(self.show(self._facts))
        self.tell()

    # --- states ----------------------------------------------------------------------------

    def refresh_data(self) -> None:
        """Ask again; an answer still out is dropped."""
        if self._composed:  # else `on_mount` asks
            self._load()

    @property
    def _composed(self) -> bool:
        """The widgets are there: false before the first paint and while the app closes."""
        return self.is_attached and bool(self.query(StateView))

    @work(exclusive=True, group="data")
    async def _load(self) -> None:
        self._version = self.workbench.data_version
        if self.state is State.READY:
            self.state = State.STALE
        elif self._loading_timer is None:
            self._loading_timer = self.set_timer(LOADING_AFTER_S, self._say_loading)
        try:
            facts = await self.fetch()
        except RetentionError as error:
            if self._composed:
                self.fail(error)
            return
        if not self._composed:
            return
        self._facts, self._error = facts, None
        self._settle(self.show(facts))

    def fail(self, error: RetentionError) -> None:
        """Say `error`: over old content as a toast, in place of content that never came."""
        self._stop_loading()
        if self.state in (State.READY, State.STALE):
            self.state = State.READY
            self.workbench.report(error)
            return
        self._error = error
        if isinstance(error, EngineCrash):
            self.workbench.report(error)
        self._stand_in(State.ERROR, notice(error))

    def _settle(self, nothing: Notice | None) -> None:
        self._stop_loading()
        if nothing is None:
            self.query_one(StateView).display = False
            self.query_one("#content").display = True
            self.state = State.READY
            home = self.home()
            if home is not None and self.focused is None:
                home.focus()
        else:
            self._stand_in(State.EMPTY, nothing)

    def _say_loading(self) -> None:
        self._loading_timer = None
        if self.state is State.LOADING or self.state is State.ERROR:
            self._stand_in(State.LOADING, self.waiting())

    def _stop_loading(self) -> None:
        if self._loading_timer is not None:
            self._loading_timer.stop()
            self._loading_timer = None

    def _stand_in(self, state: State, words: Notice) -> None:
        self.query_one("#content").display = False
        view = self.query_one(StateView)
        view.display = True
        view.say(state, words)
        self.state = state

    def watch_state(self) -> None:
        if self.is_mounted:
            self.tell()

    @property
    def ready(self) -> bool:
        """Whether there is content to act on."""
        return self.state in (State.READY, State.STALE)


def joined(parts: Iterable[str]) -> str:
    """`parts` that are not empty, two spaces between them."""
    return "  ".join(part for part in parts if part)
