"""Addresses of storage: without DuckDB's extension there is a sentence, and no download."""

from __future__ import annotations

from pathlib import Path

import duckdb
import pytest

from engine.data.sources import Source, copy_source
from engine.errors import DataError, UsageError
from engine.store.lease import lease


def read(folder: Path, name: str) -> None:
    with lease(folder / "scratch.duckdb", write=True, transaction=False) as connection:
        copy_source(connection, Source(folder, name), "here")


@pytest.mark.parametrize("name", ["s3://bucket/log/*.parquet", "https://example.org/a.csv?key=1"])
def test_a_missing_extension_is_one_sentence(tmp_path: Path, name: str) -> None:
    with duckdb.connect() as connection:
        installed = connection.execute(
            "SELECT 1 FROM duckdb_extensions() WHERE extension_name = 'httpfs' AND installed"
        ).fetchone()
    if installed:
        pytest.skip("DuckDB's extension httpfs is installed here")
    with pytest.raises(DataError, match=r"needs DuckDB's extension httpfs, which is not .* copy"):
        read(tmp_path, name)


def test_an_address_of_no_kind_that_is_read(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"must end in \.parquet, \.csv or \.tsv"):
        read(tmp_path, "https://example.org/users.html")
