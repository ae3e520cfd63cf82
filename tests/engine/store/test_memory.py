from __future__ import annotations

import duckdb
import pytest

from engine.store.memory import limit_memory


def test_a_limit_is_the_database_s_and_none_leaves_its_own() -> None:
    connection = duckdb.connect()
    [(own,)] = connection.execute("SELECT current_setting('memory_limit')").fetchall()
    limit_memory(connection, 0)
    assert connection.execute("SELECT current_setting('memory_limit')").fetchall() == [(own,)]
    limit_memory(connection, 0.256)
    [(limited,)] = connection.execute("SELECT current_setting('memory_limit')").fetchall()
    assert limited == "244.1 MiB"


def test_what_does_not_fit_is_refused_by_the_database_not_by_the_machine() -> None:
    connection = duckdb.connect()
    limit_memory(connection, 0.05)
    connection.execute("SET temp_directory = ''")
    with pytest.raises(duckdb.OutOfMemoryException):
        connection.execute(
            "CREATE TABLE wide AS SELECT range, md5(range::VARCHAR) FROM range(9000000)"
        )
