"""A paid-knowledge platform: learning log, orders, memberships, courses, tickets."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from sample_db.examples import files, shared
from sample_db.examples.lives import DAY_S, Lives

KINDS = ("lesson_started", "lesson_finished", "audio_played", "column_read", "favourite", "search")
KIND_SHARE = (0.34, 0.22, 0.2, 0.12, 0.05, 0.07)
TOPICS = ("历史", "心理", "商业", "文学", "科学")
COURSES = 60
TERM_DAYS = 90
PRICE_FEN = 11_800


def write(lives: Lives, folder: Path) -> None:
    """users.csv, learning_log_*.csv, orders.csv, memberships.csv, courses.csv, tickets.csv."""
    rng = lives.rng("platform")
    shared.users(lives, folder / "users.csv", user="user_id", joined="registered_at")
    log = lives.act("learning", 2.6)
    kind = rng.choice(len(KINDS), len(log.user), p=KIND_SHARE)
    liked = rng.integers(0, COURSES, len(lives))
    course = (liked[log.user] + rng.geometric(0.35, len(log.user)) - 1) % COURSES
    files.csv_by_month(
        folder,
        "learning_log",
        {
            "user_id": shared.ids("U", log.user),
            "event_time": lives.moments(log.second),
            "event_name": np.array(KINDS, dtype=object)[kind],
            "course_id": shared.ids("C", course),
            "seconds": rng.gamma(2.0, 340, len(log.user)).astype(int),
        },
        "event_time",
    )
    terms = shared.terms(lives, TERM_DAYS, share=0.5)
    files.csv(
        folder / "memberships.csv",
        {
            "membership_id": shared.ids("M", np.arange(len(terms.user))),
            "user_id": shared.ids("U", terms.user),
            "plan_name": np.full(len(terms.user), "季度会员"),
            "start_time": lives.moments(terms.start_day * DAY_S),
            "end_time": lives.moments((terms.start_day + TERM_DAYS) * DAY_S),
        },
    )
    single = lives.act("single purchases", 0.05)
    user = np.concatenate([terms.user, single.user])
    second = np.concatenate([np.maximum(terms.start_day, 0) * DAY_S + 30_000, single.second])
    fen = np.concatenate(
        [np.full(len(terms.user), PRICE_FEN), 100 * rng.integers(19, 199, len(single.user))]
    )
    status = shared.statuses(rng, len(user), ("支付成功", "支付失败", "已退款"))
    files.csv(
        folder / "orders.csv",
        shared.with_dirt(
            {
                "order_no": shared.ids("O", np.arange(len(user))),
                "user_id": shared.ids("U", user),
                "paid_at": lives.moments(second),
                "amount_fen": fen,
                "status": status,
            },
            status="待支付",
        ),
    )
    files.csv(
        folder / "courses.csv",
        {
            "content_id": shared.ids("C", np.arange(COURSES)),
            "title": [f"{TOPICS[n % len(TOPICS)]}课 {n + 1}" for n in range(COURSES)],
            "topic": [TOPICS[n % len(TOPICS)] for n in range(COURSES)],
            "minutes": rng.integers(8, 60, COURSES),
        },
    )
    shared.tickets(lives, folder / "tickets.csv", user="user_id", prefix="U")
