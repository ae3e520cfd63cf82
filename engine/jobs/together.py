"""Train with several processes: `torchrun --nproc-per-node 2 -m engine.jobs.together -w DIR`.

The first process trains as `retention train` does and registers the challenger; the others share
the batches of its nets (see `engine.training.distributed`) and touch no file.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from engine.errors import RetentionError


def main(arguments: list[str] | None = None) -> int:
    """Run one process of the team; returns its exit status."""
    asked = _arguments(arguments)
    from engine.training.distributed import assist, joined
    from engine.workspace import Workspace

    try:
        with joined() as team:
            if not team.leads:
                assist(team)
                return 0
            workspace = Workspace.open(asked.workspace)
            card = workspace.models.train(
                model=asked.model, budget_s=asked.budget, actor=workspace.operator
            )
    except RetentionError as error:
        print(error.sentence, file=sys.stderr)
        return error.exit_code
    print(card.model_id)
    return 0


def _arguments(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m engine.jobs.together", description=__doc__)
    parser.add_argument("--workspace", "-w", type=Path, default=Path())
    parser.add_argument("--model", default="churn_net")
    parser.add_argument("--budget", type=float, metavar="SECONDS")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    raise SystemExit(main())
