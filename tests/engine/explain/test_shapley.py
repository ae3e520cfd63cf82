from __future__ import annotations

from itertools import combinations
from math import factorial

import numpy as np
import pytest
from sklearn.ensemble import HistGradientBoostingClassifier

from engine.errors import ModelError
from engine.explain.shapley import Game, PanelShares, pair_shares
from engine.models.trees import TreeEnsemble, export


def grown(seed: int, columns: int = 6, trees: int = 12) -> tuple[TreeEnsemble, np.ndarray]:
    """A small ensemble on data with gaps and interactions, and rows to explain."""
    rng = np.random.default_rng(seed)
    values = rng.normal(size=(600, columns)).astype(np.float32)
    values[rng.random(values.shape) < 0.15] = np.nan
    filled = np.nan_to_num(values)
    score = filled[:, 0] * filled[:, 1] + filled[:, 2] - np.isnan(values[:, 3]) + filled[:, 4] ** 2
    model = HistGradientBoostingClassifier(
        max_iter=trees, max_leaf_nodes=9, min_samples_leaf=5, early_stopping=False
    ).fit(values, score > 0.3)
    names = tuple(f"c{i}" for i in range(columns))
    return export(model, names, trees), values[:40]


def by_definition(
    trees: TreeEnsemble, player: np.ndarray, players: int, x: np.ndarray, z: np.ndarray
) -> np.ndarray:
    """Shapley's formula over all coalitions."""

    def worth(coalition: tuple[int, ...]) -> float:
        mixed = np.where(np.isin(player, coalition), x, z).astype(np.float32)
        return float(trees.log_odds(mixed[None, :])[0])

    result = np.zeros(players)
    for one in range(players):
        others = [p for p in range(players) if p != one]
        for size in range(players):
            share = factorial(size) * factorial(players - size - 1) / factorial(players)
            for coalition in combinations(others, size):
                result[one] += share * (worth((*coalition, one)) - worth(coalition))
    return result


@pytest.mark.parametrize("player", [[0, 1, 2, 3, 4, 5], [0, 0, 1, 1, 2, 2], [2, 0, 2, 1, 0, 3]])
def test_equals_the_definition(player: list[int]) -> None:
    trees, rows = grown(1)
    dealt = np.array(player)
    players = int(dealt.max()) + 1
    game = Game(trees, dealt, players)
    for x, z in ((rows[0], rows[1]), (rows[2], rows[3]), (rows[4], rows[5])):
        expected = by_definition(trees, dealt, players, x, z)
        assert pair_shares(game, x[None, :], z)[0] == pytest.approx(expected, abs=1e-12)
        assert PanelShares(game, z[None, :]).of(x[None, :])[0] == pytest.approx(expected, abs=1e-12)


def test_a_panel_is_the_mean_of_its_pairs() -> None:
    trees, rows = grown(2)
    game = Game(trees, np.array([0, 1, 1, 2, 2, 0]), 3)
    panel = rows[30:37]
    mean = np.mean([pair_shares(game, rows[:30], z) for z in panel], axis=0)
    assert PanelShares(game, panel).of(rows[:30]) == pytest.approx(mean, abs=1e-12)


def test_shares_add_up_to_the_difference() -> None:
    trees, rows = grown(3, columns=20, trees=40)
    game = Game(trees, np.arange(20) % 7, 7)
    shares = PanelShares(game, rows[:8]).of(rows[8:])
    expected = trees.log_odds(rows[8:]) - trees.log_odds(rows[:8]).mean()
    assert shares.sum(axis=1) == pytest.approx(expected, abs=1e-10)


def test_a_user_against_themself_and_an_unused_column_get_nothing() -> None:
    trees, rows = grown(4)
    wide = TreeEnsemble(
        (*trees.columns, "unused"), trees.feature, trees.threshold, trees.missing_left, trees.left,
        trees.right, trees.value, trees.is_leaf, trees.tree_start, trees.base,
    )  # fmt: skip
    rows = np.column_stack([rows, np.arange(40)]).astype(np.float32)
    game = Game(wide, np.arange(7), 7)
    assert not pair_shares(game, rows[:1], rows[0]).any()
    assert not pair_shares(game, rows[:9], rows[20])[:, 6].any()
    assert not PanelShares(game, rows[20:25]).of(rows[:9])[:, 6].any()


def test_rows_do_not_depend_on_the_company_they_come_in(monkeypatch: pytest.MonkeyPatch) -> None:
    trees, rows = grown(5)
    game = Game(trees, np.arange(6), 6)
    together = PanelShares(game, rows[:5]).of(rows)
    monkeypatch.setattr("engine.explain.shapley.CHUNK_CELLS", 1000)
    split = PanelShares(game, rows[:5])
    assert np.array_equal(split.of(rows[::-1])[::-1], together)
    assert np.array_equal(split.of(rows[7:8]), together[7:8])


def test_an_ensemble_without_a_split_shares_nothing() -> None:
    leaf = TreeEnsemble(
        ("a",), np.zeros(1, np.int32), np.zeros(1), np.zeros(1, bool), np.zeros(1, np.int32),
        np.zeros(1, np.int32), np.full(1, 0.5), np.ones(1, bool), np.array([0, 1]), 0.1,
    )  # fmt: skip
    none = TreeEnsemble(
        ("a",), *(getattr(leaf, name)[:0] for name in (
            "feature", "threshold", "missing_left", "left", "right", "value", "is_leaf")),
        np.array([0]), 0.1,
    )  # fmt: skip
    rows = np.ones((3, 1), np.float32)
    for trees in (leaf, none):
        game = Game(trees, np.zeros(1, int), 1)
        assert not PanelShares(game, rows).of(rows).any()
        assert not pair_shares(game, rows, rows[0]).any()


def chain(columns: int, seed: int = 6) -> TreeEnsemble:
    """One chain of splits, each on a column of its own: a leaf to the left, else the next split."""
    inner = np.arange(columns) * 2
    size = 2 * columns + 1
    leaf = np.ones(size, bool)
    leaf[inner] = False
    feature = np.zeros(size, np.int32)
    feature[inner] = np.arange(columns)
    left, right = np.arange(size, dtype=np.int32), np.arange(size, dtype=np.int32)
    left[inner], right[inner] = inner + 1, inner + 2
    value = np.where(leaf, np.random.default_rng(seed).normal(size=size), 0.0)
    return TreeEnsemble(
        tuple(f"c{i}" for i in range(columns)), feature, np.full(size, -0.5), ~leaf, left, right,
        value, leaf, np.array([0, size]), 0.0,
    )  # fmt: skip


@pytest.mark.parametrize("columns", [15, 16, 17])
def test_a_tree_as_wide_as_a_machine_word(columns: int) -> None:
    trees = chain(columns)
    rows = np.random.default_rng(7).normal(size=(9, columns)).astype(np.float32)
    game = Game(trees, np.arange(columns), columns)
    shares = PanelShares(game, rows[:1]).of(rows)
    assert shares == pytest.approx(pair_shares(game, rows, rows[0]), abs=1e-12)
    difference = trees.log_odds(rows) - trees.log_odds(rows[:1])
    assert shares.sum(axis=1) == pytest.approx(difference, abs=1e-12)


def test_a_tree_wider_than_a_machine_word_is_refused() -> None:
    rows = np.zeros((1, 63), np.float32)
    with pytest.raises(ModelError, match="One tree of the model uses 63 columns"):
        pair_shares(Game(chain(63), np.arange(63), 63), rows, rows[0])
