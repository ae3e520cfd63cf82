"""Objects of the calling Python program: pandas, polars, and whatever hands out Arrow streams."""

from __future__ import annotations

from collections.abc import Mapping

import duckdb

from engine.data.sources.source import Source
from engine.errors import UsageError
from engine.settings import nearest
from engine.store.lease import disk_refused, first_line

PREFIX = "frame:"
_VIEW = "source_frame"


class _Stream:
    """Shows DuckDB the Arrow interface alone: it would look for pyarrow in a frame it knows."""

    def __init__(self, frame: object) -> None:
        self._frame = frame

    def __arrow_c_stream__(self, requested_schema: object = None) -> object:
        return self._frame.__arrow_c_stream__(requested_schema)  # type: ignore[attr-defined]


def copy_frame(
    connection: duckdb.DuckDBPyConnection,
    source: Source,
    frames: Mapping[str, object],
    into: str,
) -> None:
    """Copy the frame that the source names into the new table `into`.

    Raises `UsageError` when it is not among `frames` or is nothing that can be read.
    """
    name = source.name.removeprefix(PREFIX)
    if name not in frames:
        near = nearest(name, frames)
        raise UsageError(
            "missing_frame",
            f"{source.name}: no frame of that name was given",
            why="Frames come from Python: Workspace.data.load(frames={name: frame})",
            next_step=f"Did you mean {near!r}?" if near else "Give it, or name a file",
        )
    frame = frames[name]
    kind = type(frame).__module__.partition(".")[0]
    if kind == "polars" and hasattr(frame, "collect"):
        frame = frame.collect()
    if kind != "pandas":
        if not hasattr(frame, "__arrow_c_stream__"):
            raise UsageError(
                "unknown_frame",
                f"{source.name} is a {type(frame).__name__}, which is no frame",
                next_step="Give a pandas or polars frame, or an object with __arrow_c_stream__",
            )
        frame = _Stream(frame)
    try:
        connection.register(_VIEW, frame)
        try:
            connection.execute(f"CREATE TABLE {into} AS SELECT * FROM {_VIEW}")
        finally:
            connection.unregister(_VIEW)
    except duckdb.Error as error:
        if disk_refused(error):
            raise
        raise UsageError(
            "unknown_frame",
            f"{source.name} cannot be read: {first_line(error)}",
            next_step="Give each column one type that Arrow knows",
        ) from error
