"""Whatever lies where a source should be: one sentence or an account of every row, never harm.

`RETENTION_FUZZ_EXAMPLES=5000` looks longer, at other examples each time.
"""

from __future__ import annotations

import gzip
import io
import os
import shutil
import sqlite3
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import duckdb
import openpyxl
import pytest
import zstandard
from hypothesis import HealthCheck, event, given, settings
from hypothesis import strategies as st

from engine.data.checks import REASONS
from engine.data.load import load
from engine.errors import RetentionError
from engine.store.lease import lease
from tests.engine.data.conftest import EVENTS, NOW, USERS, Client

ASKED = os.environ.get("RETENTION_FUZZ_EXAMPLES")
fuzz = settings(
    max_examples=int(ASKED or 8),
    derandomize=ASKED is None,
    database=None,
    deadline=None,
    suppress_health_check=list(HealthCheck),
)

COLUMNS = {
    "users": ["user_id", "signed_up_at", "name", "email", "timezone", "marketing_consent"],
    "events": ["event_id", "user_id", "occurred_at", "known_at", "kind", "duration_s", "value"],
    "payments": ["payment_id", "user_id", "occurred_at", "amount", "currency", "status"],
}
GOOD = {
    "users": ["u1", "2026-01-01", "Ann", "ann@example.com", "UTC", "true"],
    "events": ["e1", "u1", "2026-01-05 08:00", "", "lesson", "60", "1"],
    "payments": ["p1", "u1", "2026-01-05", "9.5", "CNY", "succeeded"],
}
ODD_NAMES = [
    'a"b', "it's", "x;DROP TABLE users;--", "名 字", "line\nbreak", "", " ", "SELECT", "rowid",
    "source_row", "bad_columns", "reason", "c" * 300, "🎉", "a,b", "*", "$now", "\u202eabc", "\0",
]  # fmt: skip
ODD_VALUES = [
    "", " ", "NULL", "null", "-1", "-0.01", "1e308", "1e999", "nan", "inf", "-inf", "0x10", "1,5",
    "2026-01-05", "2026-13-45", "0000-00-00", "9999-12-31", "99999-01-01", "290000-01-01", "-1 BC",
    "1969-12-31", "2026-01-05T08:00:00Z", "2026-01-05 08:00+99:99", "infinity", "-infinity",
    "05/01/2026", "1767600000", "u1", "u2", "true", "maybe", "succeeded", "'; DROP TABLE users;--",
    "李雷", "🎉🎉", "a\nb", 'say "x"', "\ufeff", "\u3000", "\x1b[31m", "x" * 70_000, "\r", "\\N",
]  # fmt: skip
ENCODINGS = ["utf-8", "utf-8-sig", "gb18030", "utf-16", "utf-16-be", "latin-1", "big5"]
SUFFIXES = [
    ".csv", ".tsv", ".csv.gz", ".csv.zst", ".parquet", ".xlsx", ".jsonl", ".ndjson.gz", ".sqlite",
    ".db", ".duckdb", ".txt",
]  # fmt: skip

values = st.one_of(
    st.sampled_from(ODD_VALUES),
    st.text(max_size=8),
    st.integers(-3, 40).map(lambda i: f"u{i}"),
    st.integers(1, 28).map(lambda day: f"2026-01-{day:02d} 08:00:00"),
    st.floats().map(str),
)


@dataclass(frozen=True)
class Case:
    """A file that takes the place of a source."""

    table: str
    content: bytes
    suffix: str
    folder: bool = False  # the name is a folder's

    @property
    def name(self) -> str:
        return f"odd{self.suffix}"


def _cell(text: str, separator: str, quoted: bool) -> str:
    if quoted or any(letter in text for letter in (separator, '"', "\n", "\r")):
        return '"' + text.replace('"', '""') + '"'
    return text


@st.composite
def texts(draw: st.DrawFn) -> Case:
    """A text with the right header or a wrong one, and rows of odd values, some of them ragged."""
    table = draw(st.sampled_from(list(COLUMNS)))
    names = list(COLUMNS[table])
    for _ in range(draw(st.sampled_from([0, 0, 1, 2]))):
        odd = draw(st.sampled_from([*ODD_NAMES, *names, "USER_ID"]))
        position = draw(st.integers(0, len(names) - 1))
        names[position : position + draw(st.integers(0, 1))] = [odd]
    separator = draw(st.sampled_from([",", ",", ",", ";", "\t", "|"]))
    end = draw(st.sampled_from(["\n", "\n", "\r\n", "\r"]))
    rows = [names] if draw(st.integers(0, 9)) else []
    if draw(st.booleans()):
        rows.append(GOOD[table])
    for _ in range(draw(st.integers(0, 6))):
        width = max(0, len(names) + draw(st.sampled_from([0, 0, 0, 0, -1, 1, 5])))
        rows.append(draw(st.lists(values, min_size=width, max_size=width)))
    quoted = draw(st.booleans())
    text = end.join(separator.join(_cell(v, separator, quoted) for v in row) for row in rows)
    text += draw(st.sampled_from([end, "", end * 3, f'{end}"open', f"{end}\0", f'{end}"a"b']))
    content = text.encode(draw(st.sampled_from(ENCODINGS)), "replace")
    return _packed(draw, Case(table, content, draw(st.sampled_from([".csv", ".csv", ".tsv"]))))


def _packed(draw: st.DrawFn, case: Case) -> Case:
    packing = draw(st.sampled_from(["", "", ".gz", ".zst"]))
    pack: dict[str, Callable[[bytes], bytes]] = {
        "": bytes,
        ".gz": gzip.compress,
        ".zst": zstandard.compress,
    }
    return replace(case, content=pack[packing](case.content), suffix=case.suffix + packing)


