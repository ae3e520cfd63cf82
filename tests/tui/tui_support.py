"""An engine made of facts, with a gate; and what pilot tests share."""

from __future__ import annotations

import asyncio
import math
import time
from collections import defaultdict
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import date, datetime, timedelta
from pathlib import Path

import insight_facts
from textual.pilot import Pilot

from engine.data.quality import rules
from engine.data.quality.report import (
    ColumnQuality,
    FeatureGroup,
    QualityReport,
    QuarantineGroup,
    TableQuality,
)
from engine.errors import RetentionError, UsageError
from engine.horizons import RiskByDay, RiskOnDay
from engine.insight.report import Insight
from engine.monitor.report import (
    ColumnDrift,
    Drift,
    Estimate,
    Expected,
    Fairness,
    MonitorReport,
)
from engine.similar.report import SimilarReport, SimilarUser
from engine.types import (
    Band,
    Confusion,
    DataSummary,
    Effect,
    Explanation,
    ExportFormat,
    ExportKind,
    ExportReport,
    GateCount,
    GateVerdict,
    Interval,
    InterventionRow,
    LabelCounts,
    Language,
    LogPage,
    Metrics,
    ModelCard,
    Offer,
    PlanRequest,
    PlanSummary,
    RankPage,
    RankQuery,
    Reason,
    RenderedMessage,
    RiskRow,
    ScoringRun,
    SendReport,
    TemplateInfo,
    TimelineEntry,
    UserDetail,
    Words,
)
from engine.whatif.report import Measured, Possibility, WhatIfReport
from retention_tui.app import RetentionApp
from retention_tui.client import WorkspaceFacts
from retention_tui.jobs import JobRunner
from retention_tui.screens.base import DataScreen

NOW = datetime(2026, 9, 18, 2, 30)
CUTOFF = datetime(2026, 9, 18)
USERS = 300
NAMES = ("张伟", "李娜", "Emma Clark", "欧阳明月", "王芳", "Noah Kim", "刘洋", "陈静")
REASONS = (
    Words("23 天没有学习，留存用户通常 4 天", "No learning for 23 days, those who stay: 4"),
    Words("最近一次续费扣款失败", "The last renewal payment failed"),
    Words("会员 6 天后到期，未开自动续费", "Membership ends in 6 days, no renewal"),
    Words("已学完所购内容的 96%", "Finished 96 % of what was bought"),
    Words("近 30 天提交工单 3 张", "3 tickets in the last 30 days"),
)
SEGMENTS = ("年度会员", "月度会员", "单次购买")
HOSTILE = (
    "[red]赤[/] [/] [@click=app.quit]",
    "line\nbreak\tand\x1b[31m escape",
    "👩‍👩‍👧‍👦 family",
    "\u202eevil\u2066 right to left العربية",
    "很长的名字" * 40,
    "",
    "{name} {0} %s $name",
    "\x00\x07\x9bnull",
)


def band_of(risk: float) -> Band:
    if risk >= 0.7:
        return Band.CRITICAL
    if risk >= 0.4:
        return Band.HIGH
    return Band.MEDIUM if risk >= 0.2 else Band.LOW


def risk_row(place: int) -> RiskRow:
    risk = round(0.97 * math.exp(-place / 90), 4)
    return RiskRow(
        rank=place + 1,
        user_id=f"u{place:05d}",
        name=NAMES[place % len(NAMES)],
        risk=risk,
        band=band_of(risk),
        value_at_risk=risk * (600 - place),
        segment=SEGMENTS[place % len(SEGMENTS)],
        last_active_at=CUTOFF - timedelta(days=place % 41, hours=3),
        reason_group="fading_use",
        reason=REASONS[place % len(REASONS)],
        last_contact_at=CUTOFF - timedelta(days=40) if place % 7 == 0 else None,
    )


def metrics(model: str, auc: float) -> Metrics:
    return Metrics(
        model=model,
        n=5_120,
        positives=611,
        roc_auc=auc,
        average_precision=auc - 0.31,
        log_loss=1.12 - auc,
        brier=0.95 - auc,
        ece=0.012,
        accuracy=0.88,
        precision=0.47,
        recall=0.41,
        f1=0.438,
        confusion=Confusion(4_241, 268, 360, 251),
        lift_at_10=auc * 4.6,
        cutoffs=(CUTOFF,),
    )


