"""Frozen dataclasses to JSON values and back, strictly: what is written is what is read.

Handled: None, bool, int, float, str, datetime, Path, enumerations, Literal, unions, tuples,
mappings with text keys, nested dataclasses, and `object` (any JSON value). Numbers that JSON does
not have are written as "NaN", "Infinity" and "-Infinity". An unknown or missing key, or a value of
another type, is a `DataError` that names the path.
"""

from __future__ import annotations

import dataclasses
import functools
import json
import math
import types
import typing
from collections.abc import Mapping
from datetime import datetime
from enum import Enum
from pathlib import Path
from typing import Any, TypeVar

from engine.errors import DataError

T = TypeVar("T")

_NON_FINITE = {"NaN": math.nan, "Infinity": math.inf, "-Infinity": -math.inf}


def to_json(value: object) -> Any:
    """`value` as JSON values: dict, list, str, int, float, bool, None.

    Raises `TypeError` for a type outside the list above: that is a fault of the program.
    """
    if value is None or isinstance(value, bool) or type(value) in (int, str):
        return value
    if isinstance(value, Enum):
        return to_json(value.value)
    if isinstance(value, float):
        return float(value) if math.isfinite(value) else _name_of(value)
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, Path):
        return str(value)
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {
            field.name: to_json(getattr(value, field.name)) for field in dataclasses.fields(value)
        }
    if isinstance(value, Mapping):
        return {_key(key): to_json(part) for key, part in value.items()}
    if isinstance(value, list | tuple):
        return [to_json(part) for part in value]
    raise TypeError(f"{type(value).__name__} has no JSON form here")


def from_json(expected: type[T], value: Any) -> T:
    """The `expected` dataclass (or other type) that `to_json` made `value` from.

    A field with a default may be absent, so that records of older versions stay readable. Raises
    `DataError` naming the path of what does not fit.
    """
    result: T = _read(expected, value, "$")
    return result


def _read(expected: Any, value: Any, path: str) -> Any:
    origin = typing.get_origin(expected)
    if expected in (Any, object):
        return value
    if origin is typing.Literal:
        return _check(value in typing.get_args(expected), expected, value, path)
    if origin in (typing.Union, types.UnionType):
        return _read_union(typing.get_args(expected), value, path)
    if origin is tuple:
        return _read_tuple(typing.get_args(expected), value, path)
    if origin is not None and issubclass(origin, Mapping):
        _check(isinstance(value, dict), expected, value, path)
        key_type, part_type = typing.get_args(expected)
        return {
            _read(key_type, key, path): _read(part_type, part, f"{path}.{key}")
            for key, part in value.items()
        }
    if dataclasses.is_dataclass(expected) and isinstance(expected, type):
        return _read_dataclass(expected, value, path)
    return _read_scalar(expected, value, path)


def _read_scalar(expected: Any, value: Any, path: str) -> Any:
    if expected in (None, type(None)):
        return _check(value is None, expected, value, path)
    if expected is float:
        if isinstance(value, str) and value in _NON_FINITE:
            return _NON_FINITE[value]
        _check(isinstance(value, int | float) and not isinstance(value, bool), float, value, path)
        return float(value)
    if expected in (bool, int, str):
        return _check(type(value) is expected, expected, value, path)
    if isinstance(expected, type) and issubclass(expected, datetime | Enum | Path):
        _check(isinstance(value, str | int), expected, value, path)
        try:
            if issubclass(expected, datetime):
                return expected.fromisoformat(value)
            return expected(value)
        except (ValueError, TypeError) as error:
            raise _misfit(expected, value, path) from error
    raise TypeError(f"{expected!r} has no JSON form here")


def _read_union(choices: tuple[Any, ...], value: Any, path: str) -> Any:
    for choice in choices:
        try:
            return _read(choice, value, path)
        except DataError:
            continue
    raise _misfit(" | ".join(_type_name(choice) for choice in choices), value, path)


def _read_tuple(parts: tuple[Any, ...], value: Any, path: str) -> tuple[Any, ...]:
    _check(isinstance(value, list), "tuple", value, path)
    if len(parts) == 2 and parts[1] is Ellipsis:
        return tuple(_read(parts[0], part, f"{path}[{i}]") for i, part in enumerate(value))
    _check(len(value) == len(parts), f"tuple of {len(parts)}", value, path)
    return tuple(
        _read(kind, part, f"{path}[{i}]")
        for i, (kind, part) in enumerate(zip(parts, value, strict=True))
    )


def _read_dataclass(expected: type, value: Any, path: str) -> Any:
    _check(isinstance(value, dict), expected, value, path)
    hints, required = _shape(expected)
    unknown = sorted(set(value) - set(hints))
    missing = sorted(required - set(value))
    if unknown or missing:
        problem = f"unknown: {', '.join(unknown)}" if unknown else f"missing: {', '.join(missing)}"
        raise DataError(
            "record_keys",
            f"The record at {path} is not a {expected.__name__}: {problem}",
            why="It was written by another version, or edited by hand",
            next_step="Upgrade retention-workbench, or restore the file from a backup",
        )
    return expected(
        **{name: _read(hints[name], part, f"{path}.{name}") for name, part in value.items()}
    )


@functools.cache
def _shape(expected: type) -> tuple[dict[str, Any], frozenset[str]]:
    """Field types by name, and the fields without a default."""
    fields = {field.name: field for field in dataclasses.fields(expected)}
    hints = typing.get_type_hints(expected)
    required = frozenset(
        name
        for name, field in fields.items()
        if field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING
    )
    return {name: hints[name] for name in fields}, required


def _check(fits: bool, expected: Any, value: Any, path: str) -> Any:
    if not fits:
        raise _misfit(expected, value, path)
    return value


def _misfit(expected: Any, value: Any, path: str) -> DataError:
    return DataError(
        "record_value",
        f"The record has {value!r:.60} at {path}",
        why=f"Expected {_type_name(expected)}",
        next_step="Upgrade retention-workbench, or restore the file from a backup",
    )


def _type_name(expected: Any) -> str:
    if isinstance(expected, str):
        return expected
    if typing.get_origin(expected) is None and isinstance(expected, type):
        return "null" if expected is type(None) else expected.__name__
    return str(expected).replace("typing.", "")


def _key(key: object) -> str:
    if isinstance(key, Enum):
        key = key.value
    if not isinstance(key, str):
        raise TypeError(f"the key {key!r} is not text")
    return key


def _name_of(value: float) -> str:
    if math.isnan(value):
        return "NaN"
    return "Infinity" if value > 0 else "-Infinity"


def to_text(value: object) -> str:
    """`value` as compact JSON text, Chinese kept readable."""
    return json.dumps(to_json(value), ensure_ascii=False, separators=(",", ":"))


def from_text(expected: type[T], text: str) -> T:
    """The `expected` value that `to_text` wrote."""
    return from_json(expected, json.loads(text))