@st.composite
def damaged(draw: st.DrawFn, whole: dict[str, bytes]) -> Case:
    """A file of a right kind, cut off, with a byte changed, under another kind's name, or none."""
    table = draw(st.sampled_from(["users", "events"]))
    kind = draw(st.sampled_from(sorted(whole)))
    content = whole[kind]
    match draw(st.sampled_from(["cut", "cut", "changed", "renamed", "empty", "noise", "folder"])):
        case "cut":
            return Case(table, content[: draw(st.integers(0, len(content)))], kind)
        case "changed":
            place = draw(st.integers(0, len(content) - 1))
            byte = bytes([draw(st.integers(0, 255))])
            return Case(table, content[:place] + byte + content[place + 1 :], kind)
        case "renamed":
            return Case(table, content, draw(st.sampled_from(SUFFIXES)))
        case "noise":
            return Case(table, draw(st.binary(max_size=200)), kind)
        case "folder":
            return Case(table, b"", kind, folder=True)
    return Case(table, b"", kind)


def whole_files() -> dict[str, bytes]:
    """Users in every kind of file: suffix -> content."""
    import tempfile

    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "users.csv").write_text(USERS, "utf-8")
        with duckdb.connect() as connection:
            connection.execute(f"CREATE TABLE users AS FROM read_csv('{folder}/users.csv')")
            connection.execute(f"COPY users TO '{folder}/a.parquet' (FORMAT parquet)")
            connection.execute(f"COPY users TO '{folder}/a.jsonl' (FORMAT json)")
            connection.execute(f"ATTACH '{folder}/a.duckdb' AS theirs")
            connection.execute("CREATE TABLE theirs.odd AS FROM users")
            rows = connection.execute("SELECT COLUMNS(*)::VARCHAR FROM users").fetchall()
        book = openpyxl.Workbook()
        for row in (USERS.splitlines()[0].split(","), *rows):
            book.worksheets[0].append(list(row))
        book.worksheets[0].title = "odd"
        book.save(folder / "a.xlsx")
        database = sqlite3.connect(folder / "a.sqlite")
        database.execute("CREATE TABLE odd (user_id, signed_up_at, name, email)")
        database.executemany("INSERT INTO odd VALUES (?, ?, ?, ?)", rows)
        database.commit()
        database.close()
        found = {path.suffix: path.read_bytes() for path in folder.glob("a.*")}
    text = USERS.encode()
    return found | {
        ".csv": text,
        ".csv.gz": gzip.compress(text),
        ".csv.zst": zstandard.compress(text),
    }


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Client:
    """Loaded once; every example tries to spoil it."""
    client = Client(tmp_path_factory.mktemp("fuzz"))
    client.write("users.csv", USERS)
    client.write("events.csv", EVENTS)
    client.map()
    client.load()
    return client


def contents(client: Client) -> dict[str, Any]:
    """Every table of the database: how many rows, and a digest of them."""
    with lease(client.database) as connection:
        names = connection.execute(
            "SELECT table_name FROM information_schema.tables ORDER BY 1"
        ).fetchall()
        return {
            name: connection.execute(
                f"SELECT count(*), CAST(sum(CAST(hash(t) AS HUGEINT)) AS VARCHAR) FROM {name} t"
            ).fetchone()
            for (name,) in names
        }


def attempt(client: Client, case: Case) -> str:
    """Load with the case in its place; what became of it."""
    place = client.folder / case.name
    if case.folder:
        place.mkdir()
    else:
        place.write_bytes(case.content)
    sources = {"users": "users.csv", "events": "events.csv", case.table: case.name}
    databases = (".db", ".duckdb", ".sqlite")
    client.map(
        "".join(
            f'[tables.{table}]\nsource = "{name}"\n'
            + ('table = "odd"\n' if name.endswith(databases) else "")
            for table, name in sources.items()
        )
    )
    before = contents(client)
    failure: RetentionError | None = None
    try:
        report = load(client.mapping, client.database, now=NOW)
    except RetentionError as error:
        failure = error
    finally:
        shutil.rmtree(place) if case.folder else place.unlink()
    after = contents(client)
    assert [path.name for path in client.folder.glob(".scratch-*")] == []
    if failure is not None:
        assert "\n" not in failure.sentence
        assert after == before
        return failure.code
    for table in report.tables:
        refused = sum(n for code, n in table.quarantined.items() if REASONS[code].refused)
        assert table.read == table.kept + refused
        assert after[table.table][0] == table.kept
    assert after["quarantine"][0] == sum(
        count for table in report.tables for count in table.quarantined.values()
    )
    return "loaded"


@fuzz
@pytest.mark.slow
@given(case=texts())
def test_odd_texts(shop: Client, case: Case) -> None:
    event(attempt(shop, case))


WHOLE = whole_files()


@fuzz
@pytest.mark.slow
@given(case=damaged(WHOLE))
def test_damaged_files(shop: Client, case: Case) -> None:
    event(attempt(shop, case))


@pytest.mark.parametrize("suffix", sorted(WHOLE))
def test_the_undamaged_files_do_load(shop: Client, suffix: str) -> None:
    assert attempt(shop, Case("users", WHOLE[suffix], suffix)) == "loaded"


def test_a_megabyte_in_one_value_and_a_header_alone(shop: Client) -> None:
    giant = USERS + f'u3,2026-01-03,"{"名" * 400_000}",x\n'
    assert attempt(shop, Case("users", giant.encode(), ".csv")) == "loaded"
    assert shop.rows("SELECT name FROM users WHERE user_id = 'u3'") == [(None,)]
    out = io.StringIO()
    out.write("user_id\n")
    assert attempt(shop, Case("users", out.getvalue().encode(), ".csv")) == "no_rows"
    assert attempt(shop, Case("users", b"", ".csv")) == "empty_source"
