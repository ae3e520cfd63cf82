"""Feature specs to one SELECT for one cutoff.

Every number is exact before it is divided: times are whole seconds, durations milliseconds, money
ten-thousandths, all summed as integers. So neither the order of the rows nor the number of threads
can move a bit of the result.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass, replace

from engine.features.spec import FeatureSpec
from engine.features.views import ONE_ROW_PER_USER, PASSES, reads, views, with_needed

USER = "user"
"""`FeatureSpec.over` of a feature computed from other features of the same row."""

PEERS = "peers"
"""`FeatureSpec.over` of a feature that compares the row with all rows of its segment."""

BLOCK = "features_of_"
"""Before a view's name: the part that holds its features, one row per user."""

INGREDIENTS = "ingredients"
"""The part with what the features over "user" are made of."""

JOINED = "joined"
"""The part in which every block stands beside the others."""

SEGMENTS, NO_SEGMENT, ONE_SEGMENT = "segments", "none", "all"
"""The part that names a user's segment, who has none, and everyone where there is no such part."""

OF_POPULATION = "AND user_id IN (SELECT user_id FROM population)"
"""In a view: a look at each row that spares the grouping of others' rows; no value rests on it."""


@dataclass(frozen=True, slots=True)
class FeatureQuery:
    """The statements of one feature table: each reads loaded tables and earlier ones by name."""

    parts: Mapping[str, str]  # name -> SELECT, in an order in which each reads earlier ones
    result: str  # the SELECT of user_id, segment and the features over the last of the parts
    columns: tuple[str, ...]  # the features, in the order of the result
    blocks: Mapping[str, Mapping[str, float | None]]  # part -> feature -> where there is no row
    segment: str  # of a user whom the part "segments" does not name; it may be missing

    def text(self) -> str:
        """The one statement that an analyst reads and another engine runs."""
        return _with(self.parts, f"{self.result}\nORDER BY user_id")

    def statement(self, name: str, kept: Set[str]) -> str:
        """The SELECT of the part `name` where the parts `kept` are tables already."""
        return _with(self._inlined(self.parts[name], kept), self.parts[name])

    def read_by(self, sql: str, kept: Set[str]) -> set[str]:
        """Those of the parts `kept` that `sql` reads, itself or through parts that are not kept."""
        texts = [sql, *self._inlined(sql, kept).values()]
        return {name for text in texts for name in reads(text) & kept}

    def tables(self) -> tuple[str, ...]:
        """The parts to keep as tables when memory counts, in order.

        A part that two others read is computed once, and so is each block of features: one
        grouping is in memory at a time. Windows sort: their rows are kept, because DuckDB spills
        where one statement both sorts and groups them. Passes over raw events are cheaper than a
        copy of them.
        """
        readers = Counter(
            name for sql in self.parts.values() for name in reads(sql) & self.parts.keys()
        )
        return tuple(
            name
            for name in self.parts
            if name in ("population", SEGMENTS)
            or name.startswith(BLOCK)
            or " OVER " in self.parts[name]
            or (readers[name] > 1 and name not in PASSES and name != JOINED)
        )

    def of_everyone(self) -> FeatureQuery:
        """The same result by parts that group everybody's rows: cheaper where few are left out."""
        parts = {name: sql.replace(OF_POPULATION, "") for name, sql in self.parts.items()}
        return replace(self, parts=parts)

    def _inlined(self, sql: str, kept: Set[str]) -> dict[str, str]:
        """The parts that `sql` needs besides `kept`, in order."""
        needed: set[str] = set()
        found = reads(sql) & self.parts.keys() - kept
        while found:
            needed |= found
            found = (
                {name for part in found for name in reads(self.parts[part]) & self.parts.keys()}
                - kept
                - needed
            )
        return {name: text for name, text in self.parts.items() if name in needed}


def compile_features(
    specs: Sequence[FeatureSpec], facts: Set[str], *, population: str | None = None
) -> str:
    """One SELECT: user_id, segment, then the features as REAL in the order of `specs`.

    `population` is a SELECT of user_id (default: everyone who had signed up); the parameters of
    the text are `$cutoff` and whatever `population` binds. `facts` decide what a segment is.
    """
    return feature_query(specs, facts, population=population).text()


