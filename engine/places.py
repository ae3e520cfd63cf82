"""Where the parts of a workspace lie on disk."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Places:
    """The files and folders of one workspace; nothing is created by asking."""

    folder: Path

    @property
    def settings(self) -> Path:
        return self.folder / "retention.toml"

    @property
    def behaviour(self) -> Path:
        """Behaviour data: input, can be rebuilt by `retention load`."""
        return self.folder / "behaviour.duckdb"

    @property
    def ledger(self) -> Path:
        """What was decided, sent and learnt: precious."""
        return self.folder / "ledger.duckdb"

    @property
    def features(self) -> Path:
        """Feature snapshots by cutoff: a cache, can be deleted."""
        return self.folder / "features"

    @property
    def encoders(self) -> Path:
        """Pretrained encoders of event sequences: a cache, can be deleted."""
        return self.folder / "encoders"

    @property
    def models(self) -> Path:
        return self.folder / "models"

    @property
    def training(self) -> Path:
        """Locked while a model is trained; holds the process id."""
        return self.folder / ".training.lock"

    @property
    def outbox(self) -> Path:
        return self.folder / "outbox"

    @property
    def exports(self) -> Path:
        return self.folder / "exports"

    @property
    def reports(self) -> Path:
        return self.folder / "reports"

    @property
    def logs(self) -> Path:
        return self.folder / "logs"

    @property
    def sample(self) -> Path:
        """Where `retention demo` puts the generated source files."""
        return self.folder / "sample"
