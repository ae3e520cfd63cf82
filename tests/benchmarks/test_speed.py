"""The speed benchmark on a small world: every job runs and says what it took."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.speed import __main__ as speed


@pytest.mark.slow
def test_scoring_measures_a_model_with_and_one_without_the_sequence_encoder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(speed.FOLDER, str(tmp_path))
    monkeypatch.setattr(speed, "TAUGHT", (400, 20_000))
    rows = speed.measure_scoring(True)
    assert [row.metric for row in rows] == 2 * [
        "risk_cpu_s",
        "features_cpu_s",
        "wall_s",
        "peak_mb",
    ]
    plain, net = rows[0].case, rows[4].case
    assert plain.endswith("hist_gradient_boosting")
    assert net.endswith("blend")
    assert all(row.ours > 0 for row in rows)
