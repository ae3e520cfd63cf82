"""Mishaps in a workspace with a ranked list: it answers afterwards as it did before."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from retention_tui.cli import run

pytestmark = pytest.mark.slow


class Answers:
    """What the workspace says, and calls that must be refused."""

    def __init__(self, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
        self.folder = folder
        self._capsys = capsys

    def call(self, *words: str) -> tuple[int, str, str]:
        status = run([*words, "--workspace", str(self.folder), "--lang", "en"])
        said = self._capsys.readouterr()
        return status, said.out, said.err.rstrip("\n")

    def facts(self, *words: str) -> Any:
        status, out, err = self.call(*words, "--json")
        assert status == 0, err
        return json.loads(out)

    def all(self) -> list[Any]:
        listed = self.facts("rank", "--top", "5000")
        first = listed["rows"][0]["user_id"]
        return [listed, self.facts("why", first), self.facts("models"), self.facts("check")]


@pytest.fixture
def answers(workspace_copy: Path, capsys: pytest.CaptureFixture[str]) -> Answers:
    return Answers(workspace_copy, capsys)


def test_a_missing_source_leaves_the_list_and_its_reasons(answers: Answers) -> None:
    before = answers.all()
    source = next((answers.folder / "sample").glob("events.*"))
    source.rename(source.with_name("elsewhere"))
    status, out, sentence = answers.call("load")
    assert (status, out) == (1, "")
    assert sentence.startswith(f"{source.name} does not exist in {source.parent}. ")
    assert "\n" not in sentence
    status, out, again = answers.call("refresh")
    assert (status, out, again) == (1, "", sentence)
    assert answers.all() == before


@pytest.mark.parametrize(
    ("words", "status", "sentence"),
    [
        (["promote", "m9"], 2, "There is no model m9 in this workspace. "),
        (["train", "--model", "forest"], 2, "'forest'"),
        (
            ["rank", "--filter", "risk>high"],
            2,
            "'high' in the filter term 'risk>high' is not a number. ",
        ),
        (["rank", "--sort", "shoe"], 2, "'shoe'"),
        (["why", "nobody"], 2, "There is no user 'nobody' in this workspace. "),
    ],
)
def test_a_wrong_word_changes_nothing(
    answers: Answers, words: list[str], status: int, sentence: str
) -> None:
    before = answers.all()
    got, out, said = answers.call(*words)
    assert (got, out) == (status, "")
    assert sentence in said
    assert "Traceback" not in said
    assert answers.all() == before


def test_a_damaged_model_is_named_and_the_list_still_stands(answers: Answers) -> None:
    listed = answers.facts("rank")
    champion = answers.facts("models")[0]["model_id"]
    weights = answers.folder / "models" / champion / "weights.safetensors"
    content = weights.read_bytes()
    weights.write_bytes(content[: len(content) // 2])
    status, out, sentence = answers.call("evaluate")
    assert (status, out) == (1, "")
    assert sentence.startswith(f"The model {champion} is damaged: ")
    assert sentence.endswith(
        "Restore its folder from a backup, roll back with `retention rollback`, or train a new one "
        "with `retention train`."
    )
    assert answers.facts("rank") == listed
    weights.write_bytes(content)
    assert answers.facts("evaluate")["model"]
