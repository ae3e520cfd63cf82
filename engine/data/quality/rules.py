"""What is asked of the data: each rule with its limits, its sentence and what to do about it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from math import inf
from typing import Literal

from engine.data.quality.report import QualityCheck
from engine.types import Words

Unit = Literal["share", "days", "hours", "times", "tables"]


@dataclass(frozen=True, slots=True)
class Rule:
    """A value above `look` asks for a look, one above `unfit` makes the data unfit.

    The sentence may name {count}, {value}, {limit} and what the judge adds.
    """

    code: str
    unit: Unit
    look: float
    unfit: float
    sentence: Words
    advice: Words

    def within(self, unfit: float) -> Rule:
        """The rule with another limit, beyond which the data are unfit."""
        return replace(self, look=min(self.look, unfit), unfit=unfit)

    def judge(self, value: float, count: int, **detail: object) -> QualityCheck:
        """The check: its state, and the sentence filled with what was found."""
        found = detail | {
            "count": f"{count:,}",
            "value": self._shown(value),
            "limit": self._shown(self.look),
        }
        return QualityCheck(
            code=self.code,
            state="unfit" if value > self.unfit else "look" if value > self.look else "fit",
            count=count,
            value=value,
            limit=self.look,
            words=Words(_fill(self.sentence, "zh", found), _fill(self.sentence, "en", found)),
            advice=self.advice,
        )

    def _shown(self, value: float) -> str:
        if self.unit == "share":
            return f"{value:.1%}"
        return f"{value:.1f}" if self.unit == "times" else f"{value:.0f}"


def _fill(sentence: Words, language: str, found: Mapping[str, object]) -> str:
    said = {k: v.pick(language) if isinstance(v, Words) else v for k, v in found.items()}
    return sentence.pick(language).format(**said)


REFUSED_ROWS = Rule(
    "refused_rows",
    "share",
    0.02,
    0.5,
    Words(
        "{count} 行未通过检查，占读入的 {value}（上限 {limit}）",
        "Rows that did not pass: {count}, {value} of those read (limit {limit})",
    ),
    Words(
        "看隔离区最多的原因：多半是映射里一个表达式或一个取值没有对上",
        "Look at the quarantine's first reason: mostly one expression or one word of the mapping "
        "does not fit",
    ),
)
ORPHANS = Rule(
    "orphans",
    "share",
    0.01,
    0.1,
    Words(
        "{count} 行的用户不在用户表中，占读入的 {value}（上限 {limit}）",
        "Rows that belong to no user: {count}, {value} of those read (limit {limit})",
    ),
    Words(
        "用户表不全，或两张表的用户编号写法不同（空格、前导零、大小写）",
        "The table of users is incomplete, or its ids are written otherwise (blanks, leading "
        "zeros, case)",
    ),
)
DUPLICATE_KEYS = Rule(
    "duplicate_keys",
    "share",
    0.01,
    0.2,
    Words(
        "{count} 行的主键重复，占读入的 {value}（上限 {limit}）",
        "Rows that repeat a key: {count}, {value} of those read (limit {limit})",
    ),
    Words(
        "只保留最早的一行；若来源重复导出，可以不管，否则请映射真正的主键",
        "The first was kept. Exports that overlap do this; otherwise map the true key",
    ),
)
REPEATED_FACTS = Rule(
    "repeated_facts",
    "share",
    0.02,
    0.3,
    Words(
        "{count} 条记录除主键外与另一条相同，占 {value}（上限 {limit}{sampled}）",
        "Facts alike in everything but the key: {count}, {value} (limit {limit}{sampled})",
    ),
    Words(
        "来源可能把同一件事记了两次：核对后在映射的 query 里用 SELECT DISTINCT",
        "The source may tell one thing twice: compare, then use SELECT DISTINCT in the mapping's "
        "query",
    ),
)
LONGEST_GAP = Rule(
    "longest_gap",
    "days",
    7,
    30,
    Words(
        "{table} 最长连续 {value} 天没有数据（上限 {limit} 天）",
        "Longest gap in {table}, in days: {value} (limit {limit})",
    ),
    Words(
        "补上缺的那段；空档附近的截止时刻会把所有人看成流失",
        "Fill the gap: around it every user looks gone",
    ),
)
SILENT_AT_END = Rule(
    "silent_at_end",
    "days",
    2,
    14,
    Words(
        "数据截止前 {table} 有 {value} 天没有数据（上限 {limit} 天）",
        "Days without {table} before the end of the data: {value} (limit {limit})",
    ),
    Words(
        "这张表的导出停了：先修好导出再打分，否则风险偏高",
        "The export of this table has stopped: mend it before scoring, else every risk is too high",
    ),
)
STOPPED_TABLES = Rule(
    "stopped_tables",
    "tables",
    0,
    inf,
    Words(
        "{count} 张其他表已停止更新（静默超过 7 天，也超过自身最长空档的两倍）{names}",
        "Other tables that have stopped (silent for over 7 days and over twice their longest "
        "gap): {count}{names}",
    ),
    Words(
        "核对这些表的导出：依赖它们的特征已经过时",
        "Check the exports of these tables: the features that read them are out of date",
    ),
)
FEWER_ROWS = Rule(
    "fewer_rows",
    "share",
    0.3,
    0.5,
    Words(
        "最近 7 天里行数最少的一天比此前同一星期几少 {value}（上限 {limit}）{day}",
        "The poorest of the last 7 days has {value} fewer rows than that weekday before (limit "
        "{limit}){day}",
    ),
    Words(
        "多半是当天没有导全：补齐后重新加载；节假日会真的少",
        "Mostly a day that was not exported whole: load it again. A holiday may be the true cause",
    ),
)
MORE_ROWS = Rule(
    "more_rows",
    "times",
    3,
    inf,
    Words(
        "最近 7 天里行数最多的一天是此前同一星期几的 {value} 倍（上限 {limit} 倍）{day}",
        "The richest of the last 7 days has {value} times the rows of that weekday before (limit "
        "{limit}){day}",
    ),
    Words(
        "重复导出，或一次活动：核对后再打分",
        "An export made twice, or a campaign: check before scoring",
    ),
)
LATE_FACTS = Rule(
    "late_facts",
    "share",
    0.1,
    0.5,
    Words(
        "{count} 条记录晚到一天以上，占 {value}（上限 {limit}）{delay}",
        "Facts known over a day late: {count}, {value} (limit {limit}){delay}",
    ),
    Words(
        "晚到的记录在当时的截止时刻看不见：这是对的；若 known_at 其实是导出时间，请改映射",
        "A cutoff does not see what came later, and rightly so; if known_at is really the time of "
        "the export, mend the mapping",
    ),
)
SHORT_HISTORY = Rule(
    "history",
    "days",
    0,
    0,
    Words(
        "数据覆盖 {days} 天；流失规则至少需要 {needed} 天",
        "The data cover {days} days; the churn rule needs {needed}",
    ),
    Words(
        "加载更长的历史，或在映射里缩短 horizon_days",
        "Load a longer history, or shorten horizon_days in the mapping",
    ),
)
USERS_WITHOUT_FACTS = Rule(
    "users_without_facts",
    "share",
    0.5,
    0.95,
    Words(
        "{count} 位用户没有任何行为记录，占 {value}（上限 {limit}）",
        "Users without any fact: {count}, {value} (limit {limit})",
    ),
    Words(
        "用户编号可能与行为表不一致；若只是从未活跃，则不会被打分",
        "Their ids may differ from those of the facts; users who were never active get no score",
    ),
)
WITHOUT_EMAIL = Rule(
    "without_email",
    "share",
    0.5,
    inf,
    Words(
        "{count} 位用户没有可用邮箱，占 {value}（上限 {limit}）",
        "Users without a usable address: {count}, {value} (limit {limit})",
    ),
    Words(
        "他们会被打分，但收不到邮件：映射 users.email",
        "They get a score but no message: map users.email",
    ),
)
WITHOUT_CONSENT = Rule(
    "without_consent",
    "share",
    0.5,
    inf,
    Words(
        "{count} 位用户的营销同意情况未知，占 {value}（上限 {limit}）",
        "Users whose consent to marketing is unknown: {count}, {value} (limit {limit})",
    ),
    Words(
        "未表明同意的人收不到营销邮件：映射 users.marketing_consent",
        "Without consent no marketing message goes out: map users.marketing_consent",
    ),
)
SHARING_EMAIL = Rule(
    "sharing_email",
    "share",
    0.01,
    inf,
    Words(
        "{count} 位用户与他人共用邮箱，占 {value}（上限 {limit}）",
        "Users who share an address with another: {count}, {value} (limit {limit})",
    ),
    Words(
        "可能是同一个人的几个账号：考虑以邮箱作为 user_id",
        "Perhaps several accounts of one person: consider the address as user_id",
    ),
)
WITHOUT_SIGN_UP = Rule(
    "without_sign_up",
    "share",
    0.5,
    inf,
    Words(
        "{count} 位用户没有注册时间，也没有任何记录，占 {value}（上限 {limit}）",
        "Users with neither a sign-up time nor a fact: {count}, {value} (limit {limit})",
    ),
    Words("映射 users.signed_up_at", "Map users.signed_up_at"),
)
OTHER_CURRENCY = Rule(
    "other_currency",
    "share",
    0,
    0.05,
    Words(
        "{count} 笔付款的币种不是 {currency} 且没有汇率，占 {value}，已拒收",
        "Payments not in {currency} and without a rate, refused: {count}, {value}",
    ),
    Words(
        "在映射的 [currencies] 里给出汇率，或用 where 去掉这些付款",
        "Give a rate in [currencies] of the mapping, or leave these payments out by `where`",
    ),
)
OUTLIERS = Rule(
    "outliers",
    "share",
    0.001,
    inf,
    Words(
        "{count} 个数值超过第 99 百分位的 10 倍，占 {value}（上限 {limit}）{names}",
        "Numbers above ten times the 99th percentile: {count}, {value} (limit {limit}){names}",
    ),
    Words(
        "看是不是单位混用（分与元、毫秒与秒）；训练时每个特征会截去两端",
        "Look for mixed units (cents and units, milliseconds and seconds); training clips every "
        "feature at both ends",
    ),
)
LONG_DAYS = Rule(
    "long_days",
    "share",
    0.001,
    0.1,
    Words(
        "{count} 个用户日的时长超过 24 小时，占 {value}（上限 {limit}{sampled}）",
        "Days of a user with over 24 hours of duration: {count}, {value} (limit {limit}{sampled})",
    ),
    Words(
        "时长单位可能不是秒，或一个账号多人在用",
        "The durations may not be seconds, or several people share an account",
    ),
)
QUIET_HOURS = Rule(
    "quiet_hours",
    "hours",
    6,
    inf,
    Words(
        "{zone} 时间 {start:02d}–{stop:02d} 点最安静，只占 {share}；距凌晨 1–7 点 {value} 小时"
        "（上限 {limit}）",
        "The quietest hours are {start:02d}–{stop:02d} in {zone}, with {share} of the events; "
        "that is {value} hours from 1–7 at night (limit {limit})",
    ),
    Words(
        "source_timezone 可能不对；机器产生的事件也会这样",
        "source_timezone may be wrong; events made by machines look like this too",
    ),
)
UNKNOWN_KINDS = Rule(
    "unknown_kinds",
    "share",
    0.9,
    inf,
    Words(
        "{count} 个事件的种类没有特征按名读取，占 {value}（上限 {limit}），只计作活跃{names}",
        "Events of kinds that no feature reads by name, which count as activity only: {count}, "
        "{value} (limit {limit}){names}",
    ),
    Words(
        "在 [tables.events.translate.kind] 里把它们译成文档中的种类",
        "Translate them in [tables.events.translate.kind] to the kinds of the guide",
    ),
)

RULES = (
    REFUSED_ROWS, ORPHANS, DUPLICATE_KEYS, REPEATED_FACTS, LONGEST_GAP, SILENT_AT_END,
    STOPPED_TABLES, FEWER_ROWS, MORE_ROWS, LATE_FACTS, SHORT_HISTORY, USERS_WITHOUT_FACTS,
    WITHOUT_EMAIL, WITHOUT_CONSENT, SHARING_EMAIL, WITHOUT_SIGN_UP, OTHER_CURRENCY, OUTLIERS,
    LONG_DAYS, QUIET_HOURS, UNKNOWN_KINDS,
)  # fmt: skip
"""All rules, in the report's order."""

VERDICTS = {
    "fit": Words("数据可用", "The data are fit for use"),
    "look": Words(
        "数据可用，有 {n} 项要看一看", "The data are usable; checks that ask for a look: {n}"
    ),
    "unfit": Words(
        "数据不合用：{n} 项越过了底线，先处理再训练和打分",
        "The data are unfit; checks beyond the limit: {n}. Mend them before training and scoring",
    ),
}
"""State -> the verdict, with the number of checks that are as bad as that."""
