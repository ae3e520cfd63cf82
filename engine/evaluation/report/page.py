"""The page: metrics side by side, curves, the confusion matrix, and what the gate said."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path

from markupsafe import Markup

from engine.calibrated import CalibrationCheck
from engine.errors import DataError
from engine.evaluation.curves import Curves
from engine.evaluation.reasons import HEADING, checks
from engine.faithfulness import Faithfulness
from engine.pages import UNIT, Axis, Line, chart, render
from engine.spread import spread
from engine.store.files import write_atomically
from engine.types import GateVerdict, Language, Metrics, Words

_ROWS: tuple[tuple[str, Words, str], ...] = (
    ("n", Words("样本行数", "Rows"), "{:,.0f}"),
    ("positives", Words("流失行数", "Churned"), "{:,.0f}"),
    ("roc_auc", Words("ROC-AUC", "ROC-AUC"), "{:.4f}"),
    ("concordance", Words("C 指数（先后次序）", "C-index (who first)"), "{:.4f}"),
    ("average_precision", Words("PR-AUC（平均精度）", "PR-AUC (average precision)"), "{:.4f}"),
    ("log_loss", Words("对数损失", "Log loss"), "{:.4f}"),
    ("brier", Words("Brier 分数", "Brier score"), "{:.4f}"),
    ("ece", Words("校准误差（ECE）", "Calibration error (ECE)"), "{:.4f}"),
    ("accuracy", Words("准确率 *", "Accuracy *"), "{:.4f}"),
    ("precision", Words("精确率 *", "Precision *"), "{:.4f}"),
    ("recall", Words("召回率 *", "Recall *"), "{:.4f}"),
    ("f1", Words("F1 *", "F1 *"), "{:.4f}"),
    ("lift_at_10", Words("前 10% 提升度", "Lift at 10 %"), "{:.2f}"),
    ("profit", Words("触达容量下人均收益 †", "Profit at capacity, per user †"), "{:.4f}"),
)

_OVER_TIME = ("n", "positives", "roc_auc", "average_precision", "log_loss", "ece", "profit")
"""Of `_ROWS`: what is shown of each cutoff."""

_TEXTS: Mapping[str, Words] = {
    "title": Words("模型评估报告", "Model evaluation"),
    "made": Words("生成时间（UTC）", "Made (UTC)"),
    "cutoffs": Words("测试截止时刻", "Test cutoffs"),
    "metric": Words("指标", "Metric"),
    "colon": Words("：", ": "),
    "at_capacity": Words(
        "* 以触达容量为界：风险最高、运营能触达的那部分用户视为预测流失。",
        "* At the capacity cut: the users with the highest risk whom operations can contact count "
        "as predicted to leave.",
    ),
    "assumed": Words(
        "† 假设：触达能留住一定比例本会流失的用户（设置 save_rate）；未做实测。",
        "† Assumed, not measured: contact keeps a share of those who would leave (save_rate in the "
        "settings).",
    ),
    "confusion": Words("混淆矩阵", "Confusion matrix"),
    "predicted_stay": Words("预测留存", "Predicted to stay"),
    "predicted_leave": Words("预测流失", "Predicted to leave"),
    "stayed": Words("实际留存", "Stayed"),
    "left": Words("实际流失", "Left"),
    "verdict": Words("上线评审", "The gate"),
    "curves": Words("曲线", "Curves"),
    "roc": Words("ROC 曲线", "ROC curve"),
    "pr": Words("精确率-召回率曲线", "Precision and recall"),
    "reliability": Words("可靠性曲线", "Reliability"),
    "false_positive_rate": Words("假正率", "False positive rate"),
    "true_positive_rate": Words("真正率", "True positive rate"),
    "recall": Words("召回率", "Recall"),
    "precision": Words("精确率", "Precision"),
    "mean_risk": Words("平均预测风险", "Mean predicted risk"),
    "churn_rate": Words("实际流失率", "Churn rate"),
    "lift": Words("提升曲线", "Lift"),
    "contacted": Words("触达的用户比例（风险从高到低）", "Share contacted, highest risk first"),
    "caught": Words("其中的流失用户占全部流失", "Share of all who leave among them"),
    "loss": Words("训练损失", "Loss in training"),
    "epoch": Words("轮次", "Epoch"),
    "log_loss": Words("对数损失", "Log loss"),
    "train_loss": Words("训练", "train"),
    "valid_loss": Words("验证", "validation"),
    "over_time": Words("各测试截止时刻", "Each test cutoff"),
    "cutoff": Words("截止时刻", "Cutoff"),
    "mean": Words("平均", "Mean"),
    "worst": Words("最差", "Worst"),
    "before": Words("校准前", "before calibration"),
    "calibration_error": Words("校准误差：校准前", "Calibration error: before"),
    "after": Words("校准后", "after"),
}


def write_report(
    path: Path,
    metrics: Sequence[Metrics],
    curves: Mapping[str, Curves],
    *,
    language: Language,
    made_at: datetime,
    verdict: GateVerdict | None = None,
    by_cutoff: Sequence[Metrics] = (),
    calibration: CalibrationCheck | None = None,
    learning: Sequence[Mapping[str, float]] = (),
    faithfulness: Faithfulness | None = None,
) -> None:
    """Write one self-contained HTML file: no script, no outside request, light and dark.

    `metrics` are columns side by side, the judged model first; `curves` maps a model's name to
    its curves. `by_cutoff` is the judged model on each test cutoff, `learning` its net's losses by
    epoch, `faithfulness` what the checks of its reasons found. The file appears whole or not at
    all. Raises `DataError` without any metrics and `StorageError` when it cannot be written.
    """
    if not metrics:
        raise DataError("nothing_to_report", "There are no metrics to report")
    texts = {name: words.pick(language) for name, words in _TEXTS.items()}
    html = render(
        "engine.evaluation.report",
        language=language,
        text=texts,
        made_at=f"{made_at:%Y-%m-%d %H:%M}",
        cutoffs=[f"{cutoff:%Y-%m-%d}" for cutoff in metrics[0].cutoffs],
        models=[one.model for one in metrics],
        rows=[
            (words.pick(language), [_number(getattr(one, name), form) for one in metrics])
            for name, words, form in _ROWS
        ],
        confusion=metrics[0].confusion,
        verdict=[words.pick(language) for words in verdict.statements] if verdict else [],
        over_time=_over_time(by_cutoff, texts, language) if len(by_cutoff) > 1 else None,
        charts=_charts(curves, calibration, texts) if curves else [],
        legend=list(curves),
        calibration=calibration,
        reasons=HEADING.pick(language),
        checks=[
            (one.name.pick(language), one.found.pick(language)) for one in checks(faithfulness)
        ],
        learning=_learning(learning, texts) if len(learning) > 1 else None,
    )
    write_atomically(path, html)


def _over_time(
    by_cutoff: Sequence[Metrics], text: Mapping[str, str], language: Language
) -> tuple[list[str], list[tuple[str, list[str]]]]:
    """The head, and a row for each cutoff, for their mean and for the worst of them."""
    forms = {name: (words.pick(language), form) for name, words, form in _ROWS}
    head = [text["cutoff"], *(forms[name][0] for name in _OVER_TIME)]
    rows = [
        (
            f"{one.cutoffs[0]:%Y-%m-%d}",
            [_number(getattr(one, name), forms[name][1]) for name in _OVER_TIME],
        )
        for one in by_cutoff
    ]
    found = {name: spread(by_cutoff, name) for name in _OVER_TIME[2:]}
    for which in ("mean", "worst"):
        values = [
            _number(None if one is None else getattr(one, which), forms[name][1])
            for name, one in found.items()
        ]
        rows.append((text[which], ["", "", *values]))
    return head, rows


def _learning(learning: Sequence[Mapping[str, float]], text: Mapping[str, str]) -> Markup:
    """The losses of the net by epoch, from 1."""
    lines = []
    for name in ("train_loss", "valid_loss"):
        points = [
            (float(epoch), row[name])
            for epoch, row in enumerate(learning, start=1)
            if math.isfinite(row.get(name, math.nan))
        ]
        if points:
            epochs, losses = zip(*points, strict=True)
            lines.append(Line(text[name], epochs, losses, marks=True))
    values = [value for line in lines for value in line.y]
    low, high = min(values), max(values)
    across = tuple((float(epoch), f"{epoch}") for epoch in range(1, len(learning) + 1))
    up = tuple((value, f"{value:.3f}") for value in (low, (low + high) / 2, high))
    return chart(
        text["loss"],
        Axis(text["epoch"], 1.0, float(len(learning)), across),
        Axis(text["log_loss"], low, high, up),
        lines,
    )


def _charts(
    curves: Mapping[str, Curves], calibration: CalibrationCheck | None, text: Mapping[str, str]
) -> list[tuple[str, Markup]]:
    roc = [Line(n, c.false_positive_rate, c.true_positive_rate) for n, c in curves.items()]
    pr = [Line(n, c.recall, c.precision) for n, c in curves.items()]
    reliability = [Line(n, c.bin_risk, c.bin_rate, marks=True) for n, c in curves.items()]
    if calibration is not None:
        before = calibration.before
        reliability.append(Line(text["before"], before.risk, before.rate))
    lift = [Line(n, c.contacted, c.caught) for n, c in curves.items()]
    return [
        (text[title], _square(text, title, x, y, lines, diagonal=diagonal))
        for title, x, y, lines, diagonal in (
            ("roc", "false_positive_rate", "true_positive_rate", roc, True),
            ("pr", "recall", "precision", pr, False),
            ("reliability", "mean_risk", "churn_rate", reliability, True),
            ("lift", "contacted", "caught", lift, True),
        )
    ]


def _square(
    text: Mapping[str, str], title: str, x: str, y: str, lines: Sequence[Line], *, diagonal: bool
) -> Markup:
    """A chart over the unit square; names are keys of `text`."""
    across, up = (Axis(text[name], 0.0, 1.0, UNIT) for name in (x, y))
    return chart(text[title], across, up, lines, diagonal=diagonal)


def _number(value: float | None, form: str) -> str:
    return form.format(value) if value is not None and math.isfinite(value) else "—"
