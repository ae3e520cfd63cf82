"""A proposed mapping loads what it was guessed from."""

from __future__ import annotations

import sqlite3
import tomllib
from collections.abc import Callable
from contextlib import closing
from datetime import datetime
from pathlib import Path

import openpyxl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.data.load import load
from engine.data.mapping import read_mapping
from engine.data.propose import propose
from engine.data.propose.describe import globs
from engine.data.propose.guess import alike
from engine.errors import DataError
from retention_tui.cli import run
from sample_db.examples import PACKS, write_example

NOW = datetime(2026, 11, 24, 8)
DATA = Path(__file__).parents[4] / "shared" / "data"


def _proposed(folder: Path) -> Path:
    path = folder / "mapping.toml"
    path.write_text(propose(folder).text, "utf-8")
    return path


TABLES = {
    "ecommerce": {"users": "customer_id", "events": "ts", "payments": "paid"},
    "education": {"users": "learner_id", "events": "started_at", "payments": "amount"},
    "finance": {"users": "client_id", "events": "executed_at", "payments": "fee"},
    "paid-content": {"users": "user_id", "subscriptions": "start_time", "messages": "text"},
    "telecom": {"users": "msisdn_hash", "subscriptions": "start_date", "events": "day"},
}


@pytest.mark.slow
@pytest.mark.parametrize("pack", PACKS)
def test_the_proposal_for_an_example_loads_all_of_it(tmp_path: Path, pack: str) -> None:
    write_example(pack, tmp_path, users=150)
    proposal = propose(tmp_path)
    found = {table.table: " ".join(table.columns) for table in proposal.tables}
    for table, column in TABLES[pack].items():
        assert column in found[table]
    mapping = _proposed(tmp_path)
    report = load(mapping, tmp_path / "behaviour.duckdb", now=NOW)
    for table in report.tables:
        assert table.kept >= table.read - 3  # the planted dirt
        assert set(table.quarantined) <= {"unknown_status"}
    assert {table.table for table in report.tables} >= set(TABLES[pack])


@pytest.mark.parametrize("pack", PACKS)
def test_a_guessed_rule_is_one_that_the_tables_can_bear(tmp_path: Path, pack: str) -> None:
    write_example(pack, tmp_path, users=60)
    mapping = read_mapping(_proposed(tmp_path))
    wanted = {"ecommerce": "no_payment"}
    assert mapping.rule.kind == wanted.get(pack, "inactive")


def test_a_label_without_a_time_axis_is_recognised(tmp_path: Path) -> None:
    rows = "\n".join(
        f"{n},{'Male' if n % 2 else 'Female'},{n % 70},{['a', 'b'][n % 2]},{['Yes', 'No'][n % 2]}"
        for n in range(50)
    )
    (tmp_path / "t.csv").write_text(f"customerID,gender,tenure,Contract,Churn\n{rows}\n", "utf-8")
    mapping = read_mapping(_proposed(tmp_path))
    assert mapping.rule.kind == "label"
    content = tomllib.loads((tmp_path / "mapping.toml").read_text("utf-8"))
    assert content["tables"]["users"]["attributes"] == ["tenure", "Contract"]
    assert "user_sensitive" in content["tables"]
    label = content["tables"]["outcomes"]["columns"]["label"]
    assert "'Yes' THEN 1" in label


@pytest.mark.data
@pytest.mark.parametrize(("name", "rows"), [("telco_ibm", 7043), ("iranian_churn", 3150)])
def test_public_tables_load_by_their_proposal(tmp_path: Path, name: str, rows: int) -> None:
    if not (DATA / name).exists():
        pytest.skip(f"the public data set {name} is not on this machine")
    for path in (DATA / name).glob("*.csv.gz"):
        (tmp_path / path.name).write_bytes(path.read_bytes())
    report = load(_proposed(tmp_path), tmp_path / "behaviour.duckdb", now=NOW)
    kept = {table.table: table.kept for table in report.tables}
    assert kept["users"] == kept["outcomes"] == rows


def test_users_are_derived_where_no_file_has_them(tmp_path: Path) -> None:
    rows = "\n".join(f"{n},u{n % 7},2026-01-{n % 28 + 1:02d},{n - 3}" for n in range(40))
    (tmp_path / "orders.csv").write_text(f"order_id,uid,order_date,total\n{rows}\n", "utf-8")
    report = load(_proposed(tmp_path), tmp_path / "behaviour.duckdb", now=NOW)
    assert {t.table: t.kept for t in report.tables} == {"users": 7, "payments": 40}


