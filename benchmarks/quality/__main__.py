"""`python -m benchmarks.quality`: risk on a sample world, shops, tables and courses."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

from benchmarks.harness import Row, options, run
from benchmarks.quality.courses import Courses, measure_courses
from benchmarks.quality.protocols import CDNOW, ONLINE_RETAIL
from benchmarks.quality.sample import measure_sample
from benchmarks.quality.shop import Shop, Window, measure_shop
from benchmarks.quality.table import Table, mean_rank, measure_table

# The published average precision of CDNOW looks for buyers, that of Online Retail for churners.
SHOPS = {
    "cdnow": Shop(
        CDNOW,
        "cdnow",
        "stayed",
        (
            Window("cdnow, 13 weeks", 1, {"roc_auc": 0.778, "log_loss": 0.3809}),
            Window("cdnow, 39 weeks", 3, {"roc_auc": 0.771, "log_loss": 0.510, "ece": 0.02}),
        ),
    ),
    "online-retail": Shop(
        ONLINE_RETAIL,
        "online-retail-ii",
        "churned",
        (
            Window(
                "online-retail",
                1,
                {"roc_auc": 0.776, "average_precision": 0.742, "log_loss": 0.548, "ece": 0.03},
            ),
        ),
    ),
}
TABLES = {
    "telco": Table("telco", "telco", "telco_ibm/telco.csv.gz"),
    "iranian": Table("iranian", "iranian-churn", "iranian_churn/iranian_churn.csv.gz"),
}

COURSES = {
    courses.case: courses
    for courses in (
        Courses("xuetangx-30-by-course", 30, by_course=True),
        Courses("xuetangx-30-summer", 30, by_course=False),
        Courses("xuetangx-14-by-course", 14, by_course=True),
        Courses("xuetangx-14-summer", 14, by_course=False),
    )
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure and print; returns the exit status."""
    asked = options("quality", __doc__ or "", ("sample", *SHOPS, *TABLES, *COURSES), arguments)
    measures: dict[str, Callable[[bool], list[Row]]] = {"sample": measure_sample}
    measures |= {name: partial(measure_shop, shop) for name, shop in SHOPS.items()}
    measures |= {name: partial(measure_table, table) for name, table in TABLES.items()}
    measures |= {name: partial(measure_courses, one) for name, one in COURSES.items()}
    return run("quality", asked, measures, summary=mean_rank)


if __name__ == "__main__":
    raise SystemExit(main())
