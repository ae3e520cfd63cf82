"""Which template answers which reason: the rule table `templates/match.toml`, read and applied."""

from __future__ import annotations

import tomllib
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from engine.errors import TemplateError
from engine.outreach.templates import TemplateLibrary


@dataclass(frozen=True, slots=True)
class MatchTable:
    """Reason group -> template ids, best first."""

    by_reason: Mapping[str, tuple[str, ...]]
    otherwise: tuple[str, ...]

    def candidates(self, reason_groups: Sequence[str]) -> tuple[str, ...]:
        """Template ids for `reason_groups` (most important first), without repetition."""
        ordered: dict[str, None] = {}
        for group in reason_groups:
            ordered.update(dict.fromkeys(self.by_reason.get(group, ())))
        ordered.update(dict.fromkeys(self.otherwise))
        return tuple(ordered)


def read_table(library: TemplateLibrary) -> MatchTable:
    """The table beside the templates; raises `TemplateError` when it names a missing template."""
    path: Path = library.root / "match.toml"
    try:
        content = tomllib.loads(path.read_text("utf-8"))
        by_reason = {str(key): tuple(map(str, ids)) for key, ids in content["reasons"].items()}
        table = MatchTable(by_reason, tuple(map(str, content["otherwise"]["templates"])))
    except (OSError, tomllib.TOMLDecodeError, KeyError, TypeError, AttributeError) as error:
        raise TemplateError(
            "match_table",
            f"{path.name} cannot be read: {error}",
            why="It needs [reasons] with lists of template ids, and [otherwise] with templates",
            next_step="Mend that file",
        ) from error
    for template_id in {*table.otherwise, *(t for ids in by_reason.values() for t in ids)}:
        library.get(template_id)
    return table


def suggest(
    library: TemplateLibrary, reason_groups: Sequence[str], known: Collection[str]
) -> tuple[str, ...]:
    """Templates that answer `reason_groups` and would be true of the user, best first.

    `known` are the names of the variables that are at hand for the user (see
    `context.variables`); without an offer among them no offer is suggested.
    """
    return tuple(
        template_id
        for template_id in read_table(library).candidates(reason_groups)
        if set(library.get(template_id).meta.requires) <= set(known)
    )
