"""A whole model as lines of text: bars, curves and intervals, readable without colour."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from textual.content import Content

from engine.insight.report import Curve, Insight, Interaction, Point, Segment
from engine.types import Interval
from retention_tui.i18n import current_language, t
from retention_tui.i18n.formats import number, percent, signed
from retention_tui.widgets.cells import clean, fit
from retention_tui.widgets.charts import bar, braille_lines, whisker

LABEL_CELLS = 22
SEGMENT_CELLS = 36
BAR_CELLS = 14
STRIP_CELLS = 20
CURVE_CELLS = 44
CURVE_ROWS = 5
VALUE_CELLS = 18
AUC_ENDS = (0.5, 1.0)
GAP_ENDS = (-0.1, 0.1)
"""Of the strips; what lies beyond is drawn at the end, and the figure says it."""
MUTED = "$foreground-muted"


def importance_lines(found: Insight) -> Content:
    """What is worth knowing, in sentences; then the groups by two measures."""
    language = current_language()
    lines = [Content(clean(words.pick(language))) for words in found.statements]
    highest = max((one.log_loss.high for one in found.groups), default=0.0)
    ends = (0.0, max(highest, 1e-9))
    lines += [
        Content(""),
        _muted(
            fit("", LABEL_CELLS)
            + fit(t("sets users apart"), BAR_CELLS + 7)
            + t("loss when dealt anew")
        ),
    ]
    for one in found.groups:
        lines.append(
            Content.from_markup(
                "$label[$text-accent]$drawn[/] $share [$text-warning]$strip[/] $loss",
                label=fit(one.words.pick(language), LABEL_CELLS),
                drawn=bar(one.share, BAR_CELLS),
                share=fit(percent(one.share), 5, "right"),
                strip=_strip(one.log_loss, ends),
                loss=signed(one.log_loss.estimate, 4),
            )
        )
    return _joined(lines)


def curve_lines(found: Insight) -> Content:
    """One picture a column: the mean risk between the ends of what 80 % of users have."""
    if not found.curves:
        return _muted(t("No column varies."))
    lines = [
        _muted(t("The mean risk had every user this value; 80% of users lie between the lines.")),
        _muted(t("Every step holds as many users. The model's view, not an effect.")),
    ]
    for one in found.curves:
        lines += [Content(""), Content.styled(clean(one.words.pick(current_language())), "bold")]
        lines += _bars(one) if one.discrete else _picture(one)
    return _joined(lines)


def _bars(one: Curve) -> Iterable[Content]:
    points = (*one.points, *((one.missing,) if one.missing else ()))
    top = max(point.risk for point in points) or 1.0
    return [_bar(point, top) for point in points]


def _bar(point: Point, top: float) -> Content:
    return Content.from_markup(
        "$value[$text-accent]$drawn[/] $risk [$foreground-muted]$share[/]",
        value=fit(point.words.pick(current_language()), VALUE_CELLS),
        drawn=bar(point.risk / top, BAR_CELLS),
        risk=fit(percent(point.risk, 1), 6, "right"),
        share=t("{share} of users", share=percent(point.share)),
    )


def _picture(one: Curve) -> Iterable[Content]:
    language = current_language()
    series = [[getattr(point, name) for point in one.points] for name in ("risk", "low", "high")]
    picture, low, high = braille_lines(series, CURVE_CELLS, CURVE_ROWS)
    marks = [percent(high), *[""] * (CURVE_ROWS - 2), percent(low)]
    for mark, line in zip(marks, picture, strict=True):
        yield Content.from_markup(
            "[$foreground-muted]$mark[/] [$text-accent]$line[/]", mark=fit(mark, 5, "right"),
            line=line,
        )  # fmt: skip
    half = CURVE_CELLS // 2
    first, last = (one.points[place].words.pick(language) for place in (0, -1))
    yield _muted(" " * 6 + fit(first, half) + fit(last, CURVE_CELLS - half, "right"))
    if one.missing is not None:
        yield _bar(one.missing, max(high, one.missing.risk) or 1.0)


def together_lines(found: Insight) -> Content:
    """Pairs of groups: the risk in four corners, and a mark where it would be by adding up."""
    if not found.interactions:
        return _muted(t("There are no two groups to compare."))
    language = current_language()
    names = {one.group: clean(one.words.pick(language)) for one in found.groups}
    lines = [
        _muted(t("The four corners of two groups; ! = beyond noise and large enough to matter."))
    ]
    for one in found.interactions:
        lines += [Content(""), *_corners(one, names[one.first], names[one.second])]
    return _joined(lines)


def _corners(one: Interaction, first: str, second: str) -> Iterable[Content]:
    facts = t("H {strength}, p {chance}", strength=number(one.strength, 2),
              chance=number(one.p_value, 3))  # fmt: skip
    yield Content.from_markup(
        "[bold]$mark$first × $second[/] [$foreground-muted]$facts[/]",
        mark="! " if one.told else "", first=first, second=second, facts=facts,
    )  # fmt: skip
    labels = (
        t("neither raises it"),
        t("only the second"),
        t("only the first"),
        t("both raise it"),
    )
    for label, corner in zip(labels, one.corners, strict=True):
        if not corner.rows:
            continue
        yield Content.from_markup(
            "  $label[$text-accent]$drawn[/] $risk [$foreground-muted]$added[/]",
            label=fit(label, LABEL_CELLS - 2),
            drawn=bar(corner.risk, STRIP_CELLS),
            risk=fit(percent(corner.risk, 1), 6, "right"),
            added=t("adding up {risk}", risk=percent(corner.added_up, 1)),
        )


def segment_lines(found: Insight) -> Content:
    """Segments by order and by calibration, each an interval on a scale; ! = clearly weak."""
    ordered = [(one, one.roc_auc) for one in found.segments if one.roc_auc is not None]
    lines = [
        _muted(fit(t("AUC by segment"), SEGMENT_CELLS) + _scale(AUC_ENDS, "{:.1f}"))
    ] if ordered else []  # fmt: skip
    lines += [
        _segment(one, "order", value, AUC_ENDS, number(value.estimate, 2)) for one, value in ordered
    ]
    if found.segments:
        title = fit(t("Mean risk minus churn rate"), SEGMENT_CELLS)
        lines += [Content(""), _muted(title + _scale(GAP_ENDS, "{:+.1f}"))]
    lines += [
        _segment(one, "calibration", one.gap, GAP_ENDS, signed(one.gap.estimate, 3))
        for one in found.segments
    ]
    return _joined(lines) if lines else _muted(t("No segment has rows enough."))


def _segment(
    one: Segment, weakness: str, value: Interval, ends: tuple[float, float], figure: str
) -> Content:
    weak = weakness in one.weak
    label = fit(("! " if weak else "") + one.words.pick(current_language()), SEGMENT_CELLS - 1)
    return Content.from_markup(
        f"[{'bold $text-warning' if weak else '$foreground'}]$label[/] [$text-accent]$strip[/] "
        "$figure [$foreground-muted]$rows[/]",
        label=label,
        strip=_strip(value, ends),
        figure=fit(figure, 6, "right"),
        rows=fit(number(one.rows), 8, "right"),
    )


def _scale(ends: tuple[float, float], form: str) -> str:
    low, high = (form.format(end) for end in ends)
    return low + high.rjust(STRIP_CELLS - len(low))


def _strip(value: Interval, ends: tuple[float, float]) -> str:
    return whisker(value.estimate, value.low, value.high, ends, STRIP_CELLS)


def _muted(text: str) -> Content:
    return Content.styled(text, MUTED)


def _joined(lines: Sequence[Content]) -> Content:
    return Content("\n").join(lines)
