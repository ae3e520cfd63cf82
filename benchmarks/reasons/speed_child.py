"""One job in a process of its own: `python -m benchmarks.reasons.speed_child JOB WORKSPACE [N]`.

`reasons` explains N users with the champion, `screen` reads what the user screen shows; each prints
one JSON object.
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
from threadpoolctl import threadpool_limits

from engine.data.summary import churn_rule, nothing_loaded, summary
from engine.explain.attribute import attribute
from engine.explain.reasons import Explainer
from engine.features.build import build_frame
from engine.features.catalogue import SPECS
from engine.features.earlier import earlier_frame
from engine.models.blend import RiskModel
from engine.registry import Registry
from engine.scoring import CHUNK_ROWS
from engine.store.codec import to_text
from engine.store.lease import lease
from engine.types import RankQuery
from engine.workspace import Workspace

SCREENS = 200


def main(arguments: list[str]) -> int:
    """Run the job that is named."""
    job, folder, *others = arguments
    workspace = Workspace.open(Path(folder))
    with threadpool_limits(limits=1):
        found = _reasons(workspace, int(others[0])) if job == "reasons" else _screen(workspace)
    print(json.dumps(found))
    return 0


def _reasons(workspace: Workspace, users: int) -> dict[str, Any]:
    registry = Registry(workspace.places.models, workspace.places.ledger)
    model = registry.load(str(registry.champion_id()))
    if not isinstance(model, RiskModel):
        raise TypeError(f"{type(model).__name__} is not the champion of a sample world")
    with lease(workspace.places.behaviour) as connection:
        loaded = summary(connection)
        if loaded is None:
            raise nothing_loaded()
        rule, cutoff = churn_rule(connection), loaded.as_of
        frame = build_frame(
            connection,
            rule,
            cutoff,
            columns=model.columns,
            sequences=model.reads_sequences,
            messages=model.reads_messages,
        )
        earlier = earlier_frame(connection, rule, cutoff, model.columns)
    explainer = Explainer(model, SPECS, currency=loaded.currency, earlier=earlier)
    repeated = np.arange(users) % len(frame)
    started = time.process_time()
    for start in range(0, users, CHUNK_ROWS):
        for explanation in explainer.of(frame.take(repeated[start : start + CHUNK_ROWS])):
            to_text(explanation.reasons)
    told = time.process_time()
    groups = {spec.name: spec.group for spec in SPECS}
    for start in range(0, users, CHUNK_ROWS):
        attribute(model, frame.take(repeated[start : start + CHUNK_ROWS]), groups)
    return {
        "users": users,
        "kind": model.kind,
        "cpu_s": told - started,
        "shares_cpu_s": time.process_time() - told,
    }


def _screen(workspace: Workspace) -> dict[str, Any]:
    rows = workspace.risk.page(RankQuery(), 0, SCREENS).rows
    workspace.users.detail(rows[0].user_id)
    took = []
    for row in rows:
        started = time.perf_counter(), time.process_time()
        workspace.users.detail(row.user_id)
        took.append((time.perf_counter() - started[0], time.process_time() - started[1]))
    wall_s, cpu_s = np.array(took).T
    return {
        "users": len(rows),
        "median_ms": 1000 * float(np.median(wall_s)),
        "p95_ms": 1000 * float(np.quantile(wall_s, 0.95)),
        "median_cpu_ms": 1000 * float(np.median(cpu_s)),
    }


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
