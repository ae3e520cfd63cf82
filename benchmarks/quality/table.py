"""Telco and Iranian churn: one row a customer, our cross-fitted model beside peers on its folds."""

from __future__ import annotations

import tempfile
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from benchmarks.harness import Row, say
from benchmarks.peers.folds import out_of_fold, stratified
from benchmarks.peers.learners import FULL, QUICK, learners
from benchmarks.peers.orders import data_file
from benchmarks.quality.aims import near_the_best
from benchmarks.quality.compare import Test, compare
from benchmarks.quality.shop import EXAMPLES, LOADED_AT, SEED
from engine.data.load import load
from engine.features.attributes.frames import labelled_users
from engine.features.attributes.schema import Attribute, learn_attributes
from engine.features.frame import LabelledFrame
from engine.store.lease import lease
from engine.training.cross_fit import CrossFitConfig, cross_fit

SLACK = 0.002
"""Of AUC behind the best rival."""
RANK = "rank_of_roc_auc"


@dataclass(frozen=True, slots=True)
class Table:
    """A case: the folder of the example, and the file below the folder of the data sets."""

    case: str
    example: str
    file: str


def measure_table(table: Table, quick: bool) -> list[Row]:
    """All figures of one table: every risk is by a model that has not seen the customer."""
    schema, rows = _rows(table)
    # The aim is the figure of `retention train`, whatever the machine's number of threads.
    ours = cross_fit(rows, CrossFitConfig(seed=SEED, threads=1))
    mixes = ", ".join(f"{member.kind} {member.shares}" for member in ours.model.members)
    say(f"quality: {table.case}: members {mixes}; {ours.seconds:.0f} s")
    values, label = rows.frame.values.astype(np.float64), rows.label.astype(np.float64)
    peers = learners(QUICK if quick else FULL, stratified, _words(schema))
    rivals = {name: out_of_fold(values, label, ours.fold, fit) for name, fit in peers.items()}
    compared = Test(
        label,
        rows.frame.user_ids,
        ours.risk,
        rivals=rivals,
        beside={f"our {kind}": risk for kind, risk in ours.singles.items()},
    )
    figures = compare(
        table.case,
        compared,
        positive="churned",
        seed=SEED,
        rounds=30 if quick else 400,
        aim=near_the_best(SLACK),
    )
    return [*figures, _rank(figures[0], rivals)]


def mean_rank(rows: Sequence[Row]) -> list[Row]:
    """The mean rank by AUC over the tables that were measured; nothing where there is one only."""
    ranks = [row for row in rows if row.metric == RANK]
    if len(ranks) < 2:
        return []
    names = [name for name in ranks[0].peers if all(name in row.peers for row in ranks)]
    peers = {name: float(np.mean([row.peers[name] for row in ranks])) for name in names}
    ours = float(np.mean([row.ours for row in ranks]))
    best = min(peers.values())
    aim = f"the lowest; the best rival's is {best:g}"
    return [Row("tables", "mean_rank", ours, peers, aim, ours <= best)]


def _rank(auc: Row, rivals: Collection[str]) -> Row:
    """Places by AUC among us and the rivals, 1 is the best."""
    ours = auc.ours
    everybody = [ours, *(auc.peers[name] for name in rivals)]

    def place(value: float) -> float:
        return 1.0 + sum(other > value for other in everybody)

    return Row(auc.case, RANK, place(ours), {name: place(auc.peers[name]) for name in rivals})


def _words(schema: tuple[Attribute, ...]) -> list[slice]:
    """The columns of each attribute that is a word."""
    stops = np.cumsum([len(attribute.columns()) for attribute in schema])
    return [
        slice(int(stop) - len(attribute.columns()), int(stop))
        for attribute, stop in zip(schema, stops, strict=True)
        if attribute.kind == "words"
    ]


def _rows(table: Table) -> tuple[tuple[Attribute, ...], LabelledFrame]:
    source = data_file(table.case, table.file)
    with tempfile.TemporaryDirectory() as temporary:
        database = Path(temporary) / "behaviour.duckdb"
        report = load(
            EXAMPLES / table.example / "mapping.toml",
            database,
            now=LOADED_AT,
            data_dir=source.parent,
        )
        with lease(database) as connection:
            schema = learn_attributes(connection)
            return schema, labelled_users(connection, schema, report.as_of)
