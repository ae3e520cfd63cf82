"""Bad input by the command line: one sentence with the next step, the exit status, nothing lost."""

from __future__ import annotations

import csv
import hashlib
import json
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

import engine.outreach.templates
from engine.store.lease import lease
from retention_tui.cli import run

MAPPING = """\
[business]
name = "T"
[churn]
rule = "inactive"
horizon_days = 28
[tables.users]
source = "users.csv"
[tables.events]
source = "events.csv"
"""
USERS = (
    "user_id,signed_up_at,name,email,marketing_consent\n"
    "u1,2026-01-01,Ann,ann@example.com,true\n"
    "u2,2026-01-02,李雷,li@example.com,true\n"
)
HEAD = "event_id,user_id,occurred_at,kind\n"
EVENTS = HEAD + "e1,u1,2026-01-05,lesson\ne2,u2,2026-01-06,lesson\n"

HOLD = """
import sys
from pathlib import Path
from engine.store.lease import lease
with lease(Path(sys.argv[1]), write=True):
    print("held", flush=True)
    sys.stdin.readline()
"""

LIMITED = """
import resource, signal, sys
from retention_tui.cli import run
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
limit = int(sys.argv[1])
resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
sys.exit(run(sys.argv[2:]))
"""
"""A limit on the size of files stands in for a full disk: it needs no privileges."""


@dataclass
class Desk:
    """A workspace folder and the command line on it."""

    folder: Path
    capsys: pytest.CaptureFixture[str]

    def write(self, name: str, text: str) -> None:
        (self.folder / name).write_text(text, "utf-8")

    def call(self, *words: str) -> tuple[int, str, str]:
        status = run([*words, "--workspace", str(self.folder), "--lang", "en"])
        said = self.capsys.readouterr()
        return status, said.out, said.err

    def refused(self, *words: str) -> tuple[int, str]:
        """Exit status and sentence of a call that must print no data."""
        status, out, err = self.call(*words)
        assert out == ""
        return status, err.rstrip("\n")

    def facts(self, *words: str) -> Any:
        status, out, err = self.call(*words, "--json")
        assert status == 0, err
        return json.loads(out)

    def limited(self, limit: int, *words: str) -> tuple[int, str, str]:
        """The call in a process of its own, whose files may have `limit` bytes at most."""
        command = [sys.executable, "-c", LIMITED, str(limit), *words]
        done = subprocess.run(
            [*command, "--workspace", str(self.folder), "--lang", "en"],
            capture_output=True,
            text=True,
            check=False,
        )
        return done.returncode, done.stdout, done.stderr.rstrip("\n")

    def names(self) -> list[str]:
        return sorted(path.name for path in self.folder.iterdir())


