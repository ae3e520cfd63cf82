"""The sample world that the cases of truth and of coverage ask: loaded, with its cutoffs."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path

from benchmarks.quality.ours import Loaded, load_mapping
from engine.timeline import CutoffPlan, plan_cutoffs
from sample_db import generate


@contextmanager
def sample_world(
    *, users: int, seed: int, quick: bool
) -> Iterator[tuple[Loaded, CutoffPlan, Path]]:
    """The data, the cutoffs of a training, and the file of true hazards; gone at the end."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        generate(folder / "world", users=users, seed=seed)
        loaded = load_mapping(
            folder / "world" / "mapping.toml",
            folder / "world",
            folder / "behaviour.duckdb",
            now=datetime(2026, 11, 1) + timedelta(days=1),
        )
        plan = plan_cutoffs(
            loaded.rule,
            first_at=loaded.first_at,
            as_of=loaded.as_of,
            cutoffs=4 if quick else 8,
            every_days=14,
            test_cutoffs=3,
        )
        yield loaded, plan, folder / "world" / "truth" / "hazard.parquet"
