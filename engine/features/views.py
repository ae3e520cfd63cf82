"""The views: what was known before the cutoff, as SQL files that specs aggregate per user."""

from __future__ import annotations

import functools
import re
from collections.abc import Iterable, Mapping
from importlib import resources

from engine.features.dialect import SPELLINGS
from engine.features.spec import KINDS, one_of

ONE_ROW_PER_USER = frozenset({"newest_term", "known_users", "favourite_topic", "calendar"})
"""Views whose rows are users already: their specs are plain expressions."""

PASSES = frozenset({"known_events"})
"""Views that let the rows of a big table pass: reading it again is cheaper than a copy of them."""

_WORD = re.compile(r"[a-z_][a-z_0-9]*")


@functools.cache
def views() -> Mapping[str, str]:
    """Name to SELECT text, placeholders filled, comments left out."""
    folder = resources.files("engine.features") / "views"
    named = dict.fromkeys(kind for kinds in KINDS.values() for kind in kinds)
    spellings = {
        **SPELLINGS,
        **{name: one_of("kind", kinds) for name, kinds in KINDS.items()},
        "kinds": ", ".join(f"({kind!r})" for kind in named),
    }
    return {
        entry.name.removesuffix(".sql"): without_comments(entry.read_text("utf-8")).format_map(
            spellings
        )
        for entry in sorted(folder.iterdir(), key=lambda entry: entry.name)
        if entry.name.endswith(".sql")
    }


def with_needed(names: Iterable[str], population: str) -> dict[str, str]:
    """The views `names` and all that they read, in an order in which each reads earlier ones."""
    texts = {**views(), "population": population}
    ordered: dict[str, str] = {}

    def visit(name: str) -> None:
        if name not in ordered:
            for read in sorted(reads(texts[name]) & texts.keys()):
                visit(read)
            ordered[name] = texts[name]

    visit("population")
    for name in sorted(names):
        visit(name)
    return ordered


def reads(sql: str) -> set[str]:
    """Every identifier in `sql`: views and features are found among them by name."""
    return set(_WORD.findall(sql))


def without_comments(text: str) -> str:
    """SQL without its comment lines, so that words in them are not taken for names."""
    lines = (line for line in text.splitlines() if not line.lstrip().startswith("--"))
    return "\n".join(lines).strip()
