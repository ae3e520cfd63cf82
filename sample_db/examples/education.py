"""An online school: learners, what they do in lessons, lessons, tuition."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from sample_db.examples import files, shared
from sample_db.examples.lives import DAY_S, Lives

ACTIVITIES = ("video", "homework", "quiz", "live_class", "forum")
ACTIVITY_SHARE = (0.5, 0.2, 0.14, 0.1, 0.06)
SUBJECTS = ("数学", "英语", "物理", "编程")
LESSONS = 80
TERM_DAYS = 91


def write(lives: Lives, folder: Path) -> None:
    """learners.csv, learning.duckdb (table activity), lessons.csv, tuition.csv."""
    rng = lives.rng("school")
    shared.users(lives, folder / "learners.csv", user="learner_id", joined="enrolled_at")
    done = lives.act("lessons", 2.8)
    activity = rng.choice(len(ACTIVITIES), len(done.user), p=ACTIVITY_SHARE)
    lasts_s = rng.gamma(2.0, 600, len(done.user)).astype(np.int64) + 20
    subject = rng.integers(0, len(SUBJECTS), len(lives))
    lesson = (rng.integers(0, LESSONS // len(SUBJECTS), len(done.user))) * len(SUBJECTS)
    files.table(
        folder / "learning.duckdb",
        "activity",
        {
            "learner_id": shared.ids("L", done.user),
            "started_at": lives.moments(done.second),
            "finished_at": lives.moments(done.second + lasts_s),
            "activity": np.array(ACTIVITIES, dtype=object)[activity],
            "lesson_id": shared.ids("N", lesson + subject[done.user]),
        },
    )
    files.csv(
        folder / "lessons.csv",
        {
            "lesson_id": shared.ids("N", np.arange(LESSONS)),
            "title": [f"{SUBJECTS[n % len(SUBJECTS)]} 第{n // len(SUBJECTS) + 1}课"
                      for n in range(LESSONS)],
            "subject": [SUBJECTS[n % len(SUBJECTS)] for n in range(LESSONS)],
            "minutes": rng.integers(15, 50, LESSONS),
        },
    )  # fmt: skip
    terms = shared.terms(lives, TERM_DAYS, share=1.0)
    files.csv(
        folder / "tuition.csv",
        shared.with_dirt(
            {
                "receipt_no": shared.ids("R", np.arange(len(terms.user))),
                "learner_id": shared.ids("L", terms.user),
                "paid_at": lives.moments(terms.start_day * DAY_S + 36_000),
                "amount": rng.choice([980.0, 1680.0, 2680.0], len(terms.user)),
                "status": shared.statuses(rng, len(terms.user), ("成功", "失败", "退费")),
            },
            status="处理中",
        ),
    )
