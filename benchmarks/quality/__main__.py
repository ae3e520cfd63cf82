"""`python -m benchmarks.quality`: risk on the sample world, two shops and two static tables."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

from benchmarks.harness import Row, options, run
from benchmarks.quality.protocols import CDNOW, ONLINE_RETAIL
from benchmarks.quality.sample import measure_sample
from benchmarks.quality.shop import Shop, measure_shop
from benchmarks.quality.table import Table, measure_table

# The published average precision of CDNOW looks for buyers, that of Online Retail for churners.
SHOPS = {
    "cdnow": Shop(CDNOW, "cdnow", "stayed"),
    "online-retail": Shop(ONLINE_RETAIL, "online-retail-ii", "churned"),
}
TABLES = {
    "telco": Table("telco", "telco", "telco_ibm/telco.csv.gz"),
    "iranian": Table("iranian", "iranian-churn", "iranian_churn/iranian_churn.csv.gz"),
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure and print; returns the exit status."""
    asked = options("quality", __doc__ or "", ("sample", *SHOPS, *TABLES), arguments)
    measures: dict[str, Callable[[bool], list[Row]]] = {"sample": measure_sample}
    measures |= {name: partial(measure_shop, shop) for name, shop in SHOPS.items()}
    measures |= {name: partial(measure_table, table) for name, table in TABLES.items()}
    return run("quality", asked, measures)


if __name__ == "__main__":
    raise SystemExit(main())
