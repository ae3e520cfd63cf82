"""Shared fixtures: one small sample workspace, made once a run and copied for tests that write."""

from __future__ import annotations

import io
import os
import shutil
from pathlib import Path

import pytest
from filelock import FileLock

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("TEXTUAL_ANIMATIONS", "none")

SAMPLE_USERS = 1200
SAMPLE_MONTHS = 9
SAMPLE_SETTINGS = """\
[workspace]
mapping = "sample/mapping.toml"
operator = "tester"

[training]
cutoffs = 3
test_cutoffs = 1
max_epochs = 2
threads = 1
"""


@pytest.fixture(scope="session")
def sample_workspace(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A loaded, trained and scored sample of 1,200 users; read it, do not write to it."""
    from engine.jobs.protocol import Reporter
    from retention_tui.demo import make

    base = tmp_path_factory.getbasetemp()
    # Under xdist every worker has its own base: they share the parent, and the first one builds.
    shared = base.parent if os.environ.get("PYTEST_XDIST_WORKER") else base
    folder = shared / "sample-workspace"
    with FileLock(str(folder) + ".lock"):
        if not (folder / "ready").exists():
            folder.mkdir()
            (folder / "retention.toml").write_text(SAMPLE_SETTINGS, "utf-8")
            make(
                folder,
                users=SAMPLE_USERS,
                months=SAMPLE_MONTHS,
                seed=7,
                reporter=Reporter(io.StringIO()),
            )
            (folder / "ready").write_text("", "utf-8")
    return folder


@pytest.fixture
def workspace_copy(sample_workspace: Path, tmp_path: Path) -> Path:
    """A copy of the sample workspace that a test may change."""
    return Path(shutil.copytree(sample_workspace, tmp_path / "workspace"))


STATIC_MAPPING = """\
[business]
name = "Gym"
currency = "EUR"

[churn]
rule = "label"
horizon_days = 30

[tables.users]
source = "customers.csv"
attributes = ["months", "contract", "fee", "auto pay", "a/b~{value}", "town", "id2", "always"]
[tables.users.columns]
user_id = "customer"
name = "customer"
email = "customer || '@example.com'"
locale = "'en'"
marketing_consent = "true"

[tables.user_sensitive]
source = "customers.csv"
[tables.user_sensitive.columns]
user_id = "customer"
gender = "gender"

[tables.outcomes]
source = "customers.csv"
[tables.outcomes.columns]
user_id = "customer"
label = "CASE gone WHEN 'yes' THEN 1 WHEN 'no' THEN 0 END"

[attributes.months]
zh = "入会月数"
en = "months as a member"
group = "history"
[attributes.contract]
levels_zh = { "monthly" = "按月" }
[attributes.fee]
unit = "money"
group = "price"
revenue_days = 30
"""
STATIC_USERS = 420


@pytest.fixture
def static_table(tmp_path: Path) -> Path:
    """A folder with a table of 420 customers, a label and no time, and the mapping of it.

    The odds of leaving fall with `months` and are higher on monthly contracts. `id2` is different
    for everybody, `always` the same; `a/b~{value}` is a number with a name full of traps.
    """
    import numpy as np

    rng = np.random.default_rng(5)
    folder = tmp_path / "static"
    folder.mkdir()
    lines = ["customer,months,contract,fee,auto pay,a/b~{value},town,id2,always,gender,gone"]
    for number in range(STATIC_USERS):
        months = int(rng.integers(0, 48))
        contract = ("monthly", "yearly", "two {years}")[rng.choice(3, p=(0.5, 0.3, 0.2))]
        odds = 1.2 - 0.09 * months + 1.1 * (contract == "monthly")
        gone = rng.random() < 1 / (1 + np.exp(-odds))
        town = ("Ulm", "Jena", "慕尼黑", f"village {number}")[min(3, int(rng.integers(0, 5)))]
        fee = "" if rng.random() < 0.05 else f"{rng.normal(40, 8):.2f}"
        pays = ("Yes", "No")[int(rng.integers(0, 2))]
        gender = ("f", "m")[int(rng.integers(0, 2))]
        lines.append(
            f"c{number:04d},{months},{contract},{fee},{pays},{rng.integers(0, 9)},{town},"
            f"x{number},1,{gender},{'yes' if gone else 'no'}"
        )
    (folder / "customers.csv").write_text("\n".join(lines) + "\n", "utf-8")
    (folder / "mapping.toml").write_text(STATIC_MAPPING, "utf-8")
    return folder
