"""Edits of use: two visits more, a content finished, tickets solved."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator
from datetime import date, datetime, timedelta

from engine.explain.words import written
from engine.features.spec import KINDS
from engine.types import Words
from engine.whatif.edit import ID, YESTERDAY, Edit, Possible, UsualKind, before
from engine.whatif.history import Change, History, Row

VISIT_DAYS = (timedelta(days=2), timedelta(days=5))
"""How long before the cutoff the two visits of this week take place."""

HABIT = timedelta(days=180)
"""How far back a user's own manner is looked for."""

LONGEST_DELAY = timedelta(hours=1)
"""Between what happens and when it is known, at most."""

HALF_A_DAY = timedelta(hours=12)

UNPLEASANT = frozenset(KINDS["cancel_views"] + KINDS["login_failures"] + KINDS["price_views"])
"""Kinds of events that are no part of a usual visit."""


def two_visits(history: History, possible: Possible) -> Edit | None:
    visit = _usual_visit(history) or _platform_visit(history, possible)
    if "events" not in possible.facts or not visit:
        return None
    rows = [
        _moved(row, history.cutoff, back, f"{ID}:visit:{number}:{place}")
        for number, back in enumerate(VISIT_DAYS)
        for place, row in enumerate(visit)
    ]
    minutes = sum(row["duration_s"] or 0 for row in visit) / 60
    en = f"{len(visit)} action" + ("" if len(visit) == 1 else "s")
    zh = f"{len(visit)} 个行为"
    if minutes >= 1:
        zh += f"、{written(minutes, 'minutes', 'zh', possible.currency)}"
        en += f", {written(minutes, 'minutes', 'en', possible.currency)}"
    return Edit(
        "two_visits",
        "use",
        Words(
            f"本周多来两次，如其平时（每次 {zh}）",
            f"Two more visits this week, each as usual ({en})",
        ),
        Change({"events": tuple(rows)}),
        frozenset({"fading_use"}),
    )


def _usual_visit(history: History) -> list[Row]:
    """The events of the user's middle day by number of events, the newest among equals."""
    days: dict[date, list[Row]] = defaultdict(list)
    for row in history.events:
        if row["kind"] not in UNPLEASANT and row["occurred_at"] >= history.cutoff - HABIT:
            days[row["occurred_at"].date()].append(row)
    if not days:
        return []
    ordered = sorted(days, key=lambda day: (len(days[day]), day))
    middle = len(days[ordered[(len(ordered) - 1) // 2]])
    return days[max(day for day in ordered if len(days[day]) == middle)]


def _platform_visit(history: History, possible: Possible) -> list[Row]:
    """One event of the kind most usual on the platform, for a user without a manner of his own."""
    pleasant = [usual for usual in possible.usual if usual.kind not in UNPLEASANT]
    if not pleasant:
        return []
    return [_event(pleasant[0], history.cutoff - HALF_A_DAY, None)]


def content_finished(history: History, possible: Possible) -> Edit | None:
    finished = [usual for usual in possible.usual if usual.kind in KINDS["finished"]]
    if "events:finished" not in possible.facts or not finished:
        return None
    own = Counter(row["kind"] for row in history.events)
    usual = max(finished, key=lambda one: own[one.kind])
    moment = history.cutoff - VISIT_DAYS[0] + HALF_A_DAY
    begun = _begun_content(history)
    if begun is not None:
        content_id = begun
        words = Words("学完一个已开始的内容", "A content that was begun is finished")
    elif possible.next_content is not None:
        content_id, title = possible.next_content
        words = Words(f"学完一个新内容：{title}", f"A new content is finished: {title}")
    elif usual.with_content:
        return None
    else:
        content_id = None
        words = Words("学完一节", "Something is finished")
    return Edit(
        "content_finished",
        "content",
        words,
        Change({"events": (_event(usual, moment, content_id),)}),
        frozenset({"unused_value", "content_exhausted"}),
    )


def _begun_content(history: History) -> str | None:
    """The content that was opened last and never finished, if that was not long ago."""
    done = {row["content_id"] for row in _learning(history) if row["kind"] in KINDS["finished"]}
    for row in reversed(list(_learning(history))):
        if row["occurred_at"] < history.cutoff - HABIT:
            return None
        if row["content_id"] not in done:
            return str(row["content_id"])
    return None


def _learning(history: History) -> Iterator[Row]:
    return (row for row in history.events if row["content_id"] and row["kind"] in KINDS["learning"])


def _event(usual: UsualKind, moment: datetime, content_id: str | None) -> Row:
    return {
        "event_id": f"{ID}:{usual.kind}",
        "user_id": "",
        "occurred_at": moment,
        "known_at": moment,
        "kind": usual.kind,
        "content_id": content_id,
        "duration_s": usual.duration_s,
        "value": usual.value,
        "device": None,
    }


def _moved(row: Row, cutoff: datetime, back: timedelta, row_id: str) -> Row:
    """An event again, at the same time of day `back` before the cutoff."""
    happened, known = row["occurred_at"], row["known_at"]
    moment = datetime.combine((cutoff - back).date(), happened.time())
    delay = min(max(known - happened, timedelta()), LONGEST_DELAY)
    return {**row, "event_id": row_id, "occurred_at": moment, "known_at": moment + delay}


def tickets_solved(history: History, possible: Possible) -> Edit | None:
    unsolved = [
        row
        for row in history.messages
        if row["channel"] == "ticket" and not before(row["resolved_at"], history.cutoff)
    ]
    if "messages:resolved" not in possible.facts or not unsolved:
        return None
    solved = tuple(
        {
            **row,
            "status": "resolved",
            "resolved_at": max(history.cutoff - YESTERDAY, _halfway(row, history.cutoff)),
        }
        for row in unsolved
    )
    one = len(solved) == 1
    words = Words(
        "未解决的工单得到解决" if one else f"{len(solved)} 个未解决的工单得到解决",
        "The open ticket is solved" if one else f"The {len(solved)} open tickets are solved",
    )
    return Edit(
        "tickets_solved",
        "support",
        words,
        Change({"messages": solved}),
        frozenset({"support_trouble"}),
    )


def _halfway(row: Row, cutoff: datetime) -> datetime:
    happened: datetime = row["occurred_at"]
    return happened + (cutoff - happened) / 2


def opened_contents(history: History) -> list[str]:
    """The contents that the user has ever opened."""
    return sorted({row["content_id"] for row in _learning(history)})
