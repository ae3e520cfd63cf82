"""Measured effects beside the model's view: what campaigns that aimed at the same have shown."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from engine.effects.pooled import Arms, pooled_difference
from engine.types import Interval, TemplateInfo, Words
from engine.whatif.edit import Edit
from engine.whatif.report import Measured

NOT_MEASURED = Words("尚无实测效果", "not measured yet")


def measured(
    edits: Sequence[Edit],
    templates: Collection[TemplateInfo],
    arms: Mapping[str, Mapping[str, Arms]],
) -> Measured:
    """The pooled effect of the templates that aim at what `edits` edit.

    Of two edits together nothing is measured: campaigns send one message.
    """
    if len(edits) != 1:
        return Measured((), 0, None, NOT_MEASURED)
    (edit,) = edits
    aimed = [
        template.template_id
        for template in templates
        if template.offer == edit.offer and edit.groups & set(template.reasons)
    ]
    told = {template_id: arms[template_id] for template_id in aimed if template_id in arms}
    strata = [one for campaigns in told.values() for one in campaigns.values()]
    campaigns = len({campaign for own in told.values() for campaign in own})
    lift = pooled_difference(strata) if strata else None
    return Measured(tuple(sorted(told)), campaigns, lift, _words(campaigns, lift))


def _words(campaigns: int, lift: Interval | None) -> Words:
    if lift is None:
        return NOT_MEASURED
    points = f"{100 * lift.estimate:+.1f}"
    between = f"{100 * lift.low:+.1f} … {100 * lift.high:+.1f}"
    times = "1 campaign" if campaigns == 1 else f"{campaigns} campaigns"
    return Words(
        f"{campaigns} 次活动实测：留存率 {points} 个百分点，95 % 区间 {between}",
        f"measured in {times}: retention {points} points, 95 % {between}",
    )
