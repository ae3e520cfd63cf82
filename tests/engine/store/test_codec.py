from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import Literal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.errors import DataError
from engine.store.codec import from_json, to_json
from engine.types import (
    Confusion,
    GateVerdict,
    Interval,
    JobEvent,
    LabelCounts,
    Metrics,
    ModelCard,
    Words,
)


class Colour(StrEnum):
    RED = "red"
    BLUE = "blue"


@dataclass(frozen=True)
class Leaf:
    number: float
    name: str = "leaf"


@dataclass(frozen=True)
class Tree:
    when: datetime
    where: Path
    colour: Colour
    mode: Literal["a", "b"]
    leaf: Leaf | None
    leaves: tuple[Leaf, ...]
    pair: tuple[int, str]
    counts: Mapping[str, int] = field(default_factory=dict)
    open: bool = False
    either: int | str = 0


leaves = st.builds(Leaf, st.floats(allow_nan=False), st.text())
trees = st.builds(
    Tree,
    when=st.datetimes(),
    where=st.text(st.characters(exclude_characters="\0"), min_size=1).map(Path),
    colour=st.sampled_from(Colour),
    mode=st.sampled_from(["a", "b"]),
    leaf=st.none() | leaves,
    leaves=st.lists(leaves, max_size=4).map(tuple),
    pair=st.tuples(st.integers(), st.text()),
    counts=st.dictionaries(st.text(), st.integers()),
    open=st.booleans(),
    either=st.integers() | st.text(),
)

metrics = st.builds(
    Metrics,
    confusion=st.builds(Confusion),
    **{
        name: st.floats(0, 1)
        for name in ("roc_auc", "average_precision", "log_loss", "brier", "ece", "lift_at_10")
    },
    cutoffs=st.lists(st.datetimes(), max_size=3).map(tuple),
)
intervals = st.builds(Interval, *[st.floats(allow_nan=False)] * 3)
cards = st.builds(
    ModelCard,
    test=metrics,
    peers=st.lists(metrics, max_size=2).map(tuple),
    verdict=st.none()
    | st.builds(
        GateVerdict,
        log_loss_difference=st.none() | intervals,
        roc_auc_difference=st.none() | intervals,
        statements=st.lists(st.builds(Words), max_size=2).map(tuple),
    ),
    labels=st.builds(LabelCounts),
    seconds=st.floats(0, 1e6),
    learning=st.lists(st.dictionaries(st.text(), st.floats(allow_nan=False)), max_size=3).map(
        tuple
    ),
)


@given(trees)
def test_what_is_written_is_what_is_read(tree: Tree) -> None:
    text = json.dumps(to_json(tree), allow_nan=False)
    assert from_json(Tree, json.loads(text)) == tree


@settings(max_examples=40, deadline=None)
@given(cards)
def test_a_model_card_survives(card: ModelCard) -> None:
    # NaN is unequal to itself: compare what was drawn without it through JSON.
    text = json.dumps(to_json(card), allow_nan=False)
    assert to_json(from_json(ModelCard, json.loads(text))) == to_json(card)


@pytest.mark.parametrize("number", [math.inf, -math.inf, math.nan])
def test_numbers_that_json_lacks(number: float) -> None:
    text = json.dumps(to_json(Leaf(number)), allow_nan=False)
    assert repr(from_json(Leaf, json.loads(text)).number) == repr(number)


def test_a_job_event_keeps_its_free_detail() -> None:
    event = JobEvent("progress", done=0.5, words=Words("训练", "training"), detail={"a": [1, None]})
    assert from_json(JobEvent, to_json(event)) == event


def test_a_default_may_be_absent() -> None:
    assert from_json(Leaf, {"number": 1}) == Leaf(1.0)


@pytest.mark.parametrize(
    ("value", "sentence"),
    [
        ({"number": 1.0, "nam": "x"}, r"record at \$ is not a Leaf: unknown: nam"),
        ({"name": "x"}, r"record at \$ is not a Leaf: missing: number"),
        ({"number": "1"}, r"The record has '1' at \$\.number\. Expected float"),
        ({"number": True}, r"has True at \$\.number\. Expected float"),
        ({"number": 1.0, "name": None}, r"has None at \$\.name\. Expected str"),
        ([], r"has \[\] at \$\. Expected Leaf"),
    ],
)
def test_what_does_not_fit_is_named_with_its_path(value: object, sentence: str) -> None:
    with pytest.raises(DataError, match=sentence):
        from_json(Leaf, value)


@pytest.mark.parametrize(
    ("key", "value", "sentence"),
    [
        ("when", "yesterday", r"'yesterday' at \$\.when\. Expected datetime"),
        ("colour", "green", r"'green' at \$\.colour\. Expected Colour"),
        ("mode", "c", r"'c' at \$\.mode\. Expected Literal\['a', 'b'\]"),
        ("leaves", [{"number": 1}, {"number": []}], r"\[\] at \$\.leaves\[1\]\.number"),
        ("pair", [1], r"\[1\] at \$\.pair\. Expected tuple of 2"),
        ("counts", {"a": 0.5}, r"0\.5 at \$\.counts\.a\. Expected int"),
        ("either", None, r"None at \$\.either\. Expected int \| str"),
    ],
)
def test_every_kind_of_field_is_checked(key: str, value: object, sentence: str) -> None:
    tree = Tree(datetime(2026, 1, 1), Path("x"), Colour.RED, "a", None, (), (1, "x"))
    with pytest.raises(DataError, match=sentence):
        from_json(Tree, {**to_json(tree), key: value})


def test_a_type_without_json_form_is_a_fault_of_the_program() -> None:
    with pytest.raises(TypeError, match="set has no JSON form here"):
        to_json({"x": {1}})
    with pytest.raises(TypeError, match="the key 1 is not text"):
        to_json({1: "x"})
