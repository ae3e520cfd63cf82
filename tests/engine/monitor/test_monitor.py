"""The whole look at a workspace: steady, complete, and silent about what it cannot know."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import datetime
from pathlib import Path

import pytest

from engine.errors import StateError
from engine.features.catalogue import SPECS
from engine.monitor.report import MonitorReport
from engine.store.lease import lease
from engine.workspace import Workspace

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def looked(sample_workspace: Path) -> MonitorReport:
    return Workspace.open(sample_workspace).monitor.look(fairness=True, stress=True)


def test_the_sample_shows_no_strong_drift(looked: MonitorReport) -> None:
    assert looked.drift.verdict != "strong"
    assert not looked.alarming


def test_columns_are_weighed_and_the_calendar_is_left_out(looked: MonitorReport) -> None:
    calendar = {spec.name for spec in SPECS if spec.group == "calendar"}
    named = {one.column for one in looked.drift.columns}
    assert named
    assert not named & calendar
    assert 0.5 < sum(one.importance for one in looked.drift.columns) <= 1 + 1e-9
    weighed = [one.importance * one.psi for one in looked.drift.columns]
    assert weighed == sorted(weighed, reverse=True)


def test_past_cutoffs_lie_before_the_run(looked: MonitorReport) -> None:
    assert all(cutoff < looked.cutoff for cutoff in looked.drift.past_cutoffs)
    assert {one.cutoff for one in looked.estimate.checked} <= set(looked.drift.past_cutoffs)


def test_estimates_lie_within_their_intervals(looked: MonitorReport) -> None:
    assert {one.metric for one in looked.estimate.figures} == {
        "roc_auc", "average_precision", "precision", "churn_rate", "ece",
    }  # fmt: skip
    for one in looked.estimate.figures:
        assert 0 <= one.value.low <= one.value.estimate <= one.value.high <= 1


def test_looking_twice_sees_the_same(sample_workspace: Path, looked: MonitorReport) -> None:
    again = Workspace.open(sample_workspace).monitor.look(fairness=True)
    assert replace(again, seconds=0) == replace(looked, stress=None, seconds=0)


def test_every_disturbance_is_told_for_every_model(looked: MonitorReport) -> None:
    assert looked.stress is not None
    told = looked.stress.disturbances
    models = {one.model for one in told}
    names = list(dict.fromkeys(one.disturbance for one in told))
    assert names[:3] == ["jitter", "late_day", "events_lost"]
    assert len(told) == len(models) * len(names)
    assert all(0 <= one.top_decile_kept <= 1 and one.kendall_tau > 0 for one in told)
    lost = next(one for one in told if one.disturbance == "events_lost")
    assert 0 < lost.mean_change < 0.2
    gamed = looked.stress.gamed
    assert gamed is not None
    assert gamed.risk_after < gamed.risk_before


def test_a_broken_source_is_seen(workspace_copy: Path) -> None:
    """The newest month of events is gone from the database, as after a half-done load."""
    workspace = Workspace.open(workspace_copy)
    calm = workspace.monitor.drift()
    with lease(workspace.places.behaviour, write=True) as connection:
        connection.execute(
            "DELETE FROM events WHERE hash(event_id) % 10 < 9 "
            "AND known_at > (SELECT max(known_at) FROM events) - INTERVAL 21 DAY"
        )
    run = workspace.risk.latest()
    assert run is not None
    for kept in workspace.places.features.glob(f"{run.cutoff:%Y%m%d}-*"):
        kept.unlink()  # known by the digests of a load, which a DELETE does not touch
    broken = workspace.monitor.drift()
    assert broken.verdict != "none"
    assert broken.weighted_psi > 3 * calm.weighted_psi


def test_without_a_scoring_run_the_next_step_is_named(workspace_copy: Path) -> None:
    workspace = Workspace.open(workspace_copy)
    with lease(workspace.places.ledger, write=True) as connection:
        connection.execute("DELETE FROM score")
        connection.execute("DELETE FROM scoring_run")
    with pytest.raises(StateError) as raised:
        workspace.monitor.look()
    assert raised.value.code == "not_scored"
    assert "retention score" in raised.value.next_step


@pytest.mark.parametrize("language", ["zh", "en"])
def test_the_page_needs_nothing_and_escapes(
    language: str, looked: MonitorReport, sample_workspace: Path, tmp_path: Path
) -> None:
    assert looked.fairness is not None
    hostile = replace(looked.fairness.groups[0], value="<script>x</script>")
    found = replace(looked, fairness=replace(looked.fairness, groups=(hostile,)))
    path = tmp_path / "page.html"
    workspace = Workspace.open(sample_workspace, clock=lambda: datetime(2026, 5, 1))
    workspace.monitor.write_report(found, language, path)  # type: ignore[arg-type]
    page = path.read_text("utf-8")
    assert "<script" not in page
    assert "http" not in re.sub(r"xmlns\S+", "", page)
    assert looked.drift.words.pick(language) in page
