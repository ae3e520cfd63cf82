"""The scale benchmark on a small world: every job runs, and the peers compute what we compute."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.scale import __main__ as scale

pytest.importorskip("polars", reason="polars comes with the extra `bench`")


@pytest.mark.slow
def test_each_case_measures_and_the_peers_agree(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(scale.FOLDER, str(tmp_path))
    monkeypatch.setattr(scale, "QUICK", ((300, 20_000),))
    rows = [
        row
        for measure in (
            scale.measure_memory,
            scale.measure_sequences,
            scale.measure_peers,
            scale.measure_retrain,
            scale.measure_load,
        )
        for row in measure(True)
    ]
    # Values that differ raise inside: figures come only of results that agree.
    assert {row.metric for row in rows} == {"cpu_s", "wall_s", "peak_mb"}
    assert all(row.ours > 0 for row in rows)
    assert not list(tmp_path.glob(".*"))


def test_values_that_differ_are_no_comparison() -> None:
    ours = {"users": 2, "checksums": [[1.0, 2.0, 3.0]]}
    scale._must_agree("peer", ours, {"users": 2, "checksums": [[1.0, 2.0, 3.0 + 1e-7]]})
    with pytest.raises(scale.StateError, match="other values"):
        scale._must_agree("peer", ours, {"users": 2, "checksums": [[1.0, 2.1, 3.0]]})
    with pytest.raises(scale.StateError, match="other values"):
        scale._must_agree("peer", ours, {**ours, "users": 3})