@pytest.mark.parametrize(
    ("written", "shown"),
    [
        ("1767225600", "to_timestamp"),
        ("1767225600000", "epoch_ms"),
        ("20260131", "%Y%m%d"),
        ("31/01/2026", "%d/%m/%Y"),
        ("01/31/2026 08:30", "%m/%d/%Y %H:%M"),
    ],
)
def test_times_in_other_spellings_get_an_expression(
    tmp_path: Path, written: str, shown: str
) -> None:
    (tmp_path / "orders.csv").write_text(
        f"order_id,uid,order_date,total\n1,a,{written},5\n2,b,{written},6\n", "utf-8"
    )
    mapping = _proposed(tmp_path)
    assert shown in mapping.read_text("utf-8")
    report = load(mapping, tmp_path / "behaviour.duckdb", now=NOW)
    assert {t.table: t.kept for t in report.tables} == {"users": 2, "payments": 2}


def test_nothing_to_read_and_nothing_recognised_say_so(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no file that could be a source"):
        propose(tmp_path)
    (tmp_path / "weather.csv").write_text("station,rain\nA,3\n", "utf-8")
    with pytest.raises(DataError, match="looks like a table"):
        propose(tmp_path)


def test_a_file_that_is_no_database_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "crm.duckdb").write_bytes(b"not a database" * 500)
    with pytest.raises(DataError, match=r"crm\.duckdb"):
        propose(tmp_path)


def test_the_command_prints_a_mapping_and_writes_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_example("ecommerce", tmp_path, users=40)
    before = sorted(path.name for path in tmp_path.iterdir())
    assert run(["load", "--propose", "--data-dir", str(tmp_path), "--lang", "en"]) == 0
    shown = capsys.readouterr()
    assert tomllib.loads(shown.out)["churn"]["rule"] == "no_payment"
    assert "check each line" in shown.err
    assert sorted(path.name for path in tmp_path.iterdir()) == before


def test_numbered_files_are_one_source() -> None:
    names = ["a_2026-01.csv", "a_2026-02.csv", "b1.csv", "c.parquet"]
    assert globs(names) == ("a_*.csv", "b1.csv", "c.parquet")


def test_a_whole_name_says_more_than_a_part() -> None:
    words = "order_time time"
    assert alike("order_time", words) > alike("OrderTime2 time", words) > alike("colour", words)
    assert alike("InvoiceDate", "invoicedate") == 1.0


NAMES = st.text(min_size=1, max_size=12).filter(lambda t: t.strip() and "\x00" not in t)


@pytest.mark.slow
@settings(max_examples=25, deadline=None)
@given(others=st.lists(NAMES, max_size=3, unique=True), business=NAMES)
def test_no_name_of_a_column_can_break_the_file(
    tmp_path_factory: pytest.TempPathFactory, others: list[str], business: str
) -> None:
    import csv

    folder = tmp_path_factory.mktemp("named")
    header = ["user_id", "paid_at", "amount", *others]
    if len({name.strip().lower() for name in header}) < len(header):
        return
    with (folder / "orders.csv").open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(header)
        writer.writerow(["u1", "2026-01-02", "5", *others])
    try:
        text = propose(folder).text
    except DataError:
        return  # a header that the loader refuses too
    assert "payments" in tomllib.loads(text)["tables"]


PEOPLE = [("user_id", "signup_time"), *((f"u{n}", datetime(2026, 1, 1 + n)) for n in range(20))]
VISITS = [
    ("user_id", "event_time", "event_type"),
    *((f"u{n % 20}", datetime(2026, 3, 1 + n % 28, n % 24), "view") for n in range(400)),
]


def _workbook(path: Path) -> None:
    book = openpyxl.Workbook()
    book.active.title = "notes"  # empty: stands for no table
    for name, rows in (("users", PEOPLE), ("events", VISITS)):
        sheet = book.create_sheet(name)
        for row in rows:
            sheet.append(row)
    book.save(path)


def _sqlite(path: Path) -> None:
    with closing(sqlite3.connect(path)) as database, database:
        for name, rows in (("users", PEOPLE), ("events", VISITS)):
            database.execute(f"CREATE TABLE {name} ({', '.join(rows[0])})")
            marks = ", ".join("?" * len(rows[0]))
            database.executemany(
                f"INSERT INTO {name} VALUES ({marks})",
                [tuple(map(str, row)) for row in rows[1:]],
            )


@pytest.mark.parametrize(
    ("name", "write"), [("crm.xlsx", _workbook), ("app.sqlite", _sqlite), ("app.db", _sqlite)]
)
def test_sheets_and_tables_of_a_file_are_proposed_one_by_one(
    tmp_path: Path, name: str, write: Callable[[Path], None]
) -> None:
    write(tmp_path / name)
    proposal = propose(tmp_path)
    assert {(table.table, table.source, table.rows) for table in proposal.tables} == {
        ("users", name, 20),
        ("events", name, 400),
    }
    report = load(_proposed(tmp_path), tmp_path / "behaviour.duckdb", now=NOW)
    assert {(table.table, table.kept) for table in report.tables} == {
        ("users", 20),
        ("events", 400),
    }


@pytest.mark.parametrize("name", ["broken.xlsx", "broken.sqlite", "broken.db"])
def test_a_damaged_file_is_refused_by_its_name(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_bytes(b"no table at all" * 100)
    with pytest.raises(DataError, match="broken"):
        propose(tmp_path)
