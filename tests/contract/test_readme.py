"""What the README says exists: its commands, its keys, its files."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import typer.main

from retention_tui.cli import app

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text("utf-8")


def commands() -> set[str]:
    """Every command of the program."""
    command = typer.main.get_command(app)
    return set(command.commands)  # type: ignore[attr-defined]


def test_every_command_of_the_program_is_in_the_readme() -> None:
    for name in commands():
        assert re.search(rf"`(retention )?{name}\b", README), name


def test_every_command_in_the_readme_exists() -> None:
    named = set(re.findall(r"`?retention ([a-z]+)\b(?! is)", README))
    assert named
    assert named <= commands()


def test_the_key_table_is_the_registrys() -> None:
    made = subprocess.run(
        [sys.executable, "-m", "retention_tui.actions", "--markdown", "en"],
        capture_output=True,
        text=True,
        check=True,
        cwd=ROOT,
    ).stdout.strip()
    table = README.split("--markdown en -->")[1].split("<!-- /keys -->")[0].strip()
    assert table == made


def test_every_link_of_the_documents_leads_somewhere() -> None:
    for document in [ROOT / "README.md", *(ROOT / "docs").rglob("*.md")]:
        for target in re.findall(r"\]\(([^)#]+)\)", document.read_text("utf-8")):
            if "://" not in target:
                assert (document.parent / target).exists(), f"{document.name}: {target}"


def test_nothing_was_left_to_fill_in() -> None:
    assert "@@" not in README