def model_card(model_id: str, state: str, auc: float, day: int) -> ModelCard:
    return ModelCard(
        model_id=model_id,
        kind="blend",
        state=state,  # type: ignore[arg-type]
        created_at=datetime(2026, 9, day, 8),
        trained_until=datetime(2026, 8, 7),
        rows=61_204,
        columns=61,
        test=metrics("blend", auc),
        peers=(
            metrics("churn_net", auc - 0.011),
            metrics("hist_gradient_boosting", auc - 0.006),
            metrics("logistic", auc - 0.034),
        ),
        verdict=GateVerdict(
            True,
            Interval(-0.011, -0.018, -0.004),
            Interval(0.009, 0.002, 0.016),
            (Words("对数损失更低，区间不含零", "Lower log loss, interval without zero"),),
        )
        if state == "candidate"
        else None,
        labels=LabelCounts(),
        seconds=143.0,
        seed=7,
        learning=tuple(
            {"epoch": n, "train_loss": 0.5 * 0.8**n + 0.2, "valid_loss": 0.5 * 0.82**n + 0.23}
            for n in range(9)
        ),
    )


def by_day(risk: float) -> RiskByDay:
    """A course of return: everybody is away at first, `risk` of them at the end."""
    days = {9: 0.6, 14: 0.35, 21: 0.2, 30: 0.1, 35: 0.0}
    told = tuple(
        RiskOnDay(day, away, away - 0.04, min(1.0, away + 0.05))
        for day, away in ((day, risk + (1 - risk) * share) for day, share in days.items())
    )
    return RiskByDay(0.9, told[-1].low, told[-1].high, "return", 7, told)


def user_detail(row: RiskRow) -> UserDetail:
    shares = (0.41, 0.22, 0.12, 0.09, -0.08)
    return UserDetail(
        user_id=row.user_id,
        name=row.name,
        email="someone@example.com",
        channel="appstore",
        city="成都",
        locale="zh",
        signed_up_at=datetime(2025, 3, 1),
        marketing_consent=True,
        plan="年度会员",
        plan_ends_at=datetime(2026, 10, 2),
        auto_renew=False,
        row=row,
        explanation=Explanation(
            user_id=row.user_id,
            risk=row.risk,
            log_odds=1.9,
            baseline_log_odds=-2.1,
            reasons=tuple(
                Reason(f"group{n}", f"feature{n}", share * 4, share, 23.0, 4.0, REASONS[n])
                for n, share in enumerate(shares)
            ),
            remainder=0.32,
            segment=row.segment,
            model_id="blend-1",
            cutoff=CUTOFF,
        ),
        by_day=by_day(row.risk),
        timeline=(
            TimelineEntry(CUTOFF - timedelta(days=1), "payment:failed", "年度会员续费", 365.0),
            TimelineEntry(CUTOFF - timedelta(days=3), "message:ticket", "无法播放第 12 课"),
            TimelineEntry(CUTOFF - timedelta(days=9), "play", "经济学通识 · 第 11 课"),
            TimelineEntry(CUTOFF - timedelta(days=200), "subscription:started", "年度会员"),
        ),
        contacts=(log_row(int(row.user_id[1:])),) if row.last_contact_at else (),
    )


def log_row(place: int) -> InterventionRow:
    held = place % 9 == 4
    return InterventionRow(
        intervention_id=f"i{place:06d}",
        plan_id="p1",
        campaign="2026-08 关怀",
        user_id=f"u{place:05d}",
        name=NAMES[place % len(NAMES)],
        template_id="care_check_in",
        locale="zh",
        channel="email",
        arm="holdout" if held else "treat",
        propensity=0.1 if held else 0.9,
        status="held_out" if held else "sent",
        status_reason="",
        decided_at=NOW - timedelta(days=40),
        sent_at=None if held else NOW - timedelta(days=40),
        operator="lin",
        risk=0.7,
        reason_groups=("fading_use",),
        offer_percent=0.0,
        outcome="retained" if place % 3 else "churned",
        told=Words("12 天没有学习", "No learning for 12 days"),
    )


