"""One small fit, alone or by a team: `python team_fit.py ROWS OUT`, under torchrun or not."""

from __future__ import annotations

import importlib.util
import os
import sys
from pathlib import Path

import numpy as np
from safetensors.numpy import save_file

from engine.models.nets.config import NetConfig
from engine.training.distributed import assist, joined
from engine.training.fit import FitConfig, fit_net, use_threads


def fit(planter: Path, out: Path) -> None:
    """Weights and training losses of a fit on the rows that the file `planter` plants.

    Nothing is drawn while it learns: every process would draw for its own rows.
    """
    spec = importlib.util.spec_from_file_location("planted", planter)
    assert spec is not None
    assert spec.loader is not None
    planted = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(planted)
    use_threads(1)
    rows = planted.plant(301, seed=1, sequence=2.0)
    net = NetConfig(hidden=6, layer=8, dropout=0.0, to_unknown=0.0)
    fitted = fit_net(rows, rows, net, FitConfig(max_epochs=3, least_steps=4), seed=5)
    arrays, _ = fitted.model.state()
    arrays["losses"] = np.array([epoch["train_loss"] for epoch in fitted.learning])
    save_file({name: np.ascontiguousarray(value) for name, value in arrays.items()}, out)


if __name__ == "__main__":
    assert "RANK" in os.environ
    with joined() as team:
        if team.leads:
            fit(Path(sys.argv[1]), Path(sys.argv[2]))
        else:
            assert assist(team) == 1
