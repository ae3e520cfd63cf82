"""The public interface: option order, exit status, one sentence instead of a traceback."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import engine
from retention_tui.cli import globals_first, run


@pytest.mark.parametrize(
    ("written", "read"),
    [
        (["rank", "--json"], ["--json", "rank"]),
        (["rank", "--workspace", "W", "--top", "3"], ["--workspace", "W", "rank", "--top", "3"]),
        (["--lang=zh", "why", "u1", "-w", "W"], ["--lang=zh", "-w", "W", "why", "u1"]),
        (["why", "--", "--json"], ["why", "--", "--json"]),
        (["rank", "--workspace"], ["--workspace", "rank"]),
    ],
)
def test_global_options_may_stand_anywhere(written: list[str], read: list[str]) -> None:
    assert globals_first(written) == read


@given(st.lists(st.sampled_from(["rank", "--json", "--top", "5", "-w", "W", "--lang=en", "x"])))
def test_moving_options_loses_no_word(words: list[str]) -> None:
    assert sorted(globals_first(words)) == sorted(words)


def test_version(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["--version"]) == 0
    assert capsys.readouterr().out.strip() == engine.__version__


@pytest.mark.parametrize(
    "words",
    [
        ["nonsense"],
        ["rank", "--topp", "3"],
        ["rank", "--top", "none"],
        ["--lang", "fr", "models"],
        ["export", "everything"],
        ["why"],
    ],
)
def test_wrong_usage_is_2(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert run(words) == 2
    assert capsys.readouterr().err.strip()


def test_no_workspace_says_what_to_do(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["rank", "--workspace", str(tmp_path)]) == 2
    assert capsys.readouterr().err == (
        f"{tmp_path} is not a workspace: it has no retention.toml. "
        "Run `retention demo` for the sample, or `retention init DIR`.\n"
    )
    assert list(tmp_path.iterdir()) == []


def test_unknown_setting_names_line_and_nearest_key(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "retention.toml").write_text("[outreach]\nholdot = 0.2\n", "utf-8")
    assert run(["models", "-w", str(tmp_path)]) == 2
    said = capsys.readouterr().err
    assert "line 2: outreach.holdot" in said
    assert "'holdout'" in said


def test_empty_workspace_answers_every_reading_command(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "retention.toml").write_text("", "utf-8")
    expected = {"check": 1, "rank": 1, "score": 1, "evaluate": 1, "models": 0}
    for command, status in expected.items():
        assert run([command, "-w", str(tmp_path), "--json"]) == status, command
        captured = capsys.readouterr()
        assert "Traceback" not in captured.err
        if status:
            assert "retention" in captured.err, command


def test_heavy_libraries_wait_until_they_are_needed() -> None:
    code = (
        "import sys, retention_tui.cli\n"
        "heavy = {'torch', 'sklearn', 'pandas', 'duckdb', 'jinja2', 'textual', 'numpy'}\n"
        "print(sorted(heavy & set(sys.modules)))"
    )
    shown = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    ).stdout
    assert shown.strip() == "[]"
