"""The score of messages: what is planted is found, what is not written counts as nothing."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from engine.explain.attribute import attribute
from engine.explain.components import TEXT
from engine.explain.messages import phrases, wrote
from engine.features.frame import LabelledFrame
from engine.features.messages import Messages
from engine.models.blend import RiskModel
from engine.models.calibration import Calibration, sigmoid
from engine.models.logistic import LogisticModel
from engine.models.panel import draw_panel
from engine.models.text import DAY_S, TextModel
from engine.training.challenger import TrainingConfig, TrainingData, train_challenger
from engine.training.rows import join
from engine.training.text import FEWEST_USERS, fit_text
from engine.training.trial import PartnerTrial, partner_trial

BAD = ("课程闪退，打不开", "The app crashes again")
PLAIN = ("什么时候更新", "When does the next one come out?", "讲得很清楚")

Planted = Callable[..., LabelledFrame]


def with_messages(rows: LabelledFrame, *, seed: int, effect: float = 2.5) -> LabelledFrame:
    """Half of the users wrote one or two messages; a bad one raises the log-odds by `effect`,
    halved every 14 days."""
    rng = np.random.default_rng(seed)
    count = rng.integers(0, 3, len(rows)) * (rng.random(len(rows)) < 0.7)
    owner = np.repeat(np.arange(len(rows)), count)
    bad = rng.random(len(owner)) < 0.4
    texts = np.where(bad, rng.choice(BAD, len(owner)), rng.choice(PLAIN, len(owner)))
    age_days = rng.uniform(0, 60, len(owner))
    age_days = age_days[np.lexsort((-age_days, owner))]
    encoded = [str(text).encode() for text in texts]
    stop = np.cumsum(count)
    cutoff_s = rows.frame.cutoffs.astype("datetime64[s]").astype(np.int64)
    messages = Messages(
        content=np.frombuffer(b"".join(encoded), np.uint8),
        offset=np.concatenate([[0], np.cumsum([len(text) for text in encoded])]).astype(np.int64),
        seen_s=cutoff_s[owner] - (age_days * DAY_S).astype(np.int64),
        start=(stop - count).astype(np.int64),
        stop=stop.astype(np.int64),
    )
    push = np.zeros(len(rows))
    np.add.at(push, owner, effect * bad * 0.5 ** (age_days / 14))
    values = np.nan_to_num(rows.frame.values[:, 0])
    label = (rng.random(len(rows)) < sigmoid(values - 1 + push)).astype(np.float32)
    return replace(rows, frame=replace(rows.frame, messages=messages), label=label)


@pytest.fixture(scope="module")
def rows(planted: Planted) -> LabelledFrame:
    return with_messages(planted(3000, seed=1), seed=2)


@pytest.fixture(scope="module")
def model(rows: LabelledFrame) -> TextModel:
    found = fit_text(rows, offset_of(rows))
    assert found is not None
    return found


def offset_of(rows: LabelledFrame) -> np.ndarray:
    return np.asarray(np.nan_to_num(rows.frame.values[:, 0]) - 1, np.float64)


def tried(rows: LabelledFrame, model: TextModel) -> PartnerTrial:
    alone = offset_of(rows)
    return partner_trial([(rows, alone, alone + model.log_odds(rows.frame))])


def test_bad_words_raise_the_score_and_later_rows_confirm_it(
    planted: Planted, model: TextModel
) -> None:
    later = with_messages(planted(3000, seed=3), seed=4)
    found = tried(later, model)
    assert found.wins
    assert found.loss - found.with_partner > 4 * found.standard_error
    idle = with_messages(planted(3000, seed=3), seed=4, effect=0.0)
    assert not tried(idle, model).wins


def test_who_wrote_nothing_or_nothing_known_has_no_score(
    rows: LabelledFrame, model: TextModel
) -> None:
    messages = rows.frame.messages
    assert messages is not None
    score = model.log_odds(rows.frame)
    silent = messages.stop == messages.start
    assert (score[silent] == 0).all()
    assert (score[~silent] != 0).any()
    other = "Привет ".encode() * 3
    foreign = replace(
        messages,
        content=np.frombuffer(other, np.uint8),
        offset=np.array([0, len(other)]),
        seen_s=messages.seen_s[:1],
        start=np.zeros(len(rows), np.int64),
        stop=np.ones(len(rows), np.int64),
    )
    assert (model.log_odds(replace(rows.frame, messages=foreign)) == 0).all()
    assert (model.log_odds(replace(rows.frame, messages=None)) == 0).all()


def test_a_rows_score_depends_on_no_other_row(rows: LabelledFrame, model: TextModel) -> None:
    score = model.log_odds(rows.frame)
    some = np.random.default_rng(5).permutation(len(rows))[:70]
    assert np.array_equal(model.log_odds(rows.frame.take(some)), score[some])


def test_it_is_kept_as_arrays(rows: LabelledFrame, model: TextModel) -> None:
    arrays, config = model.state()
    again = TextModel.from_state({k: v.copy() for k, v in arrays.items()}, config)
    assert np.array_equal(again.log_odds(rows.frame), model.log_odds(rows.frame))


def test_what_few_users_wrote_is_not_in_the_model(planted: Planted) -> None:
    few = with_messages(planted(FEWEST_USERS - 1, seed=6), seed=7)
    assert fit_text(few, np.zeros(len(few))) is None
    none = planted(50, seed=6)
    assert fit_text(none, np.zeros(len(none))) is None


def test_its_share_is_added_and_names_what_was_written(
    rows: LabelledFrame, model: TextModel
) -> None:
    alone = LogisticModel.fit(rows, strength=0.1)
    _, panel = draw_panel(rows, np.random.default_rng(8))
    plain = RiskModel("logistic", (alone,), Calibration(), panel)
    both = plain.beside(model)
    frame = rows.frame.take(np.arange(300))
    assert np.allclose(both.raw_log_odds(frame), alone.log_odds(frame) + model.log_odds(frame))
    groups = dict.fromkeys(frame.columns, "fading_use")
    found = attribute(both, frame, groups)
    text = found.contributions[:, found.groups.index(TEXT)]
    assert np.allclose(text, model.log_odds(frame))
    assert np.allclose(found.remainder, 0, atol=1e-9)
    assert TEXT not in attribute(plain, frame, groups).groups
    said = phrases(both, frame, text > 0)
    strong = np.flatnonzero(text > 0.5)
    assert len(strong) > 10
    bad = " ".join(BAD).lower()
    assert all(said[row] and said[row].lower() in bad for row in strong.tolist())
    assert all(not said[row] for row in np.flatnonzero(text == 0).tolist())
    assert wrote("闪退", raises=True).zh == "近期留言提到“闪退”"


@pytest.mark.slow
def test_training_uses_it_where_it_wins_and_only_there(planted: Planted) -> None:
    def data(effect: float) -> TrainingData:
        train, validate, calibrate = (
            with_messages(planted(n, seed=s), seed=s + 1, effect=effect)
            for n, s in ((2500, 10), (2000, 20), (1500, 30))
        )
        return TrainingData(train, validate, calibrate, calibrate.take(np.arange(0)))

    config = TrainingConfig(model="auto", max_epochs=1, threads=1)
    helped = train_challenger(data(2.5), config)
    assert helped.text is not None
    assert helped.text.wins
    assert helped.model.reads_messages
    assert helped.model.kind == "blend"
    assert not any(single.reads_messages for single in helped.singles.values())
    idle = train_challenger(data(0.0), config)
    assert idle.text is not None
    assert not idle.text.wins
    assert not idle.model.reads_messages
    alone = train_challenger(data(2.5), replace(config, model="hist_gradient_boosting"))
    assert alone.text is None
    assert not alone.model.reads_messages


def test_rows_of_different_builds_keep_their_messages(planted: Planted) -> None:
    one = with_messages(planted(40, seed=12), seed=13)
    other = with_messages(planted(30, seed=14), seed=15)
    both = join(one, other.take(np.arange(30)[::-1])).frame.messages
    own, others = one.frame.messages, other.frame.messages
    assert both is not None
    assert own is not None
    assert others is not None
    expected = own.texts(own.owned()[1])
    expected += others.texts(others.take(np.arange(30)[::-1]).owned()[1])
    assert both.texts(both.owned()[1]) == expected
