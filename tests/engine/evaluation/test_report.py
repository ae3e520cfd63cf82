from __future__ import annotations

import re
from dataclasses import replace
from datetime import datetime
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest

from engine.calibrated import CalibrationCheck
from engine.errors import DataError, StorageError
from engine.evaluation.curves import curves, reliability
from engine.evaluation.metrics import metrics
from engine.evaluation.report import write_report
from engine.faithfulness import Faithfulness
from engine.types import GateVerdict, Metrics, Words

MADE = datetime(2026, 3, 1, 8, 30)
VOID = {"meta", "path", "rect", "circle", "br"}


class Reader(HTMLParser):
    """Collects text and checks that every tag is closed in order."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.words: list[str] = []
        self.tags: list[str] = []
        self.feed(html)
        assert not self.open

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        if tag not in VOID or (tag == "path" and self.get_starttag_text()[-2:] != "/>"):
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.words.append(data)


def judged(name: str, noise: float) -> tuple[Metrics, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(1)
    nature = rng.normal(-1, 1, 800)
    label = (rng.random(800) < 1 / (1 + np.exp(-nature))).astype(float)
    risk = 1 / (1 + np.exp(-(nature + noise * rng.normal(size=800))))
    measured = metrics(name, label, risk, cutoffs=(datetime(2026, 1, 5),), capacity=0.1)
    return measured, label, risk


def page(tmp_path: Path, language: str, name: str = "blend", **more: object) -> str:
    ours, label, risk = judged(name, 0)
    peer, _, peer_risk = judged("logistic", 1)
    path = tmp_path / "report.html"
    write_report(
        path,
        [ours, peer],
        {name: curves(label, risk), "logistic": curves(label, peer_risk)},
        language=language,  # type: ignore[arg-type]
        made_at=MADE,
        **more,  # type: ignore[arg-type]
    )
    return path.read_text("utf-8")


@pytest.mark.parametrize(
    ("language", "title", "code"),
    [("zh", "模型评估报告", "zh-CN"), ("en", "Model evaluation", "en")],
)
def test_it_shows_the_metrics_and_four_charts(
    tmp_path: Path, language: str, title: str, code: str
) -> None:
    html = page(tmp_path, language)
    reader = Reader(html)
    text = " ".join(reader.words)
    ours, _, _ = judged("blend", 0)
    assert f'<html lang="{code}">' in html
    assert title in text
    for value in (ours.roc_auc, ours.log_loss, ours.recall):
        assert f"{value:.4f}" in text
    assert f"{ours.confusion.true_negative:,}" in text
    assert "2026-01-05" in text
    assert reader.tags.count("figure") == 4
    assert html.count("<circle") == 20


def test_cutoffs_calibration_and_losses_have_their_place(tmp_path: Path) -> None:
    ours, label, risk = judged("blend", 0)
    later = replace(ours, cutoffs=(datetime(2026, 1, 19),), log_loss=0.9, profit=3.25)
    check = CalibrationCheck("linear", reliability(label, risk**2), reliability(label, risk))
    learning = [{"train_loss": 0.6, "valid_loss": 0.65}, {"train_loss": 0.5, "valid_loss": 0.55}]
    html = page(
        tmp_path, "en", by_cutoff=(ours, later), calibration=check, learning=tuple(learning)
    )
    reader = Reader(html)
    text = " ".join(reader.words)
    assert reader.tags.count("figure") == 5
    for shown in ("2026-01-19", "Mean", "Worst", "0.9000", "3.2500", "before calibration"):
        assert shown in text
    assert f"{check.before.error:.4f}" in text
    assert "0.650" in text  # the mark at the top of the losses' axis


def test_the_checks_of_the_reasons_are_a_table_of_words(tmp_path: Path) -> None:
    found = Faithfulness(300, 300, 0.003, 300, 291, (1.0,), 110, (0.0,))
    for language, said in (("en", "for 291 the risk falls"), ("zh", "风险下降的有 291 位")):
        assert said in " ".join(Reader(page(tmp_path, language, faithfulness=found)).words)
    assert "trained by an older version" in page(tmp_path, "en")


def test_it_asks_nothing_of_the_outside(tmp_path: Path) -> None:
    html = page(tmp_path, "en")
    assert not re.search(r"https?:|//|<script|<link|<img|@import|url\(|\bon\w+=", html)


def test_names_are_data_not_markup(tmp_path: Path) -> None:
    html = page(tmp_path, "en", name='<script>"&{{ 7*7 }}')
    assert "<script" not in html
    assert "49" not in re.findall(r"<th scope=\"col\">([^<]*)</th>", html)[1]
    assert "&lt;script&gt;" in html
    Reader(html)


def test_the_verdict_is_in_the_chosen_language(tmp_path: Path) -> None:
    verdict = GateVerdict(True, None, None, (Words("建议上线。", "Promote it."),))
    assert "建议上线。" in page(tmp_path, "zh", verdict=verdict)
    assert "Promote it." in page(tmp_path, "en", verdict=verdict)


def test_what_is_not_defined_is_a_dash(tmp_path: Path) -> None:
    one_class = metrics("m", np.zeros(4), np.full(4, 0.1), cutoffs=(), capacity=0.5)
    write_report(tmp_path / "r.html", [one_class], {}, language="en", made_at=MADE)
    html = (tmp_path / "r.html").read_text("utf-8")
    assert "nan" not in html
    assert html.count("<td>—</td>") == 7
    assert "<figure" not in html


def test_points_lie_inside_the_square(tmp_path: Path) -> None:
    html = page(tmp_path, "en")
    for path in re.findall(r'class="line[^>]* d="M([^"]*)"', html):
        if "H" in path:
            continue
        points = np.array([[float(v) for v in p.split()] for p in path.split("L")])
        assert points[:, 0].min() >= 44
        assert points[:, 0].max() <= 304
        assert points[:, 1].min() >= 12
        assert points[:, 1].max() <= 272


def test_nothing_to_report(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="There are no metrics to report"):
        write_report(tmp_path / "r.html", [], {}, language="en", made_at=MADE)


def test_a_folder_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    ours, _, _ = judged("m", 0)
    with pytest.raises(StorageError):
        write_report(tmp_path / "file" / "r.html", [ours], {}, language="en", made_at=MADE)
