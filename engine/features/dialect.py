"""Every spelling of the feature SQL that only DuckDB has, or that engines read differently.

The rest of the text keeps to rules that SQLGlot carries over to Spark: divisions in explicit
doubles, no decimal literals, sums cast to BIGINT, unique order keys in windows.
"""

from __future__ import annotations

from types import MappingProxyType

CUTOFF = "CAST($cutoff AS TIMESTAMP)"
"""The bound parameter; a naive UTC timestamp in every engine."""


def seconds(start: str, stop: str) -> str:
    """SQL: whole seconds from `start` to `stop`, fractions of a second rounded up.

    DuckDB counts crossed boundaries of seconds. With `stop` on a whole second (a cutoff is a
    midnight) that is the exact age rounded up, so `age <= days * 86400` is exactly
    `start >= stop - days`.
    """
    return f"date_diff('second', {start}, {stop})"


SPELLINGS = MappingProxyType(
    {
        "cutoff": CUTOFF,
        "age_s": seconds("occurred_at", CUTOFF),
        "signed_up_age_s": seconds("signed_up_at", CUTOFF),
        "published_age_s": seconds("published_at", CUTOFF),
        "started_age_s": seconds("started_at", CUTOFF),
        "ends_in_s": seconds(CUTOFF, "ends_at"),
        "term_s": seconds("started_at", "ends_at"),
        "cancelled_age_s": seconds("cancelled_at", CUTOFF),
        "resolved_age_s": seconds("resolved_at", CUTOFF),
        "paused_age_s": seconds("paused_at", CUTOFF),
        "resumed_age_s": seconds("resumes_at", CUTOFF),
        "day_of_year": f"dayofyear({CUTOFF})",
        "week_day": f"isodow({CUTOFF})",
    }
)
"""What the views' placeholders stand for."""
