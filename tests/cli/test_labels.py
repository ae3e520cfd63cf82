"""`retention labels` and `retention prove` on a small sample."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from rich.cells import cell_len

from engine.features import views as views_module
from engine.features.dialect import CUTOFF
from engine.features.proofs import PROOFS
from retention_tui.cli import run

pytestmark = pytest.mark.slow


class Shell:
    def __init__(self, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
        self.folder = folder
        self._capsys = capsys

    def call(self, *words: str) -> tuple[int, str, str]:
        status = run([*words, "--workspace", str(self.folder)])
        said = self._capsys.readouterr()
        return status, said.out, said.err

    def json(self, *words: str) -> tuple[int, Any]:
        status, out, _ = self.call(*words, "--json")
        return status, json.loads(out)


@pytest.fixture
def shell(workspace_copy: Path, capsys: pytest.CaptureFixture[str]) -> Shell:
    return Shell(workspace_copy, capsys)


def test_labels_fit_eighty_columns_in_both_languages_and_agree_with_json(shell: Shell) -> None:
    status, report = shell.json("labels", "--horizon", "21", "--lead", "3")
    assert status == 0
    assert [one["rule"]["horizon_days"] for one in report["variants"]][:2] == [21, 28]
    for language in ("zh", "en"):
        status, out, err = shell.call("labels", "--lang", language)
        assert status == 0
        assert max(cell_len(line) for line in out.splitlines()) <= 80
        for finding in report["findings"]:
            assert finding["words"][language] in err
        for one in report["cutoffs"]:
            [line] = [line for line in out.splitlines() if line.startswith(one["cutoff"][:10])]
            assert str(one["count"]["eligible"]) in line.split()
            assert str(one["count"]["churned"]) in line.split()


def test_own_data_are_proved_and_a_leak_is_named(
    shell: Shell, monkeypatch: pytest.MonkeyPatch
) -> None:
    status, report = shell.json("prove", "--users", "150")
    assert (status, report["passed"]) == (0, True)
    assert [one["name"] for one in report["proofs"]] == list(PROOFS)
    assert report["drawn"] == 150
    assert report["cutoff"] == shell.json("labels")[1]["cutoffs"][-1]["cutoff"]

    sound = views_module.views()
    guard = f"known_at < {CUTOFF} AND "
    assert guard in sound["known_payments"]
    leaking: Mapping[str, str] = {
        **sound, "known_payments": sound["known_payments"].replace(guard, "")
    }  # fmt: skip
    monkeypatch.setattr(views_module, "views", lambda: leaking)
    status, out, err = shell.call("prove", "--users", "150", "--lang", "en")
    assert status == 1
    assert "late_arrivals            failed" in out
    assert "late_arrivals moved: " in err


def test_a_cutoff_outside_the_data_is_a_usage_error(shell: Shell) -> None:
    status, out, err = shell.call("prove", "--as-of", "2035-01-01")
    assert (status, out) == (2, "")
    assert "is no cutoff of these data" in err


def test_a_column_that_tells_who_left_stops_the_training(
    static_table: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The settlement at the end of a contract is no cause of it."""
    customers = static_table / "customers.csv"
    head, *rows = customers.read_text("utf-8").splitlines()
    settled = [f"{row},{90 if row.endswith('yes') else 10 + n % 7}" for n, row in enumerate(rows)]
    customers.write_text("\n".join([f"{head},settled", *settled]) + "\n", "utf-8")
    mapping = static_table / "mapping.toml"
    text = mapping.read_text("utf-8").replace('"always"]', '"always", "settled"]')
    mapping.write_text(text, "utf-8")
    (static_table / "retention.toml").write_text("", "utf-8")
    shell = Shell(static_table, capsys)
    assert shell.call("load")[0] == 0
    status, out, err = shell.call("train", "--lang", "en")
    assert (status, out) == (1, "")
    assert "One feature alone tells who churned: settled (AUC 1.000)" in err
    assert 'accept_features = ["settled"] under [training]' in err
    assert shell.json("models") == (0, [])
