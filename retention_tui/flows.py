"""Steps of several questions: confirm, do, say. The app owns them, so they outlive a screen."""

from __future__ import annotations

from typing import TYPE_CHECKING

from engine.errors import RetentionError
from engine.types import ExportFormat, ExportKind, ModelCard, PlanRequest, RankQuery
from retention_tui.i18n import t, tn
from retention_tui.i18n.formats import day, number
from retention_tui.modals.confirm import Confirm
from retention_tui.screens.compose import confirm_plan
from retention_tui.screens.models import champion_of, difference

if TYPE_CHECKING:
    from retention_tui.app import RetentionApp


async def deliver(app: RetentionApp, request: PlanRequest) -> int | None:
    """Plan, ask, approve, send; how many went out, or None when given up or failed.

    The plan is made first, so that the dialogue shows what is really in it; declined, it is
    cancelled and stays in the log as such.
    """
    client = app.client
    try:
        plan = await client.plan(request)
        if plan.to_send == 0:
            await client.cancel_plan(plan.plan_id)
            app.say(t("Nobody would get a message: see who would get it and why not"))
            return None
        if not await app.push_screen_wait(confirm_plan(plan)):
            await client.cancel_plan(plan.plan_id)
            app.say(t("The plan is cancelled; nothing was sent"))
            return None
        await client.approve(plan.plan_id)
        report = await client.send(plan.plan_id)
    except RetentionError as error:
        app.report(error)
        return None
    finally:
        app.data_changed()
    place = str(report.outbox) if report.outbox is not None else ""
    app.say(
        tn("{n} message sent to the outbox", "{n} messages sent to the outbox", report.sent)
        + (f"\n{place}" if place else "")
    )
    return report.sent


async def export(
    app: RetentionApp, kind: ExportKind, form: ExportFormat, query: RankQuery | None
) -> None:
    """Write the file and say where it is."""
    try:
        report = await app.client.export(kind, form, query)
    except RetentionError as error:
        app.report(error)
        return
    rows = tn("{n} row exported", "{n} rows exported", report.rows)
    app.say(f"{rows}\n{report.path}")
    if app.is_web:
        # Who sits at a browser has no folder here: the file goes to where they are.
        app.deliver_binary(report.path, open_method="download")


async def retrain(app: RetentionApp) -> None:
    """Say what the training would use, ask, start."""
    try:
        facts = await app.client.facts()
        cards = await app.client.models()
    except RetentionError as error:
        app.report(error)
        return
    if facts.data is None:
        app.say(t("There is no data to learn from. Run: retention load"))
        return
    lines = [
        t("Data until {day}, {users} users", day=day(facts.data.as_of, facts.timezone),
          users=number(facts.data.users)),
    ]  # fmt: skip
    champion = champion_of(cards)
    if champion is not None:
        minutes = max(1, round(champion.seconds / 60))
        lines.append(
            t("The champion took about {time}", time=tn("{n} minute", "{n} minutes", minutes))
        )
    lines.append(t("The app stays usable. Nothing is promoted by itself."))
    if await app.push_screen_wait(Confirm(t("Train a challenger?"), lines, t("train"))):
        await app.launch("train")


async def promote(app: RetentionApp, challenger: ModelCard) -> None:
    """Repeat the gate's verdict, ask, promote."""
    verdict = challenger.verdict
    lines = [challenger.model_id]
    if verdict is None:
        lines.append(t("There is no champion to compare with."))
    else:
        lines.append(
            t("The gate recommends it") if verdict.wins else t("The gate does not recommend it")
        )
        if verdict.log_loss_difference is not None:
            lines.append(f"{t('log loss')} {difference(verdict.log_loss_difference)}")
    lines.append(t("The risk list changes with the next scoring: retention score"))
    title = t("Put the challenger into service?")
    if await app.push_screen_wait(Confirm(title, lines, t("promote"))):
        await _change(app, challenger.model_id)


async def rollback(app: RetentionApp) -> None:
    """Ask, then return to the model before."""
    lines = [t("The model before the champion comes back into service.")]
    title = t("Roll back the champion?")
    if await app.push_screen_wait(Confirm(title, lines, t("roll back"))):
        await _change(app, None)


async def _change(app: RetentionApp, model_id: str | None) -> None:
    try:
        if model_id is None:
            await app.client.rollback()
        else:
            await app.client.promote(model_id)
    except RetentionError as error:
        app.report(error)
        return
    app.data_changed()
    app.say(t("The model in service has changed"))
