"""One job in a process of its own: `python -m benchmarks.speed.child JOB DATABASE MODELS`.

`models` trains on the world in DATABASE and writes two models to the folder MODELS; their names are
the other jobs, which score every user of DATABASE and print one JSON object.
"""

from __future__ import annotations

import json
import resource
import sys
import time
from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.processes import KB_PER_MB
from benchmarks.scale.world import CUTOFF, DAYS, RULE
from engine.features.build import build_frame, build_labelled
from engine.features.frame import concatenate
from engine.models.blend import RiskModel
from engine.store.lease import lease
from engine.store.memory import limit_memory
from engine.timeline import plan_cutoffs

CHUNK_ROWS = 32_768
MEMORY_LIMIT_GB = 1.0
"""Of DuckDB (`memory_limit_gb` in retention.toml): what does not fit goes to the disk."""


def main(arguments: list[str]) -> int:
    """Run the job that is named."""
    job, database, models = arguments[0], Path(arguments[1]), Path(arguments[2])
    if job == "models":
        _train(database, models)
    else:
        print(json.dumps(_score(database, _load(models / job))))
    return 0


def _train(database: Path, models: Path) -> None:
    from engine.training.challenger import TrainingConfig, TrainingData, train_challenger

    plan = plan_cutoffs(
        RULE,
        first_at=CUTOFF - timedelta(days=DAYS),
        as_of=CUTOFF,
        cutoffs=1,
        every_days=14,
        test_cutoffs=1,
    )
    with lease(database) as connection:
        frames = build_labelled(connection, RULE, plan.all)
    data = TrainingData(
        concatenate([frames[cutoff] for cutoff in plan.train]),
        frames[plan.validate],
        frames[plan.calibrate],
        concatenate([frames[cutoff] for cutoff in plan.test]),
    )
    # What a model costs in service does not hang on how long it was trained.
    challenger = train_challenger(data, TrainingConfig(model="blend", max_epochs=2, threads=1))
    _save(challenger.singles["hist_gradient_boosting"], models / "without_sequences")
    _save(challenger.model, models / "with_sequences")


def _save(model: RiskModel, folder: Path) -> None:
    from safetensors.numpy import save_file

    arrays, config = model.state()
    folder.mkdir()
    save_file(dict(arrays), folder / "arrays.safetensors")
    (folder / "config.json").write_text(json.dumps(config), "utf-8")


def _load(folder: Path) -> RiskModel:
    from safetensors.numpy import load_file

    config = json.loads((folder / "config.json").read_text("utf-8"))
    return RiskModel.from_state(load_file(folder / "arrays.safetensors"), config)


def _score(database: Path, model: RiskModel) -> dict[str, Any]:
    """As `retention score` does, without its reasons: features first, then chunk by chunk."""
    import torch
    from threadpoolctl import threadpool_limits

    torch.set_num_threads(1)
    started, wall = _cpu_s(), time.perf_counter()
    with lease(database) as connection:
        limit_memory(connection, MEMORY_LIMIT_GB)
        frame = build_frame(
            connection, RULE, CUTOFF, columns=model.columns, sequences=model.reads_sequences
        )
    features = _cpu_s()
    risk = np.empty(len(frame))
    with threadpool_limits(limits=1):
        for start in range(0, len(frame), CHUNK_ROWS):
            rows = np.arange(start, min(len(frame), start + CHUNK_ROWS))
            risk[rows] = model.predict(frame.take(rows)).risk
    return {
        "users": len(risk),
        "kind": model.kind,
        "features_cpu_s": features - started,
        "risk_cpu_s": _cpu_s() - features,
        "wall_s": time.perf_counter() - wall,
        "peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / KB_PER_MB,
    }


def _cpu_s() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
