"""A small workspace: a behaviour database with known users, and an empty ledger."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from datetime import datetime, timedelta
from importlib import resources
from pathlib import Path

import numpy as np
import pytest

from engine.outreach.decision import Candidate
from engine.outreach.delivery.outbox import Outbox
from engine.outreach.delivery.send import send
from engine.outreach.planning import plan
from engine.outreach.plans import approve
from engine.outreach.templates import TemplateLibrary
from engine.settings import Settings
from engine.store.codec import to_text
from engine.store.lease import lease
from engine.store.migrate import migrate
from engine.timeline import ChurnRule
from engine.types import PlanRequest, PlanSummary, Reason, SendReport, Words

AS_OF = datetime(2026, 10, 1)
RULE = ChurnRule("inactive", horizon_days=28, lead_days=7, active_within_days=28)


LIBRARY = TemplateLibrary()


def told(group: str) -> Reason:
    """A reason as a scoring run keeps it."""
    return Reason(group, group, 0.5, 0.5, 9.0, 3.0, Words(f"{group}：9", f"{group}: 9"))


@dataclass
class World:
    """Paths and the usual arguments."""

    folder: Path
    now: datetime = AS_OF

    @property
    def ledger(self) -> Path:
        return self.folder / "ledger.duckdb"

    @property
    def behaviour(self) -> Path:
        return self.folder / "behaviour.duckdb"

    settings: Settings = field(default_factory=Settings)

    def set(self, **outreach: object) -> None:
        """Change settings of [outreach]."""
        merged = self.settings.outreach.model_dump() | outreach
        self.settings = Settings.model_validate({"outreach": merged})

    def plan(
        self,
        candidates: list[Candidate],
        seed: int = 1,
        now: datetime | None = None,
        **request: object,
    ) -> PlanSummary:
        """A plan with this world's usual arguments."""
        asked = PlanRequest(operator="lin", **request)  # type: ignore[arg-type]
        return plan(
            self.ledger,
            self.behaviour,
            asked,
            candidates,
            self.settings,
            now=now or self.now,
            rng=np.random.default_rng(seed),
            library=LIBRARY,
        )

    def candidates(
        self, *user_ids: str, groups: tuple[str, ...] = ("fading_use",)
    ) -> list[Candidate]:
        """Candidates as the ranking hands them over; without ids: everybody."""
        return [
            Candidate(
                user_id,
                risk=0.6,
                value=120.0,
                reason_groups=groups,
                reasons=to_text([told(group) for group in groups]),
                model_id="m1",
                scoring_run_id="r1",
                cutoff=AS_OF,
                features_sha256="f" * 64,
            )
            for user_id in user_ids or USERS
        ]

    @property
    def users(self) -> list[str]:
        return list(USERS)

    @property
    def library(self) -> TemplateLibrary:
        return LIBRARY

    def approve(self, plan_id: str, now: datetime | None = None) -> PlanSummary:
        return approve(self.ledger, plan_id, operator="boss", now=now or self.now)

    def send(
        self,
        plan_id: str,
        now: datetime | None = None,
        library: TemplateLibrary = LIBRARY,
        delivery: Outbox | None = None,
    ) -> SendReport:
        return send(
            self.ledger,
            self.behaviour,
            plan_id,
            self.settings,
            delivery or self.outbox,
            operator="lin",
            now=now or self.now,
            library=library,
        )

    @property
    def outbox(self) -> Outbox:
        return Outbox(self.folder / "outbox")

    @property
    def files(self) -> list[str]:
        """Names in the outbox."""
        return sorted(path.name for path in (self.folder / "outbox").glob("*"))

    def statuses(self, plan_id: str) -> dict[str, int]:
        """Status -> how many interventions of the plan."""
        return dict(
            self.sql(
                "SELECT s.status, count(*) FROM intervention AS i JOIN intervention_status AS s "
                "USING (intervention_id) WHERE i.plan_id = ? GROUP BY s.status",
                plan_id,
            )
        )

    def sql(self, text: str, *values: object) -> list[tuple[object, ...]]:
        """Rows of the ledger."""
        with lease(self.ledger) as connection:
            return connection.execute(text, list(values)).fetchall()

    def change(self, text: str, *values: object) -> None:
        """Change the behaviour data."""
        with lease(self.behaviour, write=True) as connection:
            connection.execute(text, list(values))


USERS = [f"u{number:03d}" for number in range(60)]


@pytest.fixture(scope="session")
def template_behaviour(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The database that each world copies: 60 users, all reachable and consenting."""
    path = tmp_path_factory.mktemp("behaviour") / "behaviour.duckdb"
    with lease(path, write=True) as connection:
        connection.execute((resources.files("engine.store") / "behaviour.sql").read_text("utf-8"))
        connection.executemany(
            "INSERT INTO users VALUES (?, ?, ?, ?, NULL, ?, 'Asia/Shanghai', NULL, NULL, "
            "TRUE, TRUE, NULL)",
            [
                [
                    user_id,
                    AS_OF - timedelta(days=300),
                    f"林晓{number}" if number % 3 else f"Lin {number}",
                    f"{user_id}@example.com",
                    "zh-CN" if number % 3 else "en",
                ]
                for number, user_id in enumerate(USERS)
            ],
        )
        connection.executemany(
            "INSERT INTO contents VALUES (?, ?, ?, '周予安', '课程', 60, 99, ?, NULL)",
            [
                [f"c{n:02d}", f"{'心理' if n < 6 else '历史'}课 {n}", "心理学" if n < 6 else "历史",
                 AS_OF - timedelta(days=200)]
                for n in range(12)
            ],
        )  # fmt: skip
        events = []
        for number, user_id in enumerate(USERS):
            for n in range(4):
                content = f"c{(number + n) % 6:02d}"
                moment = AS_OF - timedelta(days=3 + n, hours=number % 5)
                kind = "lesson_started" if n % 2 else "lesson_finished"
                events.append([f"e{number}-{n}", user_id, moment, moment, kind, content, 600.0])
        connection.executemany(
            "INSERT INTO events VALUES (?, ?, ?, ?, ?, ?, ?, NULL, 'ios')", events
        )
        connection.executemany(
            "INSERT INTO subscriptions VALUES (?, ?, '年度会员', ?, ?, NULL, FALSE, 200, ?, "
            "NULL, NULL, NULL)",
            [
                [f"s{user_id}", user_id, AS_OF - timedelta(days=340), AS_OF + timedelta(days=25),
                 AS_OF - timedelta(days=340)]
                for user_id in USERS
            ],
        )  # fmt: skip
        connection.execute(
            "INSERT INTO load_run VALUES (?, ?, ?, 'mapping.toml', 'f', 'CNY', 'Asia/Shanghai', ?, "
            "'{}')",
            [AS_OF, AS_OF, AS_OF - timedelta(days=400), json.dumps(asdict(RULE))],
        )
    return path


@pytest.fixture(scope="session")
def template_ledger(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An empty ledger at the present schema."""
    path = tmp_path_factory.mktemp("ledger") / "ledger.duckdb"
    migrate(path)
    return path


@pytest.fixture
def world(tmp_path: Path, template_behaviour: Path, template_ledger: Path) -> World:
    made = World(tmp_path)
    made.behaviour.write_bytes(template_behaviour.read_bytes())
    made.ledger.write_bytes(template_ledger.read_bytes())
    return made
