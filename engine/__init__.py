"""The churn engine and the retention domain; no terminal code, usable alone from Python."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from engine.classifier import ChurnClassifier
    from engine.workspace import Workspace

__all__ = ["ChurnClassifier", "Workspace", "__version__"]

__version__ = "0.1.0"


def __getattr__(name: str) -> object:
    # Lazy (PEP 562): importing `engine` must not cost the app its first paint.
    if name == "Workspace":
        from engine.workspace import Workspace

        return Workspace
    if name == "ChurnClassifier":
        from engine.classifier import ChurnClassifier

        return ChurnClassifier
    raise AttributeError(f"module 'engine' has no attribute {name!r}")
