"""A child process that stands still in the middle of its work, so that a test can look or kill."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

STAND = """
def stand():
    print("here", flush=True)
    sys.stdin.read()
"""


@contextmanager
def standing(program: str, *words: str) -> Iterator[subprocess.Popen[str]]:
    """A child that runs `program` (its `sys.argv[1:]` are `words`) up to its call of `stand()`."""
    with subprocess.Popen(
        [sys.executable, "-c", f"import sys\n{STAND}\n{program}", *words],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as child:
        assert child.stdout is not None
        assert child.stdout.readline() == "here\n"
        yield child
        child.kill()
