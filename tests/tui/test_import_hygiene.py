"""The app paints before anything heavy is imported."""

from __future__ import annotations

import subprocess
import sys

import pytest

HEAVY = (
    "torch",
    "duckdb",
    "pandas",
    "sklearn",
    "jinja2",
    "numpy",
    "pydantic",
    "openpyxl",
    "babel",
    "engine.workspace",
    "engine.settings",
    "engine.store",
)


@pytest.mark.parametrize("module", ["retention_tui.app", "retention_tui.start"])
def test_nothing_heavy_before_the_first_paint(module: str) -> None:
    program = (
        f"import sys, {module}\n"
        f"print(*[name for name in {HEAVY!r} if name in sys.modules])\n"
        "print('textual' in sys.modules)"
    )
    out = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    ).stdout.splitlines()
    assert out[0] == ""
    assert out[1] == str(module == "retention_tui.app")
