"""`python -m sample_db.check OUT`: is the world as hard as life? Measures it and prints a table.

The booster on good columns stands for what can be learnt from the tables; the true hazard for
what could be known at best. Needs LightGBM; nothing else in the package does.
"""

from __future__ import annotations

import argparse
import sys
from dataclasses import dataclass
from datetime import datetime, timedelta
from importlib.resources import files
from pathlib import Path

import duckdb
import numpy as np

from sample_db.arrays import Doubles, Ints
from sample_db.mechanism import TEMPLATES

TRAIN_CUTOFFS, EVERY_DAYS, TEST_CUTOFFS = 10, 14, 2
LABEL_DAYS = 35  # lead + horizon: also the embargo
OFFER_SHARE = 0.30  # the discount given to the highest risks, off one renewal
TAKE_UP = 0.80  # of members with the offer who stay and renew within it
ANSWERS = {  # the cause that each template is written for
    "care_check_in": "fading_use",
    "unused_value": "unused_value",
    "content_recommendation": "content_exhausted",
    "payment_failed": "payment_failure",
    "discount": "price",
    "membership_ending": "term_ending",
}
CONTACT_COST = 0.10  # CNY an e-mail, with its part of the staff
VALUE_MONTHS = 6  # margin of a retained member is counted for so long
MARGIN = 0.6  # of the membership price


@dataclass(frozen=True, slots=True)
class Measure:
    """One line of the table: a figure and the range that makes the world hard like life."""

    name: str
    value: float
    low: float | None = None
    high: float | None = None

    @property
    def holds(self) -> bool:
        return (self.low is None or self.value >= self.low) and (
            self.high is None or self.value <= self.high
        )


def measure(folder: Path) -> list[Measure]:
    """All figures of the generated world in `folder`."""
    with duckdb.connect() as connection:
        connection.execute("SET enable_progress_bar = false")
        connection.execute("SET VARIABLE folder = ?", [str(folder)])
        connection.execute(_sql("check_clean"))
        return [*_risk(connection), *_contact(connection), *_log(connection)]


def roc_auc(label: Ints, score: Doubles) -> float:
    """Area under the ROC curve, ties counted half."""
    _, inverse, counts = np.unique(score, return_inverse=True, return_counts=True)
    rank = (np.cumsum(counts) - (counts - 1) / 2)[inverse]
    positives = int(label.sum())
    wins = rank[label == 1].sum() - positives * (positives + 1) / 2
    return float(wins / (positives * (len(label) - positives)))


def _sql(name: str) -> str:
    return files("sample_db").joinpath(f"{name}.sql").read_text(encoding="utf-8")


def _risk(connection: duckdb.DuckDBPyConnection) -> list[Measure]:
    as_of = connection.execute(
        "SELECT date_trunc('day', max(known_at)) + INTERVAL 1 DAY FROM ok_events"
    ).fetchall()[0][0]
    test = [as_of - timedelta(days=LABEL_DAYS + EVERY_DAYS * i) for i in range(TEST_CUTOFFS)]
    last = min(test) - timedelta(days=LABEL_DAYS)
    train = [last - timedelta(days=EVERY_DAYS * i) for i in range(TRAIN_CUTOFFS)]
    sql = _sql("check_columns")
    fitted_on = [_rows(connection, sql, cutoff) for cutoff in reversed(train)]
    tested_on = [_rows(connection, sql, cutoff) for cutoff in reversed(test)]
    score = _boost(fitted_on, tested_on)
    label = np.concatenate([rows[1] for rows in tested_on])
    truth = np.concatenate([rows[2] for rows in tested_on])
    recency = np.concatenate([rows[0][:, 0] for rows in tested_on])
    best, learnt = roc_auc(label, truth), roc_auc(label, score)
    base = float(label.mean())
    return [
        Measure("columns given to the booster", tested_on[0][0].shape[1]),
        Measure("rows at the test cutoffs", len(label)),
        Measure("base rate among the eligible", base, 0.08, 0.18),
        Measure("mean true risk / base rate", float(truth.mean()) / base, 0.85, 1.15),
        Measure("ROC-AUC, true hazard", best, 0.85, 0.92),
        Measure("ROC-AUC, LightGBM on good columns", learnt),
        Measure("ROC-AUC, days of silence alone", roc_auc(label, recency)),
        Measure("share of the attainable excess", (learnt - 0.5) / (best - 0.5), 0.60, 0.80),
    ]


def _rows(
    connection: duckdb.DuckDBPyConnection, sql: str, cutoff: datetime
) -> tuple[Doubles, Ints, Doubles]:
    """Columns (recency first), label and true risk of the eligible at `cutoff`."""
    connection.execute(f"CREATE OR REPLACE TEMP TABLE at_cutoff AS {sql}", {"c": cutoff})
    found = connection.execute(
        "SELECT * EXCLUDE (cutoff) FROM at_cutoff JOIN "
        "(SELECT user_id, cutoff, label, p_churn FROM truth_hazard) USING (user_id) "
        "WHERE cutoff = $c ORDER BY user_id",
        {"c": cutoff},
    ).fetchnumpy()
    label, truth = found.pop("label"), found.pop("p_churn")
    found.pop("user_id")
    columns = np.column_stack(
        [np.ma.filled(np.ma.asarray(v, dtype=np.float64), np.nan) for v in found.values()]
    )
    return columns, np.asarray(label, dtype=np.int64), np.asarray(truth, dtype=np.float64)


