"""Feature specs to one SELECT for one cutoff.

Every number is exact before it is divided: times are whole seconds, durations milliseconds, money
ten-thousandths, all summed as integers. So neither the order of the rows nor the number of threads
can move a bit of the result.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence, Set

from engine.features.spec import FeatureSpec
from engine.features.views import ONE_ROW_PER_USER, reads, views, with_needed

USER = "user"
"""`FeatureSpec.over` of a feature computed from other features of the same row."""

PEERS = "peers"
"""`FeatureSpec.over` of a feature that compares the row with all rows of its segment."""


def compile_features(
    specs: Sequence[FeatureSpec], facts: Set[str], *, population: str | None = None
) -> str:
    """One SELECT: user_id, segment, then the features as REAL in the order of `specs`.

    `population` is a SELECT of user_id (default: everyone who had signed up); the parameters of
    the text are `$cutoff` and whatever `population` binds. `facts` decide what a segment is.
    """
    everything = _with_ingredients(specs)
    aggregated: dict[str, list[FeatureSpec]] = {}
    for spec in everything:
        if spec.over not in (USER, PEERS):
            aggregated.setdefault(spec.over, []).append(spec)
    compared = [spec for spec in everything if spec.over == PEERS]
    segment_view, segment = _segment(facts)
    needed = [*aggregated, segment_view] if segment_view else list(aggregated)
    parts = [
        f"{name} AS (\n{sql}\n)"
        for name, sql in with_needed(needed, population or views()["population"]).items()
    ]
    parts += [
        f"features_of_{view} AS (\n{_aggregate(view, found)}\n)"
        for view, found in aggregated.items()
    ]
    if segment_view:
        parts.append(f"segments AS (\n{segment}\n)")
    segmented = bool(segment_view)
    if compared:
        # A window carries every column of its rows: it gets those that it compares and no more.
        names = set().union(*(reads(spec.expression) for spec in compared))
        narrow = {
            view: [spec for spec in found if spec.name in names]
            for view, found in aggregated.items()
        }
        narrow = {view: found for view, found in narrow.items() if found}
        parts.append(f"peers AS (\n{_join(narrow, segmented=segmented)}\n)")
        parts.append(f"features_of_{PEERS} AS (\n{_aggregate(PEERS, compared)}\n)")
        aggregated[PEERS] = compared
    parts.append(f"joined AS (\n{_join(aggregated, segmented=segmented)}\n)")
    columns = ",\n".join(
        f"    CAST({spec.expression if spec.over == USER else spec.name} AS REAL) AS {spec.name}"
        for spec in specs
    )
    return (
        "WITH "
        + ",\n".join(parts)
        + f"\nSELECT\n    user_id,\n    segment{',' if specs else ''}\n{columns}\n"
        + "FROM joined\nORDER BY user_id"
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


def _aggregate(view: str, specs: Sequence[FeatureSpec]) -> str:
    columns = ",\n".join(f"    {spec.expression} AS {spec.name}" for spec in specs)
    group = "" if view in ONE_ROW_PER_USER or view == PEERS else "\nGROUP BY user_id"
    return f"SELECT\n    user_id,\n{columns}\nFROM {view}{group}"


def _join(aggregated: dict[str, list[FeatureSpec]], *, segmented: bool) -> str:
    columns = ["population.user_id"]
    columns.append(
        "coalesce(segments.segment, 'none') AS segment" if segmented else "'all' AS segment"
    )
    joins = []
    for view, specs in aggregated.items():
        block = f"features_of_{view}"
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
