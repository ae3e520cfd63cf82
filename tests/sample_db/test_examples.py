"""The example of every pack loads through the pack's own mapping, learns and ranks."""

from __future__ import annotations

import hashlib
from datetime import datetime
from pathlib import Path

import duckdb
import pytest

from engine import Workspace
from engine.data.packs import init_workspace, pack_names
from sample_db.examples import PACKS, write_example

NOW = datetime(2026, 11, 24, 8)


def _rows(folder: Path) -> dict[str, str]:
    """What the files say; a DuckDB file's bytes are its own affair."""
    found = {}
    for path in sorted(folder.iterdir()):
        if path.suffix == ".duckdb":
            with duckdb.connect(str(path), read_only=True) as connection:
                content = str(connection.execute("SELECT * FROM activity").fetchall()).encode()
        else:
            content = path.read_bytes()
        found[path.name] = hashlib.sha256(content).hexdigest()
    return found


def test_there_is_an_example_for_every_pack() -> None:
    assert set(PACKS) == set(pack_names())
    with pytest.raises(ValueError, match="no example for 'shoes'"):
        write_example("shoes", Path())


@pytest.mark.slow
@pytest.mark.parametrize("pack", PACKS)
def test_the_same_seed_gives_the_same_rows(tmp_path: Path, pack: str) -> None:
    for name, seed in (("one", 3), ("same", 3), ("other", 4)):
        write_example(pack, tmp_path / name, users=60, seed=seed)
    assert _rows(tmp_path / "one") == _rows(tmp_path / "same")
    assert _rows(tmp_path / "one") != _rows(tmp_path / "other")


@pytest.mark.slow
@pytest.mark.parametrize("pack", PACKS)
def test_a_pack_runs_from_its_example_to_a_ranked_list(tmp_path: Path, pack: str) -> None:
    init_workspace(tmp_path, pack)
    write_example(pack, tmp_path, users=900)
    workspace = Workspace.open(tmp_path, clock=lambda: NOW)
    report = workspace.data.load()
    kept = {table.table: table.kept for table in report.tables}
    assert kept["users"] == 900
    refused = {table.table: dict(table.quarantined) for table in report.tables if table.quarantined}
    dirty = {} if pack in ("finance", "telecom") else {"payments": {"unknown_status": 3}}
    assert refused == dirty
    card = workspace.models.train(model="logistic", actor="test")
    # The mechanism is known to be learnable; chance is 0.5.
    assert card.test.roc_auc > 0.7
    workspace.models.promote(card.model_id, "test")
    run = workspace.risk.score()
    assert run.users > 100
