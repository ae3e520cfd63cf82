"""A table of any length: one strip per visible row, rows read in blocks as they come into view."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Generic, TypeVar

from rich.segment import Segment
from rich.style import Style
from textual import events
from textual.geometry import Region, Size
from textual.message import Message
from textual.reactive import reactive
from textual.scroll_view import ScrollView
from textual.strip import Strip

from engine.errors import RetentionError
from retention_tui.actions import bindings
from retention_tui.i18n import t
from retention_tui.widgets.cells import Align, fit

Row = TypeVar("Row")

BLOCK_ROWS = 128
CACHED_BLOCKS = 64
PLACEHOLDER = "."
"""A cell whose row is still on its way."""
GAP = 1

TONES = ("critical", "high", "medium", "low", "muted", "good", "bad")


@dataclass(frozen=True, slots=True)
class Column(Generic[Row]):
    """One column: where space is short, those with the smallest `keep` are left out first."""

    key: str
    label: str  # msgid
    width: int | Callable[[], int]  # cells, at least
    cell: Callable[[Row], str]
    align: Align = "left"
    flex: int = 0  # share of the cells left over
    keep: int = 9
    tone: Callable[[Row], str] = lambda row: ""  # one of TONES

    @property
    def cells(self) -> int:
        """The least width now: it may depend on the language or on how many rows there are."""
        return self.width if isinstance(self.width, int) else self.width()


class PagedTable(ScrollView, Generic[Row], can_focus=True):
    """Shows `total` rows; `fetch(start, count)` is awaited for the blocks in view.

    A generation counter drops the answers of an earlier `show`. Marks belong to the screen: the
    table asks `marked(row)` only.
    """

    BINDINGS: ClassVar[list[Any]] = bindings("table")
    COMPONENT_CLASSES: ClassVar[set[str]] = {
        "paged-table--header",
        "paged-table--cursor",
        "paged-table--odd",
        *(f"paged-table--{tone}" for tone in TONES),
    }
    DEFAULT_CSS = """
    PagedTable {
        height: 1fr; background: $surface; color: $foreground;
        scrollbar-size-horizontal: 0; scrollbar-size-vertical: 1; overflow-x: hidden;
        scrollbar-gutter: stable;
        & .paged-table--header { background: $panel; color: $foreground-muted; text-style: bold; }
        & .paged-table--cursor { background: $primary 35%; color: $foreground; text-style: bold; }
        & .paged-table--odd { background: $boost; }
        & .paged-table--critical { color: $text-error; text-style: bold; }
        & .paged-table--high { color: $text-warning; text-style: bold; }
        & .paged-table--medium { color: $text-accent; }
        & .paged-table--low { color: $foreground-muted; }
        & .paged-table--muted { color: $foreground-muted; }
        & .paged-table--good { color: $text-success; }
        & .paged-table--bad { color: $text-error; }
        &:focus .paged-table--cursor { background: $primary 60%; }
        &:nocolor .paged-table--cursor { text-style: reverse; }
    }
    """

    cursor: reactive[int] = reactive(0, repaint=False)

    class Moved(Message):
        """The cursor stands on another row."""

    class Activated(Message):
        """A row was clicked twice."""

    @dataclass
    class HeaderClicked(Message):
        column: str

    @dataclass
    class FetchFailed(Message):
        error: RetentionError

    def __init__(
        self,
        columns: Sequence[Column[Row]],
        *,
        marked: Callable[[Row], bool] = lambda row: False,
    ) -> None:
        super().__init__()
        self.columns = tuple(columns)
        self.sorted_by = ""
        self.descending = False
        self.total = 0
        self._marked = marked
        self._fetch: Callable[[int, int], Awaitable[Sequence[Row]]] | None = None
        self._blocks: OrderedDict[int, Sequence[Row]] = OrderedDict()
        self._asked: set[int] = set()
        self._generation = 0
        self._columns_shown: tuple[tuple[Column[Row], int], ...] = ()
        self._strips: dict[tuple[int, bool], Strip] = {}

    # --- content ---------------------------------------------------------------------------

    def show(
        self,
        fetch: Callable[[int, int], Awaitable[Sequence[Row]]],
        total: int,
        first_block: Sequence[Row],
        *,
        cursor: int = 0,
    ) -> None:
        """Take a new view of `total` rows; answers that are still out for the old one are void."""
        self._generation += 1
        self._fetch, self.total = fetch, total
        self._blocks = OrderedDict({0: first_block} if first_block else {})
        self._asked.clear()
        self._measure()
        self.cursor = cursor
        self._follow_cursor()
        self.repaint()
        self.post_message(self.Moved())

    def row(self, index: int) -> Row | None:
        """The row at `index` when it is here; else it is asked for."""
        if not 0 <= index < self.total:
            return None
        number, offset = divmod(index, BLOCK_ROWS)
        block = self._blocks.get(number)
        if block is None:
            self._ask(number)
            return None
        self._blocks.move_to_end(number)
        return block[offset] if offset < len(block) else None

    @property
    def current(self) -> Row | None:
        """The row under the cursor."""
        return self.row(self.cursor)

    @property
    def visible_rows(self) -> int:
        return max(1, self.scrollable_content_region.height - 1)

    def _ask(self, number: int) -> None:
        if number not in self._asked and self._fetch is not None:
            self._asked.add(number)
            # Not at once: this is reached from render_line, which must not start work.
            self.call_later(self._start, number, self._generation)

    def _start(self, number: int, generation: int) -> None:
        self.run_worker(self._load(number, generation), group="blocks")

    async def _load(self, number: int, generation: int) -> None:
        fetch = self._fetch
        if fetch is None or generation != self._generation:
            return
        try:
            rows = await fetch(number * BLOCK_ROWS, BLOCK_ROWS)
        except RetentionError as error:
            if generation == self._generation:
                self.post_message(self.FetchFailed(error))
            return
        if generation != self._generation:
            return
        self._blocks[number] = rows
        self._asked.discard(number)
        while len(self._blocks) > CACHED_BLOCKS:
            self._blocks.popitem(last=False)
        self.repaint()
        if self.cursor // BLOCK_ROWS == number:
            self.post_message(self.Moved())

    # --- layout and painting ---------------------------------------------------------------

    def repaint(self) -> None:
        """Paint all rows again: marks, words or colours have changed."""
        self._strips.clear()
        self._columns_shown = self._fit_columns(self.scrollable_content_region.width)
        self.refresh()

    def notify_style_update(self) -> None:
        super().notify_style_update()
        self._strips.clear()

    def on_resize(self, event: events.Resize) -> None:
        self._measure()
        self._follow_cursor()
        self.repaint()

    def _measure(self) -> None:
        width = self.scrollable_content_region.width
        self.virtual_size = Size(max(1, width), self.total + 1)

    def _fit_columns(self, width: int) -> tuple[tuple[Column[Row], int], ...]:
        """Columns and their cells within `width`; one cell on the left is the mark's."""
        columns = list(self.columns)
        room = width - 2

        def need() -> int:
            return sum(column.cells + GAP for column in columns)

        while len(columns) > 1 and need() > room:
            columns.remove(min(columns, key=lambda column: column.keep))
        spare, shares = max(0, room - need()), sum(column.flex for column in columns)
        return tuple(
            (column, column.cells + (spare * column.flex // shares if shares else 0))
            for column in columns
        )

    def _header(self, style: Style) -> Strip:
        texts = ["  "]
        for column, width in self._columns_shown:
            label = t(column.label)
            if column.key == self.sorted_by:
                label += " v" if self.descending else " ^"
            texts.append(fit(label, width, column.align) + " " * GAP)
        return Strip([Segment("".join(texts), style)])

    def _line(self, index: int, on_cursor: bool) -> Strip:
        name = "cursor" if on_cursor else "odd" if index % 2 else ""
        base = self.get_component_rich_style(f"paged-table--{name}") if name else self.rich_style
        row = self.row(index)
        if row is None:
            cells = "".join(fit(PLACEHOLDER, width) + " " * GAP for _, width in self._columns_shown)
            return Strip([Segment("  " + cells, base)])
        segments = [Segment("* " if self._marked(row) else "  ", base + Style(bold=True))]
        for column, width in self._columns_shown:
            tone = column.tone(row)
            style = base
            if tone:
                style = base + Style(
                    color=self.get_component_rich_style(f"paged-table--{tone}").color,
                    bold=tone in ("critical", "high") or base.bold,
                )
            segments.append(Segment(fit(column.cell(row), width, column.align), style))
            segments.append(Segment(" " * GAP, base))
        return Strip(segments)

    def render_line(self, y: int) -> Strip:
        width = self.size.width
        if y == 0:
            style = self.get_component_rich_style("paged-table--header")
            return self._header(style).adjust_cell_length(width, style)
        index = self.scroll_offset.y + y - 1
        if index >= self.total:
            return Strip.blank(width, self.rich_style)
        key = (index, index == self.cursor)
        strip = self._strips.get(key)
        if strip is None:
            strip = self._line(*key)
            base = (
                self.get_component_rich_style("paged-table--cursor")
                if key[1]
                else (
                    self.get_component_rich_style("paged-table--odd")
                    if index % 2
                    else self.rich_style
                )
            )
            strip = strip.adjust_cell_length(width, base)
            if len(self._strips) > 4 * BLOCK_ROWS:
                self._strips.clear()
            self._strips[key] = strip
        return strip

    # --- cursor ----------------------------------------------------------------------------

    def validate_cursor(self, value: int) -> int:
        return max(0, min(value, self.total - 1))

    def watch_cursor(self, old: int, new: int) -> None:
        if not self._follow_cursor():
            top = self.scroll_offset.y
            for index in (old, new):
                self.refresh(Region(0, index - top + 1, self.size.width, 1))
        self.post_message(self.Moved())

    def _follow_cursor(self) -> bool:
        """Scroll until the cursor is in view; True when that moved the view."""
        top, height = self.scroll_offset.y, self.visible_rows
        if self.cursor < top:
            target = self.cursor
        elif self.cursor >= top + height:
            target = self.cursor - height + 1
        else:
            return False
        self.scroll_to(y=target, animate=False, force=True)
        self.refresh()
        return True

    def on_click(self, event: events.Click) -> None:
        if event.y == 0:
            x = 2
            for column, width in self._columns_shown:
                if x <= event.x < x + width + GAP:
                    self.post_message(self.HeaderClicked(column.key))
                x += width + GAP
            return
        index = self.scroll_offset.y + event.y - 1
        if index < self.total:
            self.cursor = index
            if event.chain == 2:
                self.post_message(self.Activated())

    def action_up(self) -> None:
        self.cursor -= 1

    def action_down(self) -> None:
        self.cursor += 1

    def action_page_up(self) -> None:
        self.cursor -= self.visible_rows

    def action_page_down(self) -> None:
        self.cursor += self.visible_rows

    def action_top(self) -> None:
        self.cursor = 0

    def action_bottom(self) -> None:
        self.cursor = self.total - 1