@pytest.fixture(scope="module")
def loaded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two users with an event each, loaded."""
    folder = tmp_path_factory.mktemp("loaded")
    for name, text in (
        ("retention.toml", '[workspace]\noperator = "tester"\n'),
        ("mapping.toml", MAPPING),
        ("users.csv", USERS),
        ("events.csv", EVENTS),
    ):
        (folder / name).write_text(text, "utf-8")
    assert run(["load", "--workspace", str(folder)]) == 0
    return folder


@pytest.fixture
def desk(loaded: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Desk:
    shutil.copytree(loaded, tmp_path, dirs_exist_ok=True)
    return Desk(tmp_path, capsys)


BAD_LOADS = {
    "missing file": (
        {"mapping.toml": MAPPING.replace("events.csv", "evnts.csv")},
        1,
        "evnts.csv does not exist in {folder}. Did you mean 'events.csv'?",
    ),
    "empty file": (
        {"events.csv": ""},
        1,
        "events.csv has no header line. It names the columns. "
        "Export it again, with the columns' names.",
    ),
    "empty table": (
        {"events.csv": HEAD},
        1,
        'the source of events has no rows. The churn rule "inactive" reads this table. '
        "The old data are untouched; mend the mapping.",
    ),
    "wrong type in every row": (
        {"events.csv": HEAD + "e1,u1,yesterday,lesson\n"},
        1,
        "none of the 1 rows of events could be kept; the most frequent reason is bad_type: a value "
        "is not of the column's type (1 rows). "
        'The churn rule "inactive" reads this table. '
        "The old data are untouched; mend the mapping.",
    ),
    "missing column": (
        {"events.csv": EVENTS.replace("occurred_at", "happened")},
        1,
        "[tables.events] does not say what occurred_at is. "
        "events.csv has the columns event_id, user_id, happened, kind. "
        'Add to [tables.events.columns]: occurred_at = "…".',
    ),
    "unknown key in the mapping": (
        {"mapping.toml": MAPPING.replace("horizon_days", "horizon_day")},
        2,
        "{folder}/mapping.toml, line 5: churn.horizon_day is not known. "
        "Did you mean 'horizon_days'?",
    ),
}


@pytest.mark.parametrize("name", BAD_LOADS)
def test_a_load_that_fails_leaves_the_old_data(desk: Desk, name: str) -> None:
    before, names = desk.facts("check"), desk.names()
    files, status, sentence = BAD_LOADS[name]
    for file, text in files.items():
        desk.write(file, text)
    assert desk.refused("load") == (status, sentence.format(folder=desk.folder))
    assert desk.facts("check") == before
    assert desk.names() == names


def test_a_missing_mapping(desk: Desk) -> None:
    before = desk.facts("check")
    (desk.folder / "mapping.toml").unlink()
    advice = "Write one with `retention init DIR --pack NAME`, or give its path."
    for words in (["load"], ["load", str(desk.folder / "other.toml")]):
        path = desk.folder / (Path(words[-1]).name if len(words) > 1 else "mapping.toml")
        assert desk.refused(*words) == (2, f"{path} does not exist. {advice}")
    assert desk.facts("check") == before


def test_each_bad_row_is_put_aside_under_its_reason(desk: Desk) -> None:
    bad = {
        "duplicate_key": "e2,u2,2026-01-09,again",
        "orphan_user": "e3,u9,2026-01-05,lesson",
        "future_date": "e4,u1,2199-01-01,lesson",
        "bad_type": "e5,u1,yesterday,lesson",
    }
    desk.write("events.csv", EVENTS + "\n".join(bad.values()) + "\n")
    users, events = desk.facts("load")["tables"]
    assert (users["read"], users["kept"]) == (2, 2)
    assert (events["read"], events["kept"]) == (6, 2)
    assert events["quarantined"] == dict.fromkeys(bad, 1)
    report = desk.facts("check")
    assert report["quarantined"] == {"events": dict.fromkeys(bad, 1)}
    assert report["summary"]["rows"]["events"] == 2


@pytest.mark.slow
def test_a_database_in_use_is_retryable(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    # A short wait: what is tested is the word, not the patience.
    monkeypatch.setitem(lease.__wrapped__.__kwdefaults__, "wait_s", 0.1)  # type: ignore[attr-defined]
    before = desk.facts("check")
    for file, words in (
        ("behaviour.duckdb", ("check",)),
        ("behaviour.duckdb", ("load",)),
        ("ledger.duckdb", ("models",)),
        ("ledger.duckdb", ("plan", "--users", "u1")),
    ):
        with subprocess.Popen(
            [sys.executable, "-c", HOLD, str(desk.folder / file)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        ) as other:
            assert other.stdout is not None
            assert other.stdout.readline() == "held\n"
            assert desk.refused(*words) == (
                3,
                f"{file} is in use by process {other.pid}. "
                "Wait for it to finish, then run the same command again.",
            )
            other.kill()
        assert desk.call(*words)[0] == 0
    assert desk.facts("check")["summary"]["rows"] == before["summary"]["rows"]


def damage(path: Path, how: str) -> bytes:
    """Spoil the database `path`; returns what it holds now."""
    content = bytearray(path.read_bytes())
    if how == "other":
        content = bytearray(b"no database " * 1000)
    elif how == "cut":
        del content[20_000:]
    else:
        content[12288:] = bytes(byte ^ 0x5A for byte in content[12288:])
    path.write_bytes(content)
    return bytes(content)


@pytest.mark.parametrize("how", ["other", "cut", "flipped"])
def test_corrupt_behaviour_data_are_rebuilt_as_advised(desk: Desk, how: str) -> None:
    before = desk.facts("check")["summary"]["rows"]
    path = desk.folder / "behaviour.duckdb"
    damaged = damage(path, how)
    for words in (["check"], ["load"], ["templates", "preview", "care_check_in", "--user", "u1"]):
        status, sentence = desk.refused(*words)
        assert status == 1
        assert sentence.startswith(f"{path} cannot be opened as a database: ")
        assert sentence.endswith(
            " Behaviour data can be rebuilt: move the file away and run `retention load`."
        )
        assert "\n" not in sentence
    assert path.read_bytes() == damaged
    path.rename(desk.folder / "damaged")
    assert desk.call("load")[0] == 0
    assert desk.facts("check")["summary"]["rows"] == before


@pytest.mark.parametrize("how", ["other", "cut", "flipped"])
def test_a_corrupt_ledger_is_kept_and_nobody_is_told_to_move_it(desk: Desk, how: str) -> None:
    path = desk.folder / "ledger.duckdb"
    behaviour = (desk.folder / "behaviour.duckdb").read_bytes()
    damaged = damage(path, how)
    for words in (["models"], ["load"], ["plan", "--users", "u1"], ["export", "interventions"]):
        status, sentence = desk.refused(*words)
        assert status == 1
        assert sentence.startswith(f"{path} cannot be opened as a database: ")
        assert sentence.endswith(
            " Put a backup in its place and keep the damaged file: it cannot be rebuilt."
        )
        assert "\n" not in sentence
    assert path.read_bytes() == damaged
    assert (desk.folder / "behaviour.duckdb").read_bytes() == behaviour


UNKNOWN = {
    "user": (
        ["why", "nobody"],
        2,
        "There is no user 'nobody' in this workspace. "
        "Look the id up with `retention rank --filter NAME`.",
    ),
    "plan to approve": (
        ["approve", "p9"],
        2,
        "There is no plan 'p9'. `retention plan` makes one and prints its id.",
    ),
    "plan to send": (
        ["send", "p9"],
        2,
        "There is no plan 'p9'. `retention plan` makes one and prints its id.",
    ),
    "template": (
        ["templates", "preview", "care_checkin", "--user", "u1"],
        2,
        "There is no template 'care_checkin'. The nearest is 'care_check_in'. "
        "`retention templates list` shows them all.",
    ),
    "template of a plan": (
        ["plan", "--users", "u1", "--template", "care_checkin"],
        2,
        "There is no template 'care_checkin'. The nearest is 'care_check_in'. "
        "`retention templates list` shows them all.",
    ),
    "reader of a template": (
        ["templates", "preview", "care_check_in", "--user", "nobody"],
        2,
        "There is no user 'nobody' in the loaded data. "
        "`retention rank` lists the users with their ids.",
    ),
    "campaign": (["effect", "c9"], 2, "There is no campaign 'c9' in the log. Known: none yet."),
}


@pytest.mark.parametrize("name", UNKNOWN)
def test_an_unknown_name(desk: Desk, name: str) -> None:
    words, status, sentence = UNKNOWN[name]
    assert desk.refused(*words) == (status, sentence)
    assert log_rows(desk) == []


def test_an_unknown_model(desk: Desk) -> None:
    status, sentence = desk.refused("promote", "m9")
    assert status == 2
    assert sentence.startswith("There is no model m9 in this workspace. ")
    assert sentence.endswith(" `retention models` lists them.")


def log_rows(desk: Desk) -> list[dict[str, str]]:
    """The intervention log by its export, which has a header of its own when nothing is in it."""
    path = desk.folder / "log.csv"
    assert desk.call("export", "interventions", "--out", str(path))[0] == 0
    with path.open(encoding="utf-8-sig", newline="") as file:
        return list(csv.DictReader(file))


def test_a_template_with_an_unknown_variable_plans_nothing(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = desk.folder / "templates"
    shutil.copytree(engine.outreach.templates.templates_root(), root)
    for locale in ("zh", "en"):
        part = root / "care_check_in" / f"{locale}.txt"
        part.write_text(part.read_text("utf-8").replace("{{ name }}", "{{ nmae }}"), "utf-8")
    monkeypatch.setattr(engine.outreach.templates, "templates_root", lambda: root)
    sentence = (
        "Template care_check_in/{locale}.txt, line 2: unknown variable 'nmae'. "
        "Did you mean 'name'? Correct the name, or declare it in the template's meta.toml."
    )
    preview = ("templates", "preview", "care_check_in", "--user", "u1", "--locale")
    for locale in ("zh", "en"):
        assert desk.refused(*preview, locale) == (1, sentence.format(locale=locale))
    status, said = desk.refused("plan", "--users", "u1", "--template", "care_check_in")
    assert (status, said) in [(1, sentence.format(locale=locale)) for locale in ("zh", "en")]
    assert log_rows(desk) == []
    status, said = desk.refused("templates", "lint")
    assert status == 1
    for locale in ("zh", "en"):
        assert sentence.format(locale=locale) in said


posix = pytest.mark.skipif(os.name != "posix", reason="file size limits exist on POSIX only")


@pytest.mark.slow
@posix
def test_a_full_disk_during_a_load(desk: Desk) -> None:
    before, names = desk.facts("check"), desk.names()
    rows = "".join(  # digests do not compress: the file grows with the rows
        f"e{n},u1,2026-01-05,{hashlib.sha512(b'%d' % n).hexdigest()}\n" for n in range(20_000)
    )
    desk.write("events.csv", HEAD + rows)
    status, out, sentence = desk.limited(1_200_000, "load", "--accept")
    assert (status, out) == (1, "")
    assert "behaviour.duckdb could not be written: " in sentence
    assert sentence.endswith(
        "Free disk space and run the same command again; committed rows are safe."
    )
    assert "\n" not in sentence
    assert desk.facts("check") == before
    assert desk.names() == names
    assert desk.facts("load", "--accept")["tables"][1]["kept"] == 20_000


@pytest.mark.slow
@posix
@pytest.mark.parametrize("file_format", ["csv", "parquet", "jsonl"])
def test_a_full_disk_during_an_export(desk: Desk, file_format: str) -> None:
    path = desk.folder / f"templates-log.{file_format}"
    path.write_text("the old export")
    desk.facts("plan", "--users", "u1,u2")
    words = ("export", "interventions", "--format", file_format, "--out", str(path))
    names = desk.names()
    assert desk.limited(40, *words) == (
        1,
        "",
        f"{path} could not be written: File too large. "
        "Make room or choose another place, then export again.",
    )
    assert path.read_text() == "the old export"
    assert desk.names() == names
    assert desk.facts(*words)["rows"] == 2


@pytest.mark.slow
@posix
def test_a_full_disk_during_a_plan_plans_nothing(desk: Desk) -> None:
    status, out, sentence = desk.limited(1000, "plan", "--users", "u1,u2")
    assert (status, out) == (1, "")
    assert sentence.startswith("ledger.duckdb could not be written: ")
    assert sentence.endswith(
        "Free disk space and run the same command again; committed rows are safe."
    )
    assert log_rows(desk) == []
    assert desk.facts("plan", "--users", "u1,u2")["gates"][0]["remaining"] == 2


def test_an_export_to_a_folder(desk: Desk) -> None:
    assert desk.refused("export", "audit", "--out", str(desk.folder)) == (
        1,
        f"{desk.folder} could not be written: Is a directory. "
        "Make room or choose another place, then export again.",
    )
    assert not list(desk.folder.parent.glob(".*.part"))


@posix
def test_doctor_says_that_the_terminal_is_too_small(desk: Desk) -> None:
    import fcntl
    import pty
    import struct
    import termios

    main, side = pty.openpty()
    fcntl.ioctl(side, termios.TIOCSWINSZ, struct.pack("HHHH", 14, 50, 0, 0))
    environment = {k: v for k, v in os.environ.items() if k not in {"COLUMNS", "LINES"}}
    command = [sys.executable, "-m", "retention_tui.cli", "doctor", "--lang", "en"]
    done = subprocess.run(
        [*command, "--workspace", str(desk.folder)],
        stdout=side,
        stderr=subprocess.PIPE,
        env=environment | {"TERM": "xterm", "PYTHONUTF8": "1"},
        check=False,
    )
    os.close(side)
    shown = os.read(main, 100_000).decode("utf-8")
    os.close(main)
    line = next(line for line in shown.splitlines() if line.startswith("terminal"))
    assert line.split(maxsplit=4) == [
        "terminal", "look", "50×14", "xterm", "Enlarge the window to 80×24",
    ]  # fmt: skip
    assert done.returncode == 1