def _boost(
    fitted_on: list[tuple[Doubles, Ints, Doubles]], tested_on: list[tuple[Doubles, Ints, Doubles]]
) -> Doubles:
    """LightGBM, the number of trees chosen on the newest training cutoff, then refitted on all."""
    import lightgbm

    settings = {
        "objective": "binary", "learning_rate": 0.03, "num_leaves": 15, "min_data_in_leaf": 80,
        "feature_fraction": 0.5, "bagging_fraction": 0.8, "bagging_freq": 1, "lambda_l2": 5.0,
        "verbosity": -1, "num_threads": 1, "seed": 7, "deterministic": True,
    }  # fmt: skip
    columns = [rows[0] for rows in fitted_on]
    labels = [rows[1] for rows in fitted_on]
    early = lightgbm.Dataset(np.concatenate(columns[:-3]), np.concatenate(labels[:-3]))
    newest = lightgbm.Dataset(columns[-1], labels[-1], reference=early)
    chosen = lightgbm.train(
        settings, early, 600, [newest], callbacks=[lightgbm.early_stopping(40, verbose=False)]
    )
    everything = lightgbm.Dataset(np.concatenate(columns), np.concatenate(labels))
    model = lightgbm.train(settings, everything, max(chosen.best_iteration, 30))
    return np.asarray(model.predict(np.concatenate([rows[0] for rows in tested_on])))


def _contact(connection: duckdb.DuckDBPyConnection) -> list[Measure]:
    out = []
    for template in TEMPLATES:
        # Percentage points fewer who leave; the sign of a benefit is plus.
        mean, dogs, others = connection.execute(
            "SELECT avg(gain), avg(gain) FILTER (sleeping_dog), "
            "avg(gain) FILTER (NOT sleeping_dog) FROM "
            f"(SELECT 100 * (p_nothing - p_{template}) AS gain, sleeping_dog FROM truth_effects)"
        ).fetchall()[0]
        out.append(Measure(f"retained by {template}, points, all", mean))
        out.append(Measure(f"retained by {template}, points, sleeping dogs", dogs, high=0.0))
        matched = connection.execute(
            f"SELECT 100 * avg(p_nothing - p_{template}) FROM truth_effects "
            "JOIN truth_hazard USING (user_id, cutoff) "
            f"WHERE NOT sleeping_dog AND share_{ANSWERS[template]} > 0.5 AND p_nothing > 0.1"
        ).fetchall()[0][0]
        out.append(Measure(f"retained by {template}, points, others", others, low=0.0))
        out.append(Measure(f"retained by {template}, points, its cause", matched, low=0.0))
    dogs = connection.execute("SELECT avg(sleeping_dog::INT) FROM truth_effects").fetchall()[0][0]
    out.append(Measure("share of sleeping dogs among the eligible", dogs, 0.05, 0.15))
    money = connection.execute(
        f"""
        SELECT avg((p_nothing - p_discount) * {MARGIN * VALUE_MONTHS} * membership_price
                   - {CONTACT_COST}
                   - (1 - p_discount) * {TAKE_UP * OFFER_SHARE} * membership_price)
        FROM (SELECT *, ntile(10) OVER (PARTITION BY cutoff ORDER BY p_nothing DESC) AS decile
              FROM truth_effects) WHERE decile = 1
        """
    ).fetchall()[0][0]
    out.append(
        Measure("CNY per user: discount to the tenth with the highest risk", money, high=0.0)
    )
    return out


def _log(connection: duckdb.DuckDBPyConnection) -> list[Measure]:
    out = []
    for campaign, rows, lift in connection.execute(
        "SELECT campaign, count(*), "
        "100 * (avg((outcome = 'retained')::INT) FILTER (arm = 'treat') "
        "- avg((outcome = 'retained')::INT) FILTER (arm = 'holdout')) FROM past_interventions "
        "WHERE propensity = 0.5 GROUP BY campaign ORDER BY min(decided_at)"
    ).fetchall():
        out.append(Measure(f"{campaign}: rows drawn 50/50", rows))
        out.append(Measure(f"{campaign}: observed lift, points", lift))
    return out


def main(arguments: list[str] | None = None) -> int:
    """Print the table; exit status 1 when a figure leaves its range."""
    parser = argparse.ArgumentParser(prog="python -m sample_db.check", description=__doc__)
    parser.add_argument("folder", type=Path, help="folder that python -m sample_db wrote")
    rows = measure(parser.parse_args(arguments).folder)
    for row in rows:
        limits = [f"{x:g}" if x is not None else "" for x in (row.low, row.high)]
        aim = "" if limits == ["", ""] else f"[{limits[0]}, {limits[1]}]"
        verdict = "" if not aim else ("holds" if row.holds else "FAILS")
        sys.stdout.write(f"{row.name:<58} {row.value:>12.4f}  {aim:<14} {verdict}\n")
    return 0 if all(row.holds for row in rows) else 1


if __name__ == "__main__":
    raise SystemExit(main())
