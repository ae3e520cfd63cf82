"""The encoder of a workspace: looked up among those kept, or learnt within a budget of seconds."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import datetime

from engine.data.summary import summary
from engine.features.histories import WEEK, pull_histories
from engine.models.nets.sequence_vector import SequenceVector
from engine.places import Places
from engine.pretraining.cache import EncoderCache, encoder_key
from engine.pretraining.fit import PretrainingConfig, pretrain
from engine.settings import Settings
from engine.store.lease import lease
from engine.store.memory import limit_memory
from engine.training.fit import use_threads
from engine.training.progress import Progress, ShouldStop

MOST_WEEKS = 52
"""Moments that teach: a year of them has every season."""

MOST_USERS = 50_000
"""Users that teach; of more, those whose ids come first by a hash."""

BUDGET_SHARE = 0.3
"""Of a training's budget of seconds: the epoch in which it is spent is the last."""


def workspace_encoder(
    places: Places,
    settings: Settings,
    until: datetime,
    *,
    budget_s: float,
    progress: Progress,
    should_stop: ShouldStop,
    config: PretrainingConfig | None = None,
    clock: Callable[[], float] = time.monotonic,
) -> SequenceVector | None:
    """The encoder that everything known before `until` teaches; None: there is too little of it.

    An encoder cut short by the budget is not kept. Raises `Cancelled` when `should_stop` says so.
    """
    config = config or PretrainingConfig()
    cache = EncoderCache(places.encoders)
    seed = settings.training.seed
    threads = use_threads(settings.training.threads)
    with lease(places.behaviour) as connection:
        limit_memory(connection, settings.data.memory_limit_gb)
        loaded = summary(connection)
        weeks = 0 if loaded is None else min(MOST_WEEKS, (until - loaded.first_at) // WEEK)
        if weeks < 1:
            return None
        key = encoder_key(
            connection,
            until,
            config,
            weeks=weeks,
            most_users=MOST_USERS,
            seed=seed,
            threads=threads,
        )
        kept = None if key is None else cache.read(key)
        if kept is not None:
            return kept
        histories = pull_histories(connection, until, weeks=weeks, most_users=MOST_USERS)
    deadline = clock() + BUDGET_SHARE * budget_s
    learnt = pretrain(
        histories,
        config,
        seed=seed,
        progress=progress,
        should_stop=should_stop,
        out_of_time=lambda: clock() >= deadline,
    )
    if learnt is None:
        return None
    if key is not None and len(learnt.learning) == config.epochs:
        cache.keep(key, learnt.vector)
    return learnt.vector
