"""The words of the platform: titles, names and messages, kept as data in `words/*.toml`."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from typing import Any


@cache
def words(name: str) -> Mapping[str, Any]:
    """The word list `name`: messages, names or titles."""
    text = files("sample_db").joinpath("words", f"{name}.toml").read_text(encoding="utf-8")
    return tomllib.loads(text)


def topics() -> list[tuple[str, str]]:
    """The topics, each in (Chinese, English)."""
    return [(topic["zh"], topic["en"]) for topic in words("titles")["topics"]]
