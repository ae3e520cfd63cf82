"""Data-parallel training: torchrun's processes become a team, one leads and the others help.

The leader runs an ordinary training; whenever it fits a net, it hands the rows to the others, and
every batch is shared out. Only the leader reads the workspace and writes a model.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch
import torch.distributed as processes

from engine.errors import Cancelled, UsageError
from engine.training.fit import Assignment, fit_net, use_threads
from engine.training.team import Team


@contextmanager
def joined() -> Iterator[Team]:
    """The team that torchrun's environment describes; at the end the leader dismisses the others.

    Processes speak through NCCL where each has a GPU, else through gloo. Raises `UsageError`
    outside torchrun.
    """
    if not processes.is_torchelastic_launched():
        raise UsageError(
            "no_team",
            "This process is not one of a team",
            why="torchrun starts the processes and tells each its place",
            next_step="Run: torchrun --nproc-per-node 2 -m engine.jobs.together -w DIR",
        )
    gpu = torch.cuda.is_available() and torch.cuda.device_count() > 1
    processes.init_process_group("nccl" if gpu else "gloo")
    team = Team.of_this_process()
    if gpu:
        torch.cuda.set_device(team.rank % torch.cuda.device_count())
    try:
        yield team
        # Reached by an orderly end only: a leader that fails takes the others with it.
        if team.leads:
            team.said(None)
    finally:
        processes.destroy_process_group()


def assist(team: Team, threads: int = 1) -> int:
    """Help with one fit after another until the leader has no more; returns how many.

    A fit that is cancelled is the last: the leader's training ends with it.
    """
    use_threads(threads)
    fits = 0
    while True:
        asked = team.said(None)
        if not isinstance(asked, Assignment):
            return fits
        try:
            fit_net(asked.rows, None, asked.net, asked.config, seed=asked.seed, epochs=asked.epochs)
        except Cancelled:
            return fits
        fits += 1
