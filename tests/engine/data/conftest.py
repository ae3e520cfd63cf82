"""A small client: source files, a mapping and a behaviour database in one folder."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from engine.data.load import load
from engine.store.lease import lease
from engine.types import LoadReport

NOW = datetime(2026, 3, 1, 12)

BUSINESS = """\
[business]
name = "Test"
currency = "CNY"
timezone = "Asia/Shanghai"

[churn]
rule = "{rule}"
lead_days = 7
horizon_days = 28
active_within_days = 28
"""

TABLES = """
[tables.users]
source = "users.csv"

[tables.events]
source = "events.csv"
"""

USERS = "user_id,signed_up_at,name,email\nu1,2026-01-01,Ann,ann@example.com\nu2,2026-01-02,李雷,\n"
EVENTS = (
    "event_id,user_id,occurred_at,kind,duration_s\n"
    "e1,u1,2026-01-05 08:00:00,lesson,60\n"
    "e2,u2,2026-01-06 09:30:00,lesson,\n"
)


@dataclass
class Client:
    folder: Path

    @property
    def database(self) -> Path:
        return self.folder / "behaviour.duckdb"

    @property
    def mapping(self) -> Path:
        return self.folder / "mapping.toml"

    def write(self, name: str, text: str) -> None:
        (self.folder / name).write_text(text, "utf-8")

    def map(self, tables: str = TABLES, *, rule: str = "inactive", business: str = "") -> None:
        head = BUSINESS.format(rule=rule).replace("\n[churn]", f"{business}\n[churn]")
        self.mapping.write_text(head + tables, "utf-8")

    def load(self, *, now: datetime = NOW, **options: Any) -> LoadReport:
        return load(self.mapping, self.database, now=now, **options)

    def rows(self, query: str) -> list[Any]:
        with lease(self.database) as connection:
            return connection.execute(query).fetchall()

    def quarantined(self) -> dict[tuple[str, str], int]:
        return {
            (table, reason): count
            for table, reason, count in self.rows(
                "SELECT table_name, reason, count(*) FROM quarantine GROUP BY ALL"
            )
        }


def everything(client: Client) -> list[list[Any]]:
    """All rows of the tables that tests fill, sorted."""
    columns = dict.fromkeys(("users", "events", "payments", "quarantine", "load_run"), "*")
    columns["quarantine"] = "* EXCLUDE (load_id)"
    with lease(client.database) as connection:
        return [
            connection.execute(f"SELECT {chosen} FROM {table} ORDER BY ALL").fetchall()
            for table, chosen in columns.items()
        ]


@pytest.fixture
def client(tmp_path: Path) -> Client:
    """Two users with an event each, not yet loaded."""
    made = Client(tmp_path)
    made.write("users.csv", USERS)
    made.write("events.csv", EVENTS)
    made.map()
    return made
