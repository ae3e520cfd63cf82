"""What makes a row or a value unfit, and what becomes of it.

A fact (event, payment, subscription, message, outcome) with one bad value is refused as a whole: a
wrong number would distort every feature built on it. A user or a content with a bad value is kept
and the value is blanked: refusing a user for a mistyped address would orphan the whole history.
"""

from __future__ import annotations

from dataclasses import dataclass

from engine.data.contract import Table
from engine.types import Words


@dataclass(frozen=True, slots=True)
class Reason:
    """Why a row is in the quarantine; `refused` rows are not in the contract's table."""

    code: str
    refused: bool
    words: Words


def _reason(code: str, zh: str, en: str, *, refused: bool = True) -> tuple[str, Reason]:
    return code, Reason(code, refused, Words(zh, en))


REASONS = dict(
    (
        _reason("ragged_line", "这一行的列数或引号不对", "its line has not the header's columns"),
        _reason("missing_key", "缺少主键或用户编号", "its key or its user is missing"),
        _reason("bad_type", "值的类型不对，无法转换", "a value is not of the column's type"),
        _reason("missing_value", "必填的值为空", "a required value is missing"),
        _reason("unknown_status", "状态或渠道不在约定之内", "a status or channel is not known"),
        _reason("too_long", "编号或文字过长", "an id or a text is too long"),
        _reason(
            "other_currency",
            "币种与业务不同，且映射中没有汇率",
            "its currency is another one and the mapping has no rate for it",
        ),
        _reason("out_of_range", "数值或日期超出合理范围", "a number or date is out of range"),
        _reason("future_date", "时间晚于加载时刻", "it lies after the moment of loading"),
        _reason("known_before_occurred", "获知时间早于发生时间", "it was known before it occurred"),
        _reason("ends_before_start", "结束早于开始", "it ends before it starts"),
        _reason("orphan_user", "所属用户不存在", "its user is not among the users"),
        _reason("duplicate_key", "主键重复，保留最早的一条", "its key occurs twice; first kept"),
        _reason(
            "conflicting_key",
            "主键已载入且内容不同，保留原有的一条",
            "its key is loaded already, with other content; the old row is kept",
        ),
        _reason(
            "bad_email",
            "邮箱格式不对，已置空，用户保留",
            "the e-mail address is malformed; blanked, the user is kept",
            refused=False,
        ),
        _reason(
            "blanked_value",
            "个别值无效，已置空，该行保留",
            "a value is unfit; blanked, the row is kept",
            refused=False,
        ),
        _reason(
            "text_cut",
            "文字过长，已截断，该行保留",
            "a text is too long; cut, the row is kept",
            refused=False,
        ),
        _reason(
            "clock_gap",
            "当地时间因夏令时而不存在，已顺延，该行保留",
            "a local time that the change of the clock leaves out; moved on, the row is kept",
            refused=False,
        ),
        _reason(
            "clock_overlap",
            "当地时间因夏令时出现两次，取第二次，该行保留",
            "a local time that occurs twice; the second is taken, the row is kept",
            refused=False,
        ),
    )
)
"""Code -> reason, in the order in which a row is judged: the first that applies counts."""

EARLIEST = "TIMESTAMP '1980-01-01'"
"""Before this a date is an empty field in disguise (1970-01-01, 1900-01-00 …)."""

LATEST = "TIMESTAMP '2200-01-01'"
"""From here on a date is a mistake; an end from here on means that there is none."""

MAX_WORD_BYTES = 4_000
"""No id and no word is longer."""

MAX_TEXT_BYTES = 100_000
"""A free text that is longer is cut …"""

CUT_CHARACTERS = 25_000
"""… after so many characters."""

FREE_TEXTS = {"contents": ("description",), "messages": ("text",)}
"""Table -> columns that a person or a machine filled with any amount of text."""

MAX_DURATION_S = 30 * 86_400
"""No single event lasts longer than thirty days."""

