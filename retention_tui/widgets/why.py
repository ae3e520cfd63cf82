"""Why a user is flagged, as lines: what raises the risk, what speaks for staying, what is left."""

from __future__ import annotations

from rich.cells import cell_len
from textual.content import Content

from engine.explain.principal import COMPARED, PAUSES, principal
from engine.types import Explanation, Reason
from retention_tui.i18n import current_language, t, tn
from retention_tui.i18n.formats import percent, signed
from retention_tui.widgets.cells import clip, fit
from retention_tui.widgets.charts import bar

NUMBERS_CELLS = 14
"""Width of a contribution and its share; the bar beneath or beside it is as wide."""

WIDE_CELLS = 108
"""From here on the bar stands beside the numbers and most sentences take one line."""

TALL_LINES = 30
"""Of a terminal; below it fewer reasons leave room for the past."""


def why_lines(explanation: Explanation, width: int, terminal_lines: int) -> list[Content]:
    """Lines of at most `width` cells."""
    tall = terminal_lines >= TALL_LINES
    told = principal(explanation, raising=4 if tall else 3, staying=3 if tall else 1)
    lines = []
    for reason in told.raising:
        lines += _reason(reason, width)
    if not told.raising:
        nothing = t("Nothing raises the risk above that of similar users who stayed.")
        lines.append(Content.styled(clip(nothing, width), "$foreground-muted"))
    if told.staying:
        lines.append(Content.styled(t("Speaks for staying"), "bold"))
    for reason in told.staying:
        lines += _reason(reason, width)
    if told.further.count:
        words = tn("{n} further reason", "{n} further reasons, together", told.further.count)
        lines.append(_line(told.further.contribution, told.further.share, words, width))
    if told.remainder_shown:
        words = t("not accounted for by any reason")
        lines.append(_line(told.remainder, told.remainder_share, words, width))
    return lines


def _reason(reason: Reason, width: int) -> list[Content]:
    """One or two lines: what is so beside the numbers, what it is compared with beneath."""
    wide = width >= WIDE_CELLS
    indent = 2 * NUMBERS_CELLS if wide else NUMBERS_CELLS
    room = width - indent
    sentence = reason.words.pick(current_language())
    separator = COMPARED.pick(current_language())
    head, _, tail = sentence.partition(separator)
    if wide and cell_len(sentence) <= room:
        head, tail = sentence, ""
    elif cell_len(head) > room:
        head, tail = _folded(sentence, room)
    else:
        head += separator.rstrip() if tail else ""
    style = "$text-error" if reason.contribution > 0 else "$text-success"
    drawn = bar(abs(reason.share), NUMBERS_CELLS - 2)
    left, beneath = (drawn + "  ", " " * indent) if wide else ("", drawn + "  ")
    lines = [
        Content.from_markup(
            f"[$foreground-muted]$numbers[/][{style}]$left[/]$head",
            numbers=_numbers(reason.contribution, reason.share),
            left=left,
            head=clip(head, room),
        )
    ]
    if tail or not wide:
        lines.append(
            Content.from_markup(
                f"[{style}]$beneath[/][$foreground-muted]$tail[/]",
                beneath=beneath,
                tail=clip(tail, room),
            )
        )
    return lines


def _folded(text: str, room: int) -> tuple[str, str]:
    """`text` on two lines, parted at the last blank or comma that fits on the first."""
    fits = 0
    for place in range(1, len(text)):
        if cell_len(text[:place]) > room:
            break
        if text[place - 1] in PAUSES:
            fits = place
    return text[:fits], text[fits:]


def _line(contribution: float, share: float, words: str, width: int) -> Content:
    return Content.from_markup(
        "[$foreground-muted]$numbers$words[/]",
        numbers=_numbers(contribution, share),
        words=clip(words, width - NUMBERS_CELLS),
    )


def _numbers(contribution: float, share: float) -> str:
    return fit(f"{signed(contribution):>6} {percent(abs(share)):>5}", NUMBERS_CELLS)
