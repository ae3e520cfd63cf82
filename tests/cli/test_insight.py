"""`retention insight`: measured once, kept beside the model, drawn in both languages."""

from __future__ import annotations

import json
import re
from datetime import datetime
from pathlib import Path

import pytest

from engine.insight.stored import FILE
from engine.workspace import Workspace
from retention_tui.cli import run

pytestmark = pytest.mark.slow  # looks at a trained model


def test_an_insight_is_kept_and_drawn(
    workspace_copy: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    workspace = Workspace.open(workspace_copy, clock=lambda: datetime(2026, 11, 2))
    model_id = workspace.models.cards()[0].model_id
    kept = workspace_copy / "models" / model_id / FILE
    assert not kept.exists()
    found = workspace.models.insight(model_id)
    assert kept.exists()
    assert workspace.models.insight(model_id) == found
    assert found.groups
    assert found.curves
    assert found.segments
    assert sum(one.share for one in found.groups) == pytest.approx(1.0)

    kept.write_text(kept.read_text("utf-8")[:-200], "utf-8")  # cut short: a cache is made anew
    later = Workspace.open(workspace_copy, clock=lambda: datetime(2026, 11, 3))
    again = later.models.insight(model_id)
    assert again.made_at == datetime(2026, 11, 3)
    assert again.segments == found.segments  # the same rows, the same draws
    assert again.interactions == found.interactions

    where = ["-w", str(workspace_copy)]
    for language, title in (("zh", "模型全貌"), ("en", "The whole model")):
        page = workspace_copy / f"insight.{language}.html"
        assert run([*where, "--lang", language, "insight", model_id, "--report", str(page)]) == 0
        html = page.read_text("utf-8")
        assert title in html
        assert html.count("<svg") >= 2 + len(found.curves)
        assert not re.findall(r"(?:src|href)=|<script|nan", html)
        said = capsys.readouterr().out
        assert found.statements[0].pick(language) in said
        assert "Project-Id-Version" not in said
    assert run([*where, "--json", "insight", model_id]) == 0
    assert json.loads(capsys.readouterr().out)["model_id"] == model_id


def test_an_unknown_model_is_a_usage_error(
    sample_workspace: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["-w", str(sample_workspace), "insight", "no-such"]) == 2
    assert "no-such" in capsys.readouterr().err
