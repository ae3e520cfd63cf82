"""The catalogue: every feature, and the groups that reasons and templates are keyed by."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Set
from types import MappingProxyType

from engine.errors import ModelError
from engine.features.spec import FeatureSpec
from engine.features.specs import (
    activity,
    breadth,
    calendar,
    failures,
    memberships,
    orders,
    peers,
    price,
    ratings,
    rhythm,
    spend,
    support,
    terms,
    trends,
    usage,
    value,
)
from engine.types import Words

__all__ = ["GROUPS", "SPECS", "FeatureSpec", "available_specs", "group_of", "specs_named"]

GROUPS: Mapping[str, Words] = MappingProxyType(
    {
        "fading_use": Words("使用减少", "Fading use"),
        "unused_value": Words("付费未充分使用", "Paid for but unused"),
        "content_exhausted": Words("想看的内容快看完了", "Running out of content"),
        "payment_failure": Words("支付失败", "Payment failure"),
        "price": Words("价格顾虑", "Price"),
        "term_ending": Words("会员即将到期", "Membership ending"),
        "support_trouble": Words("服务问题", "Trouble with support"),
        "history": Words("历史与消费习惯", "History and habits"),
        "calendar": Words("季节", "Season"),
        "sequence": Words("近期行为的顺序", "Order of recent actions"),
        "text": Words("近期留言的内容", "What recent messages say"),
    }
)
"""Codes are a contract; "sequence" and "text" have no column: they are the events and the messages
themselves."""

SPECS: tuple[FeatureSpec, ...] = (
    *activity.SPECS,
    *trends.SPECS,
    *rhythm.SPECS,
    *usage.SPECS,
    *value.SPECS,
    *breadth.SPECS,
    *failures.SPECS,
    *price.SPECS,
    *terms.SPECS,
    *memberships.SPECS,
    *support.SPECS,
    *ratings.SPECS,
    *orders.SPECS,
    *spend.SPECS,
    *peers.SPECS,
    *calendar.SPECS,
)

_BY_NAME: Mapping[str, FeatureSpec] = MappingProxyType({spec.name: spec for spec in SPECS})


def specs_named(names: Iterable[str]) -> tuple[FeatureSpec, ...]:
    """The specs with these names, in their order.

    Raises `ModelError` naming the columns that the catalogue lacks.
    """
    names = tuple(names)
    unknown = [name for name in names if name not in _BY_NAME]
    if unknown:
        raise ModelError(
            "unknown_column",
            f"The model asks for the column {', '.join(map(repr, unknown))}",
            why="This version's feature catalogue does not have it",
            next_step="Run `retention train` to fit a model on the present columns",
        )
    return tuple(_BY_NAME[name] for name in names)


def available_specs(facts: Set[str]) -> tuple[FeatureSpec, ...]:
    """The specs whose needs the loaded data meet (see `engine.features.available`)."""
    return tuple(spec for spec in SPECS if facts >= set(spec.needs))


def group_of() -> Mapping[str, str]:
    """Feature name to group code."""
    return MappingProxyType({spec.name: spec.group for spec in SPECS})