PAYMENT_STATUSES = ("succeeded", "failed", "refunded")
MESSAGE_CHANNELS = ("ticket", "review", "comment", "survey")

_ATOM = r"[^\s@<>()\[\],;:\\\"[:cntrl:]]"
EMAIL = rf"^{_ATOM}{{1,64}}@{_ATOM}+\.[^\s@<>()\[\],;:\\\".[:cntrl:]]{{2,}}$"


@dataclass(frozen=True, slots=True)
class Check:
    """`column` is unfit where the SQL `condition` over the typed row holds."""

    column: str
    reason: str
    condition: str


def _negative(column: str) -> Check:
    return Check(column, "out_of_range", f"{column} < 0 OR NOT isfinite({column})")


def _date(column: str) -> Check:
    return Check(
        column,
        "out_of_range",
        f"{column} < {EARLIEST} OR {column} >= {LATEST} OR NOT isfinite({column})",
    )


def _future(column: str) -> Check:
    return Check(column, "future_date", f"{column} > $now")


def _word(column: str, known: tuple[str, ...]) -> Check:
    words = ", ".join(f"'{word}'" for word in known)
    return Check(column, "unknown_status", f"{column} NOT IN ({words})")


_KNOWN_LATER = (
    _date("occurred_at"),
    _date("known_at"),
    _future("occurred_at"),
    _future("known_at"),
    Check("known_at", "known_before_occurred", "known_at < occurred_at"),
)

CHECKS: dict[str, tuple[Check, ...]] = {
    "users": (
        Check("email", "bad_email", f"NOT regexp_matches(email, '{EMAIL}') OR len(email) > 254"),
        _date("signed_up_at"),
        _future("signed_up_at"),
    ),
    "user_sensitive": (
        Check(
            "birth_year", "out_of_range", "birth_year NOT BETWEEN 1900 AND date_part('year', $now)"
        ),
    ),
    "events": (
        *_KNOWN_LATER,
        Check(
            "duration_s",
            "out_of_range",
            f"duration_s < 0 OR duration_s > {MAX_DURATION_S} OR NOT isfinite(duration_s)",
        ),
        Check("value", "out_of_range", "NOT isfinite(value)"),
    ),
    "payments": (
        *_KNOWN_LATER,
        _word("status", PAYMENT_STATUSES),
        _negative("amount"),
        Check("currency", "other_currency", "currency <> $currency"),
    ),
    # A subscription may be known before it starts and may lie in the future: it was sold ahead.
    "subscriptions": (
        _date("started_at"),
        _date("known_at"),
        _future("known_at"),
        _negative("price"),
        _date("cancelled_at"),
        _date("paused_at"),
        _date("resumes_at"),
        Check("ends_at", "ends_before_start", "ends_at < started_at"),
        Check("resumes_at", "ends_before_start", "resumes_at < paused_at"),
    ),
    "contents": (_negative("minutes"), _negative("price"), _date("published_at")),
    "messages": (
        *_KNOWN_LATER,
        _word("channel", MESSAGE_CHANNELS),
        Check("rating", "out_of_range", "rating NOT BETWEEN 0 AND 10 OR NOT isfinite(rating)"),
        Check("resolved_at", "ends_before_start", "resolved_at < occurred_at"),
    ),
    "outcomes": (Check("label", "out_of_range", "label NOT IN (0, 1)"), _future("as_of")),
}


def checks_of(table: Table) -> tuple[Check, ...]:
    """The table's checks, the length of its words included."""
    free = FREE_TEXTS.get(table.name, ())
    words = tuple(
        Check(
            column.name,
            "too_long",
            f"strlen({column.name}) > {_longest(column.name)}",
        )
        for column in table.columns
        if column.type == "VARCHAR" and column.name not in free
    )
    return (*CHECKS[table.name], *words)


def _longest(column: str) -> int:
    return MAX_TEXT_BYTES if column == "attributes" else MAX_WORD_BYTES


BLANKING = ("users", "user_sensitive", "contents")
"""Tables that keep a row and blank its unfit value."""
