"""The filter language of the risk list, compiled to one bound SQL condition.

A filter is a list of terms, all of which must hold:
`risk>0.8`, `risk>=80%`, `value>300`, `active>14` (days of silence), `band:high`, `plan:年度`,
`reason:payment`, `user:u123`; any other word is looked for in user id, name and e-mail.
"""

from __future__ import annotations

import difflib
import re
import shlex
import unicodedata
from dataclasses import dataclass

from engine.errors import UsageError
from engine.types import Band

_COMPARISON = re.compile(r"^(?P<key>[^\W\d]\w*)\s*(?P<op>>=|<=|>|<|=)\s*(?P<value>.+)$")
_FIELD = re.compile(r"^(?P<key>[^\W\d]\w*):(?P<value>.*)$")

_NUMBERS = {
    "risk": "s.risk",
    "value": "s.value_at_risk",
    "rank": "s.rank",
    "active": "date_diff('day', s.last_active_at, r.cutoff)",
}
_TEXTS = {
    "band": "s.band",
    "plan": "s.segment",
    "reason": "s.reason_group",
    "user": "s.user_id",
}
_ALIASES = {
    "风险": "risk",
    "价值": "value",
    "排名": "rank",
    "沉默": "active",
    "等级": "band",
    "方案": "plan",
    "套餐": "plan",
    "原因": "reason",
    "用户": "user",
    "segment": "plan",
    "silent": "active",
}
_BAND_WORDS = {"低": "low", "中": "medium", "高": "high", "极高": "critical", "严重": "critical"}


@dataclass(frozen=True, slots=True)
class Condition:
    """An SQL condition over `score s`, `scoring_run r`, `users u`, with its parameters in order."""

    sql: str
    parameters: tuple[object, ...]


def compile_filter(text: str) -> Condition:
    """The condition of a filter text; an empty text holds for everyone.

    Raises `UsageError` naming the term at fault.
    """
    clauses: list[str] = []
    parameters: list[object] = []
    for term in split_terms(text):
        clause, bound = _compile_term(term)
        clauses.append(clause)
        parameters.extend(bound)
    return Condition(" AND ".join(clauses) or "TRUE", tuple(parameters))


def split_terms(text: str) -> list[str]:
    """Split at spaces, keeping "quoted words" together; full-width punctuation is folded."""
    folded = unicodedata.normalize("NFKC", text)
    lexer = shlex.shlex(folded, posix=True)
    lexer.whitespace_split = True
    lexer.commenters = ""
    lexer.quotes = '"'
    lexer.escape = ""
    try:
        return list(lexer)
    except ValueError as error:
        raise UsageError(
            "filter_quote",
            f"The filter {text!r} has an open quotation mark",
            next_step='Close it with "',
        ) from error


def _compile_term(term: str) -> tuple[str, list[object]]:
    if match := _COMPARISON.match(term):
        key = _ALIASES.get(match["key"], match["key"].lower())
        if key in _NUMBERS:
            return f"{_NUMBERS[key]} {match['op']} ?", [_number(term, match["value"])]
        if key in _TEXTS and match["op"] == "=":
            return _text_term(key, match["value"])
        raise _unknown(term, match["key"])
    if match := _FIELD.match(term):
        key = _ALIASES.get(match["key"], match["key"].lower())
        if key in _TEXTS:
            return _text_term(key, match["value"])
        if key in _NUMBERS:
            return f"{_NUMBERS[key]} = ?", [_number(term, match["value"])]
        raise _unknown(term, match["key"])
    pattern = f"%{_like(term)}%"
    columns = ("s.user_id", "u.name", "u.email")
    anywhere = " OR ".join(rf"{column} ILIKE ? ESCAPE '\'" for column in columns)
    return f"({anywhere})", [pattern] * len(columns)


def _text_term(key: str, value: str) -> tuple[str, list[object]]:
    if key == "band":
        wanted = [_band(word) for word in value.split(",") if word]
        if not wanted:
            raise UsageError(
                "filter_band", "band: needs a word", next_step="For instance band:high"
            )
        return f"s.band IN ({', '.join('?' * len(wanted))})", list(wanted)
    if key == "user":
        return "s.user_id = ?", [value]
    return rf"{_TEXTS[key]} ILIKE ? ESCAPE '\'", [f"%{_like(value)}%"]


def _band(word: str) -> str:
    name = _BAND_WORDS.get(word, word.lower())
    if name not in set(Band):
        near = difflib.get_close_matches(name, [str(band) for band in Band], n=1, cutoff=0)
        raise UsageError(
            "filter_band",
            f"{word!r} is not a band",
            why="The bands are low, medium, high, critical",
            next_step=f"Did you mean band:{near[0]}?" if near else "",
        )
    return name


def _number(term: str, text: str) -> float:
    percent = text.endswith("%")
    try:
        number = float(text.rstrip("%"))
    except ValueError as error:
        raise UsageError(
            "filter_number",
            f"{text!r} in the filter term {term!r} is not a number",
            next_step="Write for instance risk>0.8 or value>300",
        ) from error
    return number / 100 if percent else number


def _unknown(term: str, key: str) -> UsageError:
    known = sorted({*_NUMBERS, *_TEXTS})
    near = difflib.get_close_matches(key.lower(), known, n=1, cutoff=0.5)
    return UsageError(
        "filter_key",
        f"{key!r} in the filter term {term!r} is not a field",
        why=f"Fields are {', '.join(known)}",
        next_step=f"Did you mean {near[0]!r}?" if near else "",
    )


def _like(text: str) -> str:
    return text.replace("\\", "\\\\").replace("%", r"\%").replace("_", r"\_")
