"""`retention compare`: every kind of model on the same rows, and what it refuses."""

from __future__ import annotations

import json
from datetime import datetime
from pathlib import Path

import pytest

from engine.compare import ComparedModel, Comparison, HorizonRisk
from engine.types import Confusion, Interval, Metrics
from retention_tui.cli import run
from retention_tui.commands.compare import show_comparison
from retention_tui.commands.session import Session

NAMES = ("mlp", "hazard", "blend")


@pytest.mark.slow
def test_kinds_of_model_stand_side_by_side(
    sample_workspace: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    asked = ["-w", str(sample_workspace), "compare", "--models", ",".join(NAMES), "--json"]
    models = sorted(path.name for path in (sample_workspace / "models").iterdir())
    assert run(asked) == 0
    found = json.loads(capsys.readouterr().out)
    assert [one["name"] for one in found["models"]] == list(NAMES)
    assert found["against"] in models  # the champion
    assert {one["test"]["n"] for one in found["models"]} == {found["test_rows"]}
    for one in found["models"]:
        interval = one["log_loss_difference"]
        assert interval["low"] <= interval["estimate"] <= interval["high"]
        assert 0 < one["valid_log_loss"] < 1
        assert one["cpu_s"] > 0
        assert one["epochs"] > 0
    hazard = found["models"][1]["horizons"]
    assert len(hazard) > 1
    for side in ("predicted", "observed"):  # `inactive`: fewer and fewer stay silent all along
        values = [one[side] for one in hazard]
        assert values == sorted(values, reverse=True)
    assert sorted(path.name for path in (sample_workspace / "models").iterdir()) == models


@pytest.mark.slow
@pytest.mark.parametrize("names", ["transformer", " , "])
def test_an_unknown_name_lists_the_known(
    sample_workspace: Path, capsys: pytest.CaptureFixture[str], names: str
) -> None:
    assert run(["-w", str(sample_workspace), "compare", "--models", names]) == 2
    assert "The models are hist_gradient_boosting, logistic" in capsys.readouterr().err


def _comparison() -> Comparison:
    confusion = Confusion(80, 5, 10, 5)
    numbers = (0.81, 0.45, 0.33, 0.1, 0.012, 0.85, 0.5, 0.33, 0.4)
    test = Metrics("mlp", 100, 15, *numbers, confusion, 3.1, (datetime(2026, 9, 13),))
    difference = Interval(-0.004, -0.009, 0.002)
    horizons = (HorizonRisk(7, 0.11, 0.12), HorizonRisk(30, 0.21, 0.2))
    champion = ComparedModel("logistic", 0.34, 0.8, test, None, None, 0, 1.25, ())
    net = ComparedModel("hazard", 0.33, 0.82, test, difference, difference, 3, 12.5, horizons)
    return Comparison("logistic", 1000, 100, test.cutoffs, (champion, net))


@pytest.mark.parametrize(
    ("language", "head", "horizon"),
    [
        ("zh", "验证集对数损失", "hazard，7 天：平均风险 0.110，实际流失 0.120"),
        ("en", "validation log loss", "hazard, 7 days: mean risk 0.110, churned 0.120"),
    ],
)
def test_the_table_speaks_both_languages(
    capsys: pytest.CaptureFixture[str], language: str, head: str, horizon: str
) -> None:
    show_comparison(Session(Path(), language, as_json=False), _comparison())
    said = capsys.readouterr()
    title, first, second = said.out.splitlines()
    assert head in title
    assert first.split()[0] == "logistic"
    assert "[" not in first
    assert "-0.0040 [-0.0090, +0.0020]" in second
    assert horizon in said.err
