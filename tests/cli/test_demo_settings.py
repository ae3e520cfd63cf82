"""The settings of a sample: its maker's language, and a training as large as the sample."""

from __future__ import annotations

import io
from pathlib import Path

import pytest

import retention_tui.demo
from engine.errors import UsageError
from engine.jobs.protocol import Reporter
from engine.settings import Settings, load_settings
from retention_tui.demo import SMALL_TRAINING, SMALL_USERS, USERS, make


class Stopped(Exception):
    """Ends `make` before it generates anything."""


@pytest.fixture(autouse=True)
def _stop_before_generating(monkeypatch: pytest.MonkeyPatch) -> None:
    def stop(*_: object, **__: object) -> None:
        raise Stopped

    monkeypatch.setattr(retention_tui.demo, "_generate", stop)


def settings_of(folder: Path, users: int, language: str) -> Settings:
    with pytest.raises(Stopped):
        make(folder, users=users, language=language, reporter=Reporter(io.StringIO()))
    return load_settings(folder)


@pytest.mark.parametrize(
    ("language", "name"), [("zh", "知行学堂 · 示例"), ("en", "知行学堂 · sample")]
)
def test_the_sample_opens_in_the_language_of_its_maker(
    tmp_path: Path, language: str, name: str
) -> None:
    workspace = settings_of(tmp_path / "new", USERS, language).workspace
    assert (workspace.language, workspace.name) == (language, name)
    assert workspace.mapping == "sample/mapping.toml"


def test_only_a_small_sample_is_trained_lightly(tmp_path: Path) -> None:
    default = Settings().training
    assert settings_of(tmp_path / "full", SMALL_USERS + 1, "zh").training == default
    small = settings_of(tmp_path / "small", SMALL_USERS, "zh").training
    assert small == default.model_copy(update=SMALL_TRAINING)
    assert small != default


def test_settings_that_are_there_stay(tmp_path: Path) -> None:
    (tmp_path / "retention.toml").write_text('[workspace]\nname = "mine"\n', "utf-8")
    assert settings_of(tmp_path, SMALL_USERS, "en").workspace.name == "mine"


def test_a_folder_of_something_else_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "letter.txt").write_text("dear", "utf-8")
    with pytest.raises(UsageError) as raised:
        make(tmp_path, reporter=Reporter(io.StringIO()))
    assert str(raised.value) == (
        f"{tmp_path} is not empty and is no workspace. Choose another folder with --workspace."
    )
    assert [path.name for path in tmp_path.iterdir()] == ["letter.txt"]
