"""The gate: may a challenger take over from the model in service?"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine.evaluation.metrics import calibration_error, checked
from engine.evaluation.paired import MetricName, metric_interval, paired_difference
from engine.evaluation.profit import Economics, profit, profit_difference
from engine.types import GateVerdict, Interval, LabelCounts, Words


@dataclass(frozen=True, slots=True)
class GateLimits:
    log_loss_margin: float = 0.01  # nats: a smaller loss of quality is worth fresher data
    ece: float = 0.05
    profit_margin: float = 0.02  # of the champion's profit at capacity


DEFAULT_LIMITS = GateLimits()


def gate(
    label: NDArray[Any],
    users: NDArray[Any],
    *,
    challenger: NDArray[np.float64],
    champion: NDArray[np.float64] | None,
    baseline: NDArray[np.float64] | None,
    seed: int,
    weight: NDArray[Any] | None = None,
    labels: LabelCounts | None = None,
    limits: GateLimits = DEFAULT_LIMITS,
    rounds: int = 400,
    incomparable: bool = False,
    economics: Economics | None = None,
    groups: tuple[bool, Words] | None = None,
    reasons: tuple[bool, Words] | None = None,
) -> GateVerdict:
    """The verdict on N common test rows: `label` of 0 and 1, `users` to cluster on, three risks.

    The challenger wins if all of these hold:
    - it does not score exactly as the champion does: there would be nothing to gain;
    - against a champion, the 95 % interval of its log loss minus the champion's stays at or below
      the margin; as a first model, the interval of its ROC-AUC lies above 0.5;
    - against a champion, where `economics` tells what users are worth: its profit at capacity is
      not provably lower by more than the margin (the 95 % interval reaches above it);
    - its calibration error is within the limit, or within what a perfectly calibrated model
      would show by chance on so few rows (95 % of draws);
    - the baseline (HistGradientBoosting on the same columns) is not provably better by more than
      the margin: if it is, the baseline should be shipped;
    - `groups`, where they could be compared, are served alike (told with the words);
    - `reasons`, where they were checked, hold (told with the words).
    `weight` (N,) is that of honest labelling. `labels` (what it did to the rows) adds a statement
    where contacted users cannot be compared with a holdout. `incomparable`: a champion is there,
    but reads columns that these rows do not have; the challenger is then judged as a first model,
    and the summary says so. Raises `DataError` when the labels
    hold one class.
    """
    compare = partial(_difference, label, challenger, users, seed, rounds, weight)
    said: list[tuple[bool, Words]] = []
    log_loss_difference = roc_auc_difference = profits = None
    baseline_wins = False
    if champion is None:
        auc = metric_interval(
            label, challenger, users, metric="roc_auc", seed=seed, rounds=rounds, weight=weight
        )
        said.append((auc.low > 0.5, _first_model(auc)))
    else:
        log_loss_difference = compare(champion, "log_loss")
        roc_auc_difference = compare(champion, "roc_auc")
        kept = log_loss_difference.high <= limits.log_loss_margin
        same = np.array_equal(challenger, champion)
        said.append(
            (False, _same_as_champion())
            if same
            else (kept, _against_champion(log_loss_difference, kept, limits))
        )
        earned = None if economics is None else profit(label, champion, economics, weight)
        if economics is not None and earned is not None and not same:
            profits = profit_difference(
                label, challenger, champion, users, economics, seed=seed, rounds=rounds,
                weight=weight,
            )  # fmt: skip
            said.append(_profit(profits, earned, limits))
    said.append(_calibration(label, challenger, weight, limits, seed))
    if baseline is not None and not np.array_equal(baseline, challenger):
        loss = compare(baseline, "log_loss")
        baseline_wins = loss.low > 0 and loss.estimate > limits.log_loss_margin
        said.append((not baseline_wins, _against_baseline(loss, baseline_wins)))
    said += [one for one in (groups, reasons) if one is not None]
    if labels is not None and labels.treated_inside and not labels.holdout:
        said.append((True, _not_verifiable(labels.treated_inside)))
    wins = all(passed for passed, _ in said)
    return GateVerdict(
        wins=wins,
        log_loss_difference=log_loss_difference,
        roc_auc_difference=roc_auc_difference,
        statements=(_summary(wins, champion is None, incomparable), *(words for _, words in said)),
        profit_difference=profits,
        baseline_wins=baseline_wins,
    )


def _difference(
    label: NDArray[Any],
    challenger: NDArray[np.float64],
    users: NDArray[Any],
    seed: int,
    rounds: int,
    weight: NDArray[Any] | None,
    other: NDArray[np.float64],
    metric: MetricName,
) -> Interval:
    return paired_difference(
        label, challenger, other, users, metric=metric, seed=seed, rounds=rounds, weight=weight
    )


def chance_calibration_error(
    risk: NDArray[np.float64],
    seed: int,
    weight: NDArray[np.float64] | None = None,
    draws: int = 100,
) -> float:
    """The calibration error that a perfect model stays below in 95 % of draws at this size."""
    rng = np.random.default_rng(seed)
    errors = [
        calibration_error((rng.random(len(risk)) < risk).astype(np.float64), risk, weight)
        for _ in range(draws)
    ]
    return float(np.quantile(errors, 0.95))


def _calibration(
    label: NDArray[Any],
    risk: NDArray[np.float64],
    weight: NDArray[Any] | None,
    limits: GateLimits,
    seed: int,
) -> tuple[bool, Words]:
    label, risk, weight = checked(label, risk, weight)
    error = calibration_error(label, risk, weight)
    limit = max(limits.ece, chance_calibration_error(risk, seed, weight))
    passed = error <= limit
    zh, en = ("在限值", "within") if passed else ("超出限值", "above")
    tail = "以内" if passed else ""
    return passed, Words(
        f"校准误差 {error:.3f}，{zh} {limit:.3f} {tail}".rstrip() + "。",
        f"Calibration error {error:.3f}, {en} the limit of {limit:.3f}.",
    )


def _first_model(auc: Interval) -> Words:
    numbers = f"{auc.estimate:.3f} [{auc.low:.3f}, {auc.high:.3f}]"
    if auc.low > 0.5:
        return Words(
            f"首个模型：ROC-AUC {numbers}，明显好于随机排序。",
            f"First model: ROC-AUC {numbers}, better than chance.",
        )
    return Words(
        f"首个模型：ROC-AUC {numbers}，尚不能证明好于随机排序。",
        f"First model: ROC-AUC {numbers}, not shown to be better than chance.",
    )


def _same_as_champion() -> Words:
    return Words(
        "与现任模型的打分完全相同，没有可更换的。",
        "Scores exactly as the champion does: there is nothing to gain.",
    )


def _against_champion(loss: Interval, kept: bool, limits: GateLimits) -> Words:
    numbers = f"{loss.estimate:+.4f} [{loss.low:+.4f}, {loss.high:+.4f}]"
    if loss.high < 0:
        return Words(
            f"对数损失比现任低：{numbers}，差异显著。",
            f"Log loss lower than the champion's: {numbers}, a proven gain.",
        )
    if kept:
        return Words(
            f"对数损失与现任之差 {numbers}，未超过容差 {limits.log_loss_margin:g}。",
            f"Log loss minus the champion's: {numbers}, within the margin of "
            f"{limits.log_loss_margin:g}.",
        )
    return Words(
        f"对数损失与现任之差 {numbers}，区间上限超过容差 {limits.log_loss_margin:g}。",
        f"Log loss minus the champion's: {numbers}; it may be worse by more than the margin of "
        f"{limits.log_loss_margin:g}.",
    )


def _profit(difference: Interval, of_champion: float, limits: GateLimits) -> tuple[bool, Words]:
    margin = limits.profit_margin * abs(of_champion)
    passed = difference.high >= -margin
    numbers = f"{difference.estimate:+.4g} [{difference.low:+.4g}, {difference.high:+.4g}]"
    if passed:
        return True, Words(
            f"触达容量下每位用户的预期收益与现任之差 {numbers}"
            f"（现任 {of_champion:.4g}）：不低于现任。",
            "Profit at capacity minus the champion's, per user: "
            f"{numbers} (champion {of_champion:.4g}): not below it.",
        )
    return False, Words(
        f"触达容量下每位用户的预期收益低于现任：{numbers}（现任 {of_champion:.4g}）。",
        f"Profit at capacity below the champion's, per user: {numbers} "
        f"(champion {of_champion:.4g}).",
    )


def _against_baseline(loss: Interval, beaten: bool) -> Words:
    numbers = f"{loss.estimate:+.4f} [{loss.low:+.4f}, {loss.high:+.4f}]"
    if beaten:
        return Words(
            f"基线模型 HistGradientBoosting 更好（对数损失之差 {numbers}）：应上线基线模型。",
            "The baseline HistGradientBoosting is better "
            f"(log loss difference {numbers}): ship the baseline.",
        )
    return Words(
        f"不逊于基线模型 HistGradientBoosting：对数损失之差 {numbers}。",
        f"Not behind the baseline HistGradientBoosting: log loss difference {numbers}.",
    )


def baseline_chosen() -> Words:
    """What is said where the calibration rows themselves preferred the baseline."""
    return Words(
        "校准样本上基线模型 HistGradientBoosting 明显更好，因此登记的是基线模型。",
        "On the calibration rows the baseline HistGradientBoosting is clearly better, so the "
        "baseline is the one that is registered.",
    )


def baseline_shipped(beaten: str) -> Words:
    """What is said of the baseline that is registered in the place of the model it beat."""
    return Words(
        f"基线模型 HistGradientBoosting 明显好于 {beaten}，因此登记的是基线模型。",
        f"The baseline HistGradientBoosting is better than {beaten}, so the baseline is the one "
        "that is registered.",
    )


def _not_verifiable(rows: int) -> Words:
    return Words(
        f"日志中没有对照组：{rows:,} 行样本的用户被触达过，这部分人群的得分无法验证，"
        "不能说挑战者在其中更好。",
        f"The log has no holdout: {rows:,} rows belong to contacted users; their scores can't be "
        "verified, so the challenger can't be called better there.",
    )


def _summary(wins: bool, first: bool, incomparable: bool) -> Words:
    if incomparable:
        zh, en = ("", "Promote the challenger") if wins else ("暂不", "Do not promote it")
        return Words(
            f"{zh}建议上线：现任模型读取的列在当前数据中不存在，两者无法比较。",
            f"{en}: the champion reads columns that these data do not have, "
            "so the two cannot be compared.",
        )
    if wins and first:
        return Words("建议上线：目前没有现任模型。", "Promote: there is no champion yet.")
    if wins:
        return Words("建议用挑战者替换现任。", "Promote the challenger.")
    if first:
        return Words("暂不建议上线。", "Do not promote this model yet.")
    return Words("建议保留现任。", "Keep the champion.")
