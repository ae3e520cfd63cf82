"""What the database servers have in common: the connection string, the driver, the errors."""

from __future__ import annotations

import importlib
import os
from types import ModuleType

from engine.data.sources.source import Source
from engine.errors import DatabaseBusy, DataError, UsageError

CONNECT_TIMEOUT_S = 10


def connection_string(source: Source, variable: str) -> str:
    """The value of the environment variable that the mapping names: secrets stay out of files."""
    value = os.environ.get(variable, "") if variable else ""
    if not value:
        raise UsageError(
            "missing_variable",
            f"{source.name}: the environment variable {variable or '(no name)'} is not set",
            why="It holds the connection string, so that no password lies in a file",
            next_step=f"Set it, for instance {variable or 'SHOP_DB'}="
            "'postgresql://reader@host/shop' or 'mysql://reader@host/shop'",
        )
    return value


def driver(source: Source, module: str, extra: str) -> ModuleType:
    """The driver's module.

    Raises `UsageError` that names the extra to install when it is not there.
    """
    try:
        return importlib.import_module(module)
    except ImportError as error:
        raise UsageError(
            "missing_driver",
            f"{source.name} needs the driver {module}, which is not installed",
            next_step=f"pip install 'retention-workbench[{extra}]'",
        ) from error


def away(source: Source, detail: str) -> DatabaseBusy:
    """The server does not answer, or has gone in the middle: the same call can succeed later."""
    return DatabaseBusy(
        "server_away",
        f"the server of {source.name} cannot be reached: {detail}",
        next_step="See that it runs and the address is right, then run the same command again",
    )


def refused(source: Source, detail: str) -> DataError:
    """The server answers and says no."""
    return DataError(
        "no_permission",
        f"the server refuses {source.title}: {detail}",
        next_step="Let a user with the right to read the table be in the connection string",
    )


def failed(source: Source, detail: str) -> DataError:
    """Any other word of the server."""
    return DataError(
        "unreadable_source",
        f"{source.title} cannot be read: {detail}",
        next_step="Ask who keeps the database, or export the table to a file",
    )


def bad_string(source: Source) -> UsageError:
    """The connection string is none; its content is not shown."""
    variable = source.name.partition(":")[2]
    kind = "mysql" if source.name.startswith("mysql:") else "postgresql"
    return UsageError(
        "bad_connection_string",
        f"what the environment variable {variable} holds is no connection string",
        next_step=f"Write it as {kind}://user:password@host:port/database",
    )
