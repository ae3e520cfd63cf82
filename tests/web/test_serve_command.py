"""What `retention serve` refuses before it opens a door."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest

pytest.importorskip("textual_serve", reason="the browser mode comes with the extra `web`")

from retention_tui.cli import run


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--host", "0.0.0.0"], "0.0.0.0 can be reached from other machines"),
        (["--host", "shop.example"], "--public-url"),
        (["--public-url", "retention.example.com"], "is no address of a site"),
        (["--public-url", "https://example.com/app"], "without a path"),
    ],
)
def test_an_open_door_is_refused_with_the_way_round(
    words: list[str], said: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["--workspace", str(tmp_path), "serve", *words]) == 2
    assert said in capsys.readouterr().err


@pytest.mark.parametrize("token", ["", "short", "with spaces and more letters", "字" * 20])
def test_a_token_that_can_be_guessed_is_refused(
    token: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("RETENTION_SERVE_TOKEN", token)
    assert run(["--workspace", str(tmp_path), "serve", "--port", "0"]) == 2
    said = capsys.readouterr()
    assert "RETENTION_SERVE_TOKEN" in said.err
    assert not token or token not in said.out + said.err


def test_a_port_that_is_taken_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        assert run(["--workspace", str(tmp_path), "serve", "--port", str(port)]) == 1
    assert f"127.0.0.1:{port} cannot be served" in capsys.readouterr().err