def what_if(row: RiskRow) -> WhatIfReport:
    told = Measured(
        ("care_check_in",),
        3,
        Interval(0.021, 0.004, 0.038),
        Words(
            "3 次活动实测：留存率 +2.1 个百分点，95 % 区间 +0.4 … +3.8",
            "measured in 3 campaigns: retention +2.1 points, 95 % +0.4 … +3.8",
        ),
    )
    unknown = Measured((), 0, None, Words("尚无实测效果", "not measured yet"))
    visits = Words(
        "本周多来两次，如其平时（每次 3 个行为、24分钟）",
        "Two more visits this week, each as usual (3 actions, 24 minutes)",
    )
    renewed = Words("按原价续一期会员", "The membership is renewed for one term at the same price")
    both = Words(f"{visits.zh}；{renewed.zh}", f"{visits.en}; {renewed.en}")
    ticket = Words("未解决的工单[red]得到解决", "The open ticket [red] is solved")
    return WhatIfReport(
        user_id=row.user_id,
        name=row.name,
        segment=row.segment,
        cutoff=CUTOFF,
        model_id="blend-1",
        risk=row.risk,
        run_risk=row.risk,
        possibilities=(
            Possibility(("two_visits",), visits, row.risk - 0.3, -0.3, False, told),
            Possibility(("term_renewed",), renewed, row.risk - 0.1, -0.1, True, unknown),
            Possibility(("tickets_solved",), ticket, row.risk + 0.02, 0.02, False, unknown),
        ),
        pair=Possibility(
            ("two_visits", "term_renewed"), both, row.risk - 0.41, -0.41, False, unknown
        ),
    )


def similar(row: RiskRow) -> SimilarReport:
    def one(place: int, left: bool) -> SimilarUser:
        return SimilarUser(
            user_id=f"u{place:05d}",
            name=NAMES[place % len(NAMES)],
            cutoff=CUTOFF - timedelta(days=70),
            left=left,
            distance=0.2,
            closeness=Words("非常相似", "very similar"),
            alike=(
                Words("近28天活跃天数：2（该用户 3）", "active days in 28 d: 2 (this user: 3)"),
            ),
            unlike=None
            if left
            else Words("价格：28元（该用户 30元）", "price: 28 (this user: 30)"),
            contacts=(log_row(place),) if place % 2 else (),
        )

    return SimilarReport(
        user_id=row.user_id,
        name=row.name,
        segment=row.segment,
        cutoff=CUTOFF,
        compared=8_877,
        past=(CUTOFF - timedelta(days=70),),
        nearest=100,
        nearest_left=35,
        stayed=tuple(one(place, False) for place in (11, 12, 13)),
        left=tuple(one(place, True) for place in (21, 22)),
    )


QUALITY = QualityReport(
    summary=DataSummary(
        USERS,
        {"users": USERS, "events": 42_000, "payments": 1_900, "subscriptions": 310},
        datetime(2025, 3, 1),
        CUTOFF,
        datetime(2026, 9, 18, 1),
        "CNY",
        "Asia/Shanghai",
        1_043,
    ),
    verdict="look",
    words=Words("数据可用，有 2 项要看一看", "The data are usable; checks that ask for a look: 2"),
    checks=(
        rules.REFUSED_ROWS.judge(0.0233, 1_040),
        rules.ORPHANS.judge(0.0201, 900),
        rules.LONGEST_GAP.judge(1, 1, table="events"),
        rules.FEWER_ROWS.judge(0.12, 68, day=Words("", "")),
        rules.WITHOUT_EMAIL.judge(0.2, 60),
        rules.OTHER_CURRENCY.judge(0.0, 0, currency="CNY"),
    ),
    tables=(
        TableQuality("users", USERS, USERS, 0, 3),
        TableQuality("events", 43_040, 42_000, 1_040, 0, date(2026, 7, 1),
                     tuple(0 if n == 40 else 500 + 37 * (n % 7) for n in range(79)), 210, 1, 0),
        TableQuality("payments", 1_900, 1_900, 0, 0, date(2026, 7, 1),
                     (*(20 + n % 9 for n in range(76)), 0, 0, 0), 0, 0, 3),
        TableQuality("subscriptions", 310, 310, 0, 0, date(2026, 7, 1), (4,) * 79, 0, 0, 0),
    ),
    columns=(ColumnQuality("users", "email", 60, 0.2, False),),
    quarantined={"events": {"orphan_user": 900, "bad_type": 140}, "users": {"bad_email": 3}},
    quarantine=(
        QuarantineGroup("events", "orphan_user", True, 900,
                        Words("所属用户不存在", "its user is not among the users"), ()),
        QuarantineGroup("events", "bad_type", True, 140,
                        Words("值的类型不对，无法转换", "a value is not of the column's type"), ()),
        QuarantineGroup("users", "bad_email", False, 3,
                        Words("邮箱格式不对，已置空，用户保留", "the e-mail address is malformed"),
                        ()),
    ),
    unknown_kinds={"app_open": 12_000},
    features=(FeatureGroup("price", Words("价格顾虑", "Price"), 3, 5, ("payments:coupon",)),),
)  # fmt: skip