def feature_query(
    specs: Sequence[FeatureSpec], facts: Set[str], *, population: str | None = None
) -> FeatureQuery:
    """What `compile_features` says, part by part, for `engine.features.run`."""
    everything = _with_ingredients(specs)
    aggregated: dict[str, list[FeatureSpec]] = {}
    for spec in everything:
        if spec.over not in (USER, PEERS):
            aggregated.setdefault(spec.over, []).append(spec)
    combined = [spec for spec in everything if spec.over in (USER, PEERS)]
    exact: set[str] = set().union(*(reads(spec.expression) for spec in combined))
    segment_view, segment = _segment(facts)
    needed = [*aggregated, segment_view] if segment_view else list(aggregated)
    parts = with_needed(needed, population or views()["population"])
    for view, found in aggregated.items():
        parts[f"{BLOCK}{view}"] = _aggregate(view, found, exact)
    if segment_view:
        parts[SEGMENTS] = segment
    segmented = bool(segment_view)
    # A window and a join carry every column of their rows: they get those they need and no more.
    for over, part in ((PEERS, PEERS), (USER, INGREDIENTS)):
        made = [spec for spec in everything if spec.over == over]
        if made:
            names = set().union(*(reads(spec.expression) for spec in made))
            parts[part] = _join(_only(aggregated, names), segmented=segmented)
            parts[f"{BLOCK}{over}"] = _aggregate(part, made, exact)
            aggregated[over] = made
    wanted = _only(aggregated, {spec.name for spec in specs})
    parts[JOINED] = _join(wanted, segmented=segmented)
    columns = ",\n".join(f"    CAST({spec.name} AS REAL) AS {spec.name}" for spec in specs)
    result = f"SELECT\n    user_id,\n    segment{',' if specs else ''}\n{columns}\nFROM {JOINED}"
    return FeatureQuery(
        parts,
        result,
        tuple(spec.name for spec in specs),
        {
            f"{BLOCK}{view}": {spec.name: spec.absent for spec in found}
            for view, found in wanted.items()
        },
        NO_SEGMENT if segmented else ONE_SEGMENT,
    )


def fingerprint(*texts: str) -> str:
    """sha256 of SQL texts: the version of what they compute."""
    return hashlib.sha256("\0".join(texts).encode()).hexdigest()


def _with_ingredients(specs: Sequence[FeatureSpec]) -> list[FeatureSpec]:
    """`specs` and the features that those over "user" and "peers" are made of."""
    from engine.features.catalogue import SPECS

    by_name = {spec.name: spec for spec in SPECS}
    chosen = {spec.name: spec for spec in specs}
    for spec in specs:
        if spec.over in (USER, PEERS):
            for name in sorted(reads(spec.expression) & by_name.keys()):
                chosen.setdefault(name, by_name[name])
    return list(chosen.values())


def _only(
    aggregated: Mapping[str, Sequence[FeatureSpec]], names: Set[str]
) -> dict[str, list[FeatureSpec]]:
    """Of each view the specs that are named; views without any are left out."""
    narrow = {
        view: [spec for spec in found if spec.name in names] for view, found in aggregated.items()
    }
    return {view: found for view, found in narrow.items() if found}


def _aggregate(view: str, specs: Sequence[FeatureSpec], exact: Set[str]) -> str:
    """Of a view; what no other feature is made of (`exact`) is narrowed to REAL at once."""
    columns = ",\n".join(
        f"    {spec.expression} AS {spec.name}"
        if spec.name in exact
        else f"    CAST({spec.expression} AS REAL) AS {spec.name}"
        for spec in specs
    )
    group = "" if view in (*ONE_ROW_PER_USER, PEERS, INGREDIENTS) else "\nGROUP BY user_id"
    return f"SELECT\n    user_id,\n{columns}\nFROM {view}{group}"


def _join(aggregated: dict[str, list[FeatureSpec]], *, segmented: bool) -> str:
    columns = ["population.user_id"]
    columns.append(
        f"coalesce(segments.segment, '{NO_SEGMENT}') AS segment"
        if segmented
        else f"'{ONE_SEGMENT}' AS segment"
    )
    joins = []
    for view, specs in aggregated.items():
        block = f"{BLOCK}{view}"
        joins.append(f"LEFT JOIN {block} ON {block}.user_id = population.user_id")
        for spec in specs:
            value = f"{block}.{spec.name}"
            if spec.absent is not None:
                value = f"coalesce({value}, {spec.absent:g})"
            columns.append(f"{value} AS {spec.name}")
    if segmented:
        joins.append("LEFT JOIN segments ON segments.user_id = population.user_id")
    return "\n".join(
        ["SELECT", ",\n".join(f"    {column}" for column in columns), "FROM population", *joins]
    )


def _segment(facts: Set[str]) -> tuple[str, str]:
    """The view and the SELECT that name a user's peers; empty when everyone is one group."""
    if "subscriptions" in facts:
        return "newest_term", (
            "SELECT user_id, CASE WHEN plan = '' THEN 'none' ELSE plan END AS segment "
            "FROM newest_term"
        )
    if "payments" in facts:
        return "payment_days", (
            "SELECT user_id, CASE WHEN count(*) = 1 THEN 'one order' "
            "WHEN count(*) < 5 THEN '2-4 orders' ELSE '5+ orders' END AS segment "
            "FROM payment_days GROUP BY user_id"
        )
    return "", ""


def _with(parts: Mapping[str, str], sql: str) -> str:
    if not parts:
        return sql
    return (
        "WITH " + ",\n".join(f"{name} AS (\n{text}\n)" for name, text in parts.items()) + "\n" + sql
    )
