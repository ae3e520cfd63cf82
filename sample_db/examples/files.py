"""Columns to files: CSV, Parquet or a table of a DuckDB file, with rows in their given order."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import duckdb
import pandas as pd


def csv(path: Path, columns: Mapping[str, Any]) -> None:
    """Write `columns` as UTF-8 text with a header line."""
    pd.DataFrame(dict(columns)).to_csv(path, index=False, encoding="utf-8")


def csv_by_month(folder: Path, stem: str, columns: Mapping[str, Any], time: str) -> None:
    """Write one CSV for each month of the column `time`: stem_2026-01.csv …"""
    frame = pd.DataFrame(dict(columns))
    for month, rows in frame.groupby(frame[time].astype("datetime64[s]").dt.strftime("%Y-%m")):
        rows.to_csv(folder / f"{stem}_{month}.csv", index=False, encoding="utf-8")


def parquet_by_month(folder: Path, stem: str, columns: Mapping[str, Any], time: str) -> None:
    """Write one Parquet file for each month of the column `time`."""
    frame = pd.DataFrame(dict(columns))
    for month, rows in frame.groupby(frame[time].astype("datetime64[s]").dt.strftime("%Y-%m")):
        with duckdb.connect() as connection:
            connection.register("rows", rows)
            name = str(folder / f"{stem}_{month}.parquet").replace("'", "''")
            connection.execute(f"COPY rows TO '{name}' (FORMAT parquet, COMPRESSION zstd)")


def table(path: Path, name: str, columns: Mapping[str, Any]) -> None:
    """Write `columns` as the table `name` of a new DuckDB file."""
    path.unlink(missing_ok=True)
    with duckdb.connect(str(path)) as connection:
        connection.register("rows", pd.DataFrame(dict(columns)))
        connection.execute(f'CREATE TABLE "{name}" AS SELECT * FROM rows')