WATCHED = MonitorReport(
    model_id="blend-20260904-9c",
    scoring_run_id="s1",
    cutoff=CUTOFF,
    drift=Drift(
        "some",
        0.21,
        0.14,
        None,
        (
            ColumnDrift("days_since_activity", Words("距上次活跃天数", "days since last activity"),
                        0.31, 0.12, 0.05, 0.02, 0.08, True, Words("", "")),
            ColumnDrift("spend_28d", Words("28 天消费[b]", "spend in 28 days [b]"),
                        0.02, 0.09, 0.01, 0.02, 0.05, False, Words("", "")),
        ),
        (CUTOFF - timedelta(days=40),),
        Words("有一些漂移：2 列中有 1 列的变化超出过去各期。",
              "Some drift: 1 of 2 columns shifted beyond what past months did."),
    ),
    estimate=Estimate(
        (Expected("roc_auc", Interval(0.771, 0.743, 0.799)),),
        (),
        Words("假定：关系没有变。", "Assumed: the relation has not changed."),
    ),
    fairness=Fairness(True, 0.1, 200, (), Words("都在限值内", "Within limits")),
    stress=None,
    seconds=5.2,
)  # fmt: skip

TEMPLATES = tuple(
    TemplateInfo(name, "ab12cd34ef56", ("zh", "en"), kind, ("fading_use",), title, offer)  # type: ignore[arg-type]
    for name, kind, title, offer in (
        ("care_check_in", "marketing", Words("关怀问候", "Care check-in"), False),
        ("discount", "marketing", Words("续费优惠", "Renewal discount"), True),
        ("payment_failed", "transactional", Words("扣款失败提醒", "Payment failed"), False),
    )
)


