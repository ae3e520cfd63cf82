"""The client's boundary: expected errors pass, unforeseen ones are caught and written down."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from types import SimpleNamespace

import pytest

import engine.workspace
from engine.errors import DatabaseBusy, UsageError
from engine.types import PlanRequest
from retention_tui.client import EngineCrash, LocalEngineClient

NOW = datetime(2026, 9, 18)


def client_on(
    folder: Path, monkeypatch: pytest.MonkeyPatch, **services: object
) -> LocalEngineClient:
    settings = SimpleNamespace(workspace=SimpleNamespace(name="W", language="en", operator="lin"))
    workspace = SimpleNamespace(settings=settings, operator="lin", **services)
    monkeypatch.setattr(engine.workspace.Workspace, "open", lambda path: workspace)
    return LocalEngineClient(folder, lambda: NOW)


def fail(error: Exception):  # type: ignore[no-untyped-def]
    def ask(*_: object, **__: object) -> object:
        raise error

    return ask


async def test_an_expected_error_passes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    busy = DatabaseBusy("database_busy", "PID 7 holds it")
    client = client_on(tmp_path, monkeypatch, risk=SimpleNamespace(latest=fail(busy)))
    with pytest.raises(DatabaseBusy, match="PID 7 holds it"):
        await client.latest_run()
    client.close()


async def test_an_unforeseen_error_is_written_down(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = client_on(
        tmp_path, monkeypatch, risk=SimpleNamespace(latest=fail(ZeroDivisionError("odd")))
    )
    with pytest.raises(EngineCrash, match="ZeroDivisionError: odd") as caught:
        await client.latest_run()
    path = caught.value.log_path
    assert path is not None
    assert path.parent == tmp_path / "logs"
    assert "ZeroDivisionError: odd" in path.read_text("utf-8")
    client.close()


async def test_where_no_log_can_be_written_the_error_still_arrives(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "logs").write_text("a file where the folder should be", "utf-8")
    client = client_on(tmp_path, monkeypatch, risk=SimpleNamespace(latest=fail(KeyError("x"))))
    with pytest.raises(EngineCrash) as caught:
        await client.latest_run()
    assert caught.value.log_path is None
    assert "KeyError" in caught.value.trace
    client.close()


async def test_a_plan_carries_the_operator(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[PlanRequest] = []
    service = SimpleNamespace(plan=lambda request: seen.append(request) or "summary")
    client = client_on(tmp_path, monkeypatch, interventions=service)
    await client.plan(PlanRequest("", dry_run=True))
    await client.plan(PlanRequest("wang"))
    assert [request.operator for request in seen] == ["lin", "wang"]
    client.close()


async def test_a_folder_without_workspace(tmp_path: Path) -> None:
    client = LocalEngineClient(tmp_path, lambda: NOW)
    assert not client.exists()
    with pytest.raises(UsageError, match="is not a workspace"):
        await client.facts()
    client.close()
