"""The one place that decides where a net is trained."""

from __future__ import annotations

from typing import Literal

import torch

from engine.errors import UsageError

Device = Literal["auto", "cpu", "cuda"]


def choose_device(wanted: Device) -> torch.device:
    """`auto`: the GPU when there is one. Models come back to the CPU after the fit.

    Raises `UsageError` when `cuda` is asked for and there is none.
    """
    present = torch.cuda.is_available()
    if wanted == "cuda" and not present:
        raise UsageError(
            "no_gpu",
            "This machine has no GPU that torch can use",
            why="torch.cuda.is_available() says no",
            next_step="Leave the device at auto, or install a build of torch with CUDA",
        )
    return torch.device("cuda" if present and wanted != "cpu" else "cpu")