class FakeEngineClient:
    """Answers from memory. `hold(name)` makes that question wait for `release(name)`; `faults`
    holds errors to raise by question; `calls` what was asked."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.rows = tuple(risk_row(place) for place in range(USERS))
        self.entries = tuple(log_row(place) for place in range(40))
        self.cards: tuple[ModelCard, ...] = (
            model_card("blend-20260918-2f", "candidate", 0.868, 18),
            model_card("blend-20260904-9c", "champion", 0.859, 4),
        )
        self.effect_rows: tuple[Effect, ...] = (
            Effect(
                "c1",
                "2026-08 关怀",
                900,
                100,
                801,
                83,
                Interval(0.06, -0.01, 0.14),
                0.6,
                0.09,
                "cannot_tell",
                Words("尚无定论", "Cannot tell yet"),
            ),
        )
        self.template_rows = TEMPLATES
        self.data: DataSummary | None = DataSummary(
            USERS,
            {"users": USERS, "events": 42_000},
            datetime(2025, 3, 1),
            CUTOFF,
            datetime(2026, 9, 18, 1),
            "CNY",
            "Asia/Shanghai",
            17,
        )
        self.run: ScoringRun | None = ScoringRun(
            "s1",
            "blend-20260904-9c",
            CUTOFF,
            datetime(2026, 9, 18, 1, 5),
            USERS,
            {"critical": 30, "high": 50, "medium": 63, "low": 157},
            31_415.9,
            "CNY",
        )
        self.report: QualityReport = QUALITY
        self.watched: MonitorReport = WATCHED
        self.aside: tuple[str, ...] = (
            '{"event_id": "e1", "user_id": "u9", "note": "[red]赤[/]", "at": null}',
            '{"event_id": "e2", "user_id": "u10", "note": "line\\nbreak"}',
        )
        self.present = True
        self.faults: dict[str, RetentionError] = {}
        self.calls: dict[str, list[object]] = defaultdict(list)
        self._gates: dict[str, asyncio.Event] = {}

    def hold(self, name: str) -> None:
        self._gates[name] = asyncio.Event()

    def release(self, name: str) -> None:
        self._gates.pop(name).set()

    async def _asked(self, name: str, what: object = None) -> None:
        self.calls[name].append(what)
        gate = self._gates.get(name)
        if gate is not None:
            await gate.wait()
        if name in self.faults:
            raise self.faults[name]

    def exists(self) -> bool:
        return self.present

    def reopen(self) -> None:
        self.calls["reopen"].append(None)

    def close(self) -> None:
        pass

    async def facts(self) -> WorkspaceFacts:
        await self._asked("facts")
        return WorkspaceFacts("知行学堂", Path("demo"), "lin", "zh", self.data)

    async def latest_run(self) -> ScoringRun | None:
        await self._asked("latest_run")
        return self.run

    def _select(self, query: RankQuery) -> list[RiskRow]:
        text = query.filter
        rows = [row for row in self.rows if text in row.name or text in row.user_id]
        if query.sort in ("risk", "value", "name"):
            key = {"risk": "risk", "value": "value_at_risk", "name": "name"}[query.sort]
            rows.sort(key=lambda row: getattr(row, key), reverse=query.descending)
        elif query.descending:
            rows.reverse()
        return rows

    async def risk_page(self, query: RankQuery, start: int, count: int) -> RankPage:
        await self._asked("risk_page", (query, start, count))
        rows = self._select(query)
        return RankPage(
            tuple(rows[start : start + count]), start, len(rows), "s1", CUTOFF, "blend-1"
        )

    async def check_filter(self, text: str) -> None:
        await self._asked("check_filter", text)
        if text.endswith(">"):
            raise UsageError("filter_syntax", f"{text!r} ends after the sign")

    async def user(self, user_id: str) -> UserDetail:
        await self._asked("user", user_id)
        return user_detail(next(row for row in self.rows if row.user_id == user_id))

    async def what_if(self, user_id: str) -> WhatIfReport:
        await self._asked("what_if", user_id)
        return what_if(self.rows[int(user_id[1:])])

    async def similar(self, user_id: str) -> SimilarReport:
        await self._asked("similar", user_id)
        return similar(self.rows[int(user_id[1:])])

    async def models(self) -> tuple[ModelCard, ...]:
        await self._asked("models")
        return self.cards

    async def monitored(self) -> MonitorReport:
        await self._asked("monitored")
        return self.watched

    async def insight(self, model_id: str) -> Insight:
        await self._asked("insight", model_id)
        return insight_facts.insight(model_id)

    async def write_insight(self, found: Insight, language: Language) -> Path:
        await self._asked("write_insight", language)
        return self.folder / "reports" / "insight.html"

    async def quality(self) -> QualityReport:
        await self._asked("quality")
        return self.report

    async def quarantined(self, table: str, reason: str, count: int) -> tuple[str, ...]:
        await self._asked("quarantined", (table, reason, count))
        return self.aside[:count]

    async def write_quality(self, report: QualityReport, language: Language) -> Path:
        await self._asked("write_quality", (report, language))
        return Path("reports/data.html")

    async def promote(self, model_id: str) -> None:
        await self._asked("promote", model_id)
        states = {model_id: "champion"}
        self.cards = tuple(
            replace(card, state=states.get(card.model_id, "retired"))  # type: ignore[arg-type]
            for card in self.cards
        )

    async def rollback(self) -> None:
        await self._asked("rollback")

    async def templates(self) -> tuple[TemplateInfo, ...]:
        await self._asked("templates")
        return self.template_rows

    async def suggest(self, user_id: str) -> tuple[str, ...]:
        await self._asked("suggest", user_id)
        return ("discount", "care_check_in")

    async def preview(
        self, template_id: str, user_id: str, locale: str | None, offer: Offer
    ) -> RenderedMessage:
        await self._asked("preview", (template_id, user_id, locale, offer))
        name = next(row.name for row in self.rows if row.user_id == user_id)
        text = (
            f"{name}，您好：\n\n您的年度会员将于 10 月 2 日到期。\n专属优惠 {offer.percent:.0f}%。"
        )
        return RenderedMessage(
            template_id,
            "ab12cd34ef56",
            locale or "zh",
            f"{name}，为您留了一份续费优惠",
            "14 天内有效",
            text,
            "<p></p>",
            "0" * 64,
        )

    def _plan(self, request: PlanRequest, status: str) -> PlanSummary:
        chosen, held = len(request.user_ids), len(request.user_ids) // 3
        return PlanSummary(
            "p9",
            "c9",
            "2026-09-18",
            NOW,
            "lin",
            status,  # type: ignore[arg-type]
            (
                GateCount("selected", Words("已选择", "Selected"), 0, chosen),
                GateCount("holdout", Words("对照组", "Holdout"), held, chosen - held),
                GateCount("to_send", Words("将发送", "To send"), 0, chosen - held),
            ),
            chosen - held,
            held,
            request.offer.percent * chosen,
            "CNY",
        )

    async def plan(self, request: PlanRequest) -> PlanSummary:
        await self._asked("dry_run" if request.dry_run else "plan", request)
        return self._plan(request, "dry_run" if request.dry_run else "pending_approval")

    async def approve(self, plan_id: str) -> PlanSummary:
        await self._asked("approve", plan_id)
        return self._plan(PlanRequest("lin"), "approved")

    async def send(self, plan_id: str) -> SendReport:
        await self._asked("send", plan_id)
        return SendReport(plan_id, 2, 0, 0, 0, 0, Path("outbox"))

    async def cancel_plan(self, plan_id: str) -> None:
        await self._asked("cancel_plan", plan_id)

    async def log(self, text: str, start: int, count: int) -> LogPage:
        await self._asked("log", (text, start, count))
        rows = [row for row in self.entries if text in row.name or text in row.status]
        return LogPage(tuple(rows[start : start + count]), start, len(rows))

    async def effects(self) -> tuple[Effect, ...]:
        await self._asked("effects")
        return self.effect_rows

    async def export(
        self, kind: ExportKind, form: ExportFormat, query: RankQuery | None
    ) -> ExportReport:
        await self._asked("export", (kind, form, query))
        return ExportReport(kind, form, 300, Path("exports/x.csv"))


def workbench(
    client: FakeEngineClient, *, language: str = "zh", command: tuple[str, ...] = ("sleep", "60")
) -> RetentionApp:
    """The app on `client`, with a clock that stands still."""
    jobs = JobRunner(client.folder, lambda: NOW, command=lambda kind: command, grace_s=2.0)
    return RetentionApp(client, language=language, jobs=jobs, clock=lambda: NOW)


def screen_text(app: RetentionApp) -> str:
    """What the terminal shows: one line per row, without colours and trailing blanks."""
    width, height = app.size
    strips = app.screen._compositor.render_strips()
    lines = ["".join(segment.text for segment in strip).rstrip() for strip in strips[:height]]
    assert all(strip.cell_length == width for strip in strips), "a row is not as wide as the screen"
    return "\n".join(lines) + "\n"


async def wait_for(
    pilot: Pilot[None], predicate: Callable[[], bool], description: str, timeout_s: float = 10.0
) -> None:
    """Pump the app until `predicate` holds; fails with the description and the screen's text."""
    ends = time.monotonic() + timeout_s
    while not predicate():
        await pilot.pause()
        if time.monotonic() > ends:
            app = pilot.app
            assert isinstance(app, RetentionApp)
            raise AssertionError(f"never: {description}\n{screen_text(app)}")
        await asyncio.sleep(0)


def settled(app: RetentionApp) -> bool:
    """The screen in front has its answer, and no other question is out."""
    screen = app.screen
    workers = [worker for worker in app.workers if not worker.is_finished]
    return (
        isinstance(screen, DataScreen) and screen.state not in ("loading", "stale") and not workers
    )


@asynccontextmanager
async def running(
    app: RetentionApp, size: tuple[int, int] = (80, 24)
) -> AsyncIterator[Pilot[None]]:
    """The app in a terminal of `size`, with its first screen there."""
    async with app.run_test(size=size) as pilot:
        await wait_for(
            pilot,
            lambda: settled(app) or app.screen.is_modal,
            "the first screen has its answer",
        )
        await pilot.pause()
        yield pilot
        app.workers.cancel_all()


def toasts(app: RetentionApp) -> str:
    """The texts of all toasts now on show."""
    return "\n".join(notification.message for notification in app._notifications)
