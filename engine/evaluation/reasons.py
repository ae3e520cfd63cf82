"""The checks of a model's reasons in words, and whether they hold. Standard library only."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from engine.faithfulness import Faithfulness, Stability
from engine.types import Words

if TYPE_CHECKING:
    from engine.settings import ReasonSettings

FEWEST = 20
"""Users: of fewer no share is held to a limit."""

HEADING = Words("原因核验", "The reasons checked")


@dataclass(frozen=True, slots=True)
class Check:
    """One check of the reasons: its name and what it found."""

    name: Words
    found: Words

    @property
    def line(self) -> Words:
        """Name and finding as one line."""
        return Words(f"{self.name.zh}：{self.found.zh}", f"{self.name.en}: {self.found.en}")


def checks(found: Faithfulness | None) -> tuple[Check, ...]:
    """The lines that every screen and report shows of a model's reasons; always at least one."""
    if found is None:
        older = Words("此模型由旧版本训练。", "The model was trained by an older version.")
        return (Check(Words("未核验", "Not measured"), older),)
    lines = [
        Check(Words("去除首要原因", "First reason taken away"), _lowered(found)),
        Check(Words("逐个去除原因", "More reasons taken away"), _drops(found)),
        Check(Words("各原因之和", "Sum of the reasons"), _complete(found)),
    ]
    if found.stability is not None:
        lines.append(
            Check(Words("换一个模型再问", "Another model asked"), _agreement(found.stability))
        )
    return tuple(lines)


def reasons_hold(found: Faithfulness, limits: ReasonSettings) -> tuple[bool, Words]:
    """Whether no share is below its limit, and the sentence for the gate."""
    if found.tested < FEWEST:
        return True, Words(
            f"可核验原因的用户只有 {found.tested} 位，太少，未对照限值。",
            f"Reasons of only {found.tested} users could be checked: too few for the limits.",
        )
    broken = [
        (words, share, limit)
        for words, part, whole, limit in _held(found, limits)
        if (share := part / max(1, whole)) < limit
    ]
    if not broken:
        return True, Words(
            f"原因可信：{_lowered(found).zh}", f"The reasons hold: {_lowered(found).en}"
        )
    zh = "；".join(f"{w.zh}的用户占 {share:.0%}，下限 {limit:.0%}" for w, share, limit in broken)
    en = "; ".join(
        f"{w.en} for {share:.0%} of the users, the limit is {limit:.0%}"
        for w, share, limit in broken
    )
    return False, Words(f"原因未通过核验：{zh}。", f"The reasons fail their checks: {en}.")


def _held(found: Faithfulness, limits: ReasonSettings) -> list[tuple[Words, int, int, float]]:
    """What is held to a limit: its words, users for whom it is so, users asked, the least share."""
    held = [
        (
            Words("去除首要原因后风险下降", "the risk falls without the first reason"),
            found.lowered,
            found.tested,
            limits.least_lowered,
        ),
        (
            Words("各原因之和与风险相符", "the reasons add up to the risk"),
            found.complete,
            found.users,
            limits.least_complete,
        ),
    ]
    if (other := found.stability) is not None and other.compared >= FEWEST:
        held.append(
            (
                Words(
                    "首要原因在另一模型的前三个之中",
                    "the first reason is among the first three of another model",
                ),
                other.in_first_three,
                other.compared,
                limits.least_in_first_three,
            )
        )
    return held


def _lowered(found: Faithfulness) -> Words:
    return Words(
        f"{found.tested} 位用户中，去除首要原因后风险下降的有 {found.lowered} 位"
        f"（随机去除一个原因：{found.random_lowered} 位）。",
        f"Of {found.tested} users, for {found.lowered} the risk falls when the first reason is "
        f"taken away (when one at random is: for {found.random_lowered}).",
    )


def _drops(found: Faithfulness) -> Words:
    told, chance = (
        "、".join(f"{drop:.2f}" for drop in drops) for drops in (found.drops, found.random_drops)
    )
    return Words(
        f"去除前一、二、三个原因，对数几率平均下降 {told}；随机去除同样多个：{chance}。",
        f"The log-odds fall by {told.replace('、', ', ')} without the first reason, two, three; "
        f"without as many at random: {chance.replace('、', ', ')}.",
    )


def _complete(found: Faithfulness) -> Words:
    worst = f"{found.worst_remainder:.1%}"
    return Words(
        f"{found.users} 位用户中，{found.complete} 位的原因之和与风险相差不超过 1%；"
        f"最大相差 {worst}。",
        f"For {found.complete} of {found.users} users the reasons add up to the risk within 1 %; "
        f"the most that is left over is {worst}.",
    )


def _agreement(other: Stability) -> Words:
    who = {
        "first_fit": Words(
            "未学习最新数据的同一模型", "The model before the newest rows taught it"
        ),
        "other_fold": Words("另一折的模型", "The model of another fold"),
    }[other.against]
    return Words(
        f"{who.zh}：{other.compared} 位用户中，{other.same_first} 位的首要原因相同，"
        f"{other.in_first_three} 位的在其前三个之中；肯德尔 τ 为 {other.kendall:.2f}。",
        f"{who.en} gives {other.same_first} of {other.compared} users the same first reason, and "
        f"{other.in_first_three} have it among its first three; Kendall's tau {other.kendall:.2f}.",
    )
