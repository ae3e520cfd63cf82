"""The benchmark command's contract: rows, JSON, tables, exit status."""

from __future__ import annotations

import json
import platform
from dataclasses import replace
from pathlib import Path

import pytest

from benchmarks.harness import Options, Row, as_json, as_markdown, as_table, options, run
from engine.errors import DataError
from engine.types import Interval

ROW = Row(
    "cdnow",
    "roc_auc",
    0.7781,
    {"recency": 0.7634, "BG/NBD": 0.7646},
    "at least the best rival's 0.7646",
    True,
    {"recency": Interval(0.0147, 0.0101, 0.0199)},
)
BARE = Row("commands", "version_s", 0.41)


def test_json_has_the_agreed_keys_and_nothing_that_names_the_machine() -> None:
    report = as_json([ROW, BARE], seconds=1.26)
    assert set(report) == {"rows", "machine", "commit", "seconds"}
    rows = json.loads(json.dumps(report))["rows"]
    assert set(rows[0]) == {"case", "metric", "ours", "peers", "aim", "met", "interval"}
    assert rows[0]["interval"]["recency"] == {"estimate": 0.0147, "low": 0.0101, "high": 0.0199}
    assert rows[1]["met"] is None
    assert rows[1]["interval"] == {}
    assert report["seconds"] == 1.3
    assert not platform.node() or platform.node() not in json.dumps(report["machine"])


def test_the_table_says_every_figure_the_aim_and_the_interval() -> None:
    assert as_table([ROW]).splitlines() == [
        "cdnow · roc_auc   aim at least the best rival's 0.7646: met",
        "  ours                           0.7781",
        "  recency                        0.7634   ours is +0.0147 [+0.0101, +0.0199]",
        "  BG/NBD                         0.7646",
    ]


def test_markdown_has_one_table_a_case_and_one_for_the_differences() -> None:
    text = as_markdown([ROW, BARE])
    assert "| recency | 0.7634 |" in text
    assert "| recency | +0.0147 [+0.0101, +0.0199] |" in text
    assert text.index("### cdnow") < text.index("### commands")


def test_a_case_without_its_data_does_not_stop_the_others(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def absent(quick: bool) -> list[Row]:
        raise DataError("no_benchmark_data", "cdnow is missing")

    status = run(
        "quality",
        Options(quick=True, json=True, out=tmp_path / "figures", cases=("cdnow", "commands")),
        {"cdnow": absent, "commands": lambda quick: [BARE]},
    )
    shown = capsys.readouterr()
    assert status == 1
    assert "cdnow is missing." in shown.err
    assert [row["case"] for row in json.loads(shown.out)["rows"]] == ["commands"]
    written = json.loads((tmp_path / "figures" / "quality.json").read_text("utf-8"))
    assert written["rows"] == json.loads(shown.out)["rows"]
    names = {path.name for path in (tmp_path / "figures").iterdir()}
    assert names == {"quality.json", "quality.md", "cases"}


def test_options_default_to_all_cases() -> None:
    assert options("quality", "", ("a", "b"), []).cases == ("a", "b")
    assert options("quality", "", ("a", "b"), ["--case", "b", "--quick"]).cases == ("b",)
    with pytest.raises(SystemExit):
        options("quality", "", ("a", "b"), ["--case", "c"])


def test_a_run_that_was_cut_off_takes_up_where_it_ended(tmp_path: Path) -> None:
    asked = Options(quick=False, json=True, out=tmp_path, cases=("cdnow", "commands"))
    measured: list[str] = []

    def measure(case: str, row: Row, *, fails: bool = False) -> list[Row]:
        measured.append(case)
        if fails:
            raise KeyboardInterrupt
        return [row]

    with pytest.raises(KeyboardInterrupt):
        run(
            "quality",
            asked,
            {
                "cdnow": lambda _: measure("cdnow", ROW),
                "commands": lambda _: measure("commands", BARE, fails=True),
            },
        )
    measures = {
        "cdnow": lambda _: measure("cdnow", ROW),
        "commands": lambda _: measure("commands", BARE),
    }
    assert run("quality", replace(asked, resume=True), measures) == 0
    assert measured == ["cdnow", "commands", "commands"]
    whole = json.loads((tmp_path / "quality.json").read_text("utf-8"))["rows"]
    assert whole == as_json([ROW, BARE], seconds=0)["rows"]
    # A quick figure never stands for a whole one.
    run("quality", replace(asked, resume=True, quick=True), measures)
    assert measured[3:] == ["cdnow", "commands"]


def test_further_rows_may_be_made_from_those_of_all_cases(tmp_path: Path) -> None:
    asked = Options(quick=True, json=True, out=tmp_path, cases=("cdnow",))
    run("quality", asked, {"cdnow": lambda _: [ROW]}, summary=lambda rows: [BARE] * len(rows))
    written = json.loads((tmp_path / "quality.json").read_text("utf-8"))["rows"]
    assert [row["metric"] for row in written] == ["roc_auc", "version_s"]


def test_resuming_needs_the_folder_of_the_finished_cases() -> None:
    with pytest.raises(SystemExit):
        options("quality", "", ("cdnow",), ["--resume"])
    assert options("quality", "", ("cdnow",), ["--resume", "--out", "x"]).resume
