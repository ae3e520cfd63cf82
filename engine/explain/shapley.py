"""Exact Shapley values of tree ensembles against single other users, with groups as players.

The game of a pair (x, z): a coalition's columns take x's values, the rest z's; its worth is the
ensemble's log-odds. One leaf at a time: a player fails for x (or z) when x (or z) breaks one of
the player's conditions on the path to the leaf. Nobody reaches a leaf where a player fails for
both. Elsewhere the leaf needs all players in A (those that fail for z) inside the coalition and
all in B (those that fail for x) outside, so of a leaf's value v each player in A gets
v (a - 1)! b! / (a + b)! and each in B minus v a! (b - 1)! / (a + b)!, with a = |A| and b = |B|.

Source: Laberge and Pequignot 2022, "Understanding interventional TreeSHAP" (arXiv 2209.15123),
written here for any partition of the columns.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from math import factorial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine.errors import ModelError
from engine.models.trees import TreeEnsemble

CHUNK_CELLS = 4_000_000
"""Rows times nodes worked on at once: some tens of megabytes."""

LEAF_BLOCK = 64
"""Leaves whose table rows are looked up at once: they stay in the processor's cache."""

MAX_PLAYERS = 62
"""Of one tree: a path's failures are bits of one machine word."""

MAX_TABLE_ROWS = 1 << 26

Floats = NDArray[np.float64]
Masks = NDArray[np.uint64]


@dataclass(frozen=True)
class Game:
    """An ensemble with its columns dealt out to players.

    Within a tree every player that occurs in it has a slot, and a slot is one bit of a mask.
    """

    trees: TreeEnsemble
    player: NDArray[np.int64]  # (D,) the player of each column
    players: int

    @cached_property
    def _levels(self) -> list[NDArray[np.int64]]:
        """Inner nodes by depth: a parent is always done before its children."""
        trees = self.trees
        level = trees.tree_start[:-1].astype(np.int64)
        levels = []
        while len(level := level[~trees.is_leaf[level]]):
            levels.append(level)
            level = np.concatenate([trees.left[level], trees.right[level]]).astype(np.int64)
        return levels

    @cached_property
    def _slots(self) -> tuple[Masks, NDArray[np.int64]]:
        """The bit of every inner node (M,), and the player of every slot (trees, slots)."""
        trees = self.trees
        tree = np.repeat(np.arange(trees.trees), np.diff(trees.tree_start))
        inner = np.flatnonzero(~trees.is_leaf)
        pair = tree[inner] * self.players + self.player[trees.feature[inner]]
        pairs, which = np.unique(pair, return_inverse=True)
        owner = pairs // self.players
        slot = np.arange(len(pairs)) - np.searchsorted(owner, owner)
        width = int(slot.max(initial=0)) + 1
        if width > MAX_PLAYERS:
            raise ModelError(
                "tree_too_wide",
                f"One tree of the model uses {width} columns",
                why=f"Reasons are exact for trees of at most {MAX_PLAYERS}",
                next_step="Train with fewer leaves a tree",
            )
        bit = np.zeros(len(tree), dtype=np.uint64)
        bit[inner] = np.left_shift(np.uint64(1), slot[which].astype(np.uint64))
        named = np.zeros((trees.trees, width), dtype=np.int64)
        named[owner, slot] = pairs % self.players
        # the highest bit stays free: `PanelShares` reads it as "no player"
        small = np.uint16 if width < 16 else np.uint32 if width < 32 else np.uint64
        return bit.astype(small), named

    @cached_property
    def leaves(self) -> NDArray[np.int64]:
        """(L,) positions of the leaves."""
        return np.flatnonzero(self.trees.is_leaf)

    @cached_property
    def leaf_value(self) -> Floats:
        """(L,)"""
        return self.trees.value[self.leaves]

    @cached_property
    def leaf_tree(self) -> NDArray[np.int64]:
        """(L,) the tree of each leaf."""
        return np.searchsorted(self.trees.tree_start, self.leaves, side="right") - 1

    @cached_property
    def required(self) -> Masks:
        """(L,) the players on the path to each leaf."""
        bit, _ = self._slots
        trees = self.trees
        mask = np.zeros(len(bit), dtype=bit.dtype)
        for level in self._levels:
            for children in (trees.left[level], trees.right[level]):
                mask[children] = mask[level] | bit[level]
        return mask[self.leaves]

    @property
    def slot_player(self) -> NDArray[np.int64]:
        """(trees, slots) the player behind a bit."""
        return self._slots[1]

    def failed(self, values: NDArray[np.float32]) -> Masks:
        """(L, n) the players that fail for each row of `values` (n, D) at each leaf."""
        trees = self.trees
        bit, _ = self._slots
        cells = np.ascontiguousarray(values.T.astype(np.float64))
        mask = np.zeros((len(bit), len(values)), dtype=bit.dtype)
        nothing = bit.dtype.type(0)
        for level in self._levels:
            cell = cells[trees.feature[level]]
            left = cell <= trees.threshold[level, None]
            left |= np.isnan(cell) & trees.missing_left[level, None]
            before, own = mask[level], bit[level, None]
            mask[trees.left[level]] = before | np.where(left, nothing, own)
            mask[trees.right[level]] = before | np.where(left, own, nothing)
        return mask[self.leaves]

    def chunks(self, rows: int) -> Iterator[slice]:
        """Slices of `rows` rows that keep the masks small."""
        step = max(1, CHUNK_CELLS // max(1, len(self.trees.feature)))
        for start in range(0, rows, step):
            yield slice(start, min(rows, start + step))


class PanelShares:
    """The players' shares of log-odds, averaged over a panel of other users.

    A leaf's shares depend on x only through the players that fail for x there. They are computed
    once per leaf and such set, on first sight, and looked up ever after: the cost per user does not
    depend on the size of the panel.
    """

    def __init__(self, game: Game, panel: NDArray[np.float32]) -> None:
        self._game = game
        required = game.required
        slots = game.slot_player.shape[1]
        bits = (required[:, None] >> np.arange(slots, dtype=required.dtype)) & 1
        self._size = bits.sum(axis=1).astype(np.int64)  # (L,) players on the path
        widest = int(self._size.max(initial=0))
        # (L, K) bit positions of a path's players; behind the last one a bit that is never set
        order = np.argsort(bits == 0, axis=1, kind="stable")[:, :widest]
        present = np.arange(widest) < self._size[:, None]
        unused = required.dtype.itemsize * 8 - 1
        self._position = np.where(present, order, unused).astype(required.dtype)
        self._player = np.where(
            present, np.take_along_axis(game.slot_player[game.leaf_tree], order, axis=1), 0
        )
        self._offset = np.concatenate([[0], np.cumsum(1 << self._size)])
        rows = int(self._offset[-1])
        if rows > MAX_TABLE_ROWS:
            raise ModelError(
                "too_many_groups",
                f"The trees of the model would need a table of {rows:,} rows for their reasons",
                why="Too many groups of features meet on one path",
                next_step="Use fewer groups of features",
            )
        self._known = np.zeros(rows, dtype=np.bool_)
        self._table = np.zeros((rows, game.players))
        self._panel = self._compressed(game.failed(panel)).astype(np.int64)  # (L, B)
        self._weight = _weights(widest)

    def of(self, values: NDArray[np.float32]) -> Floats:
        """(n, players) exact shares of each row of `values` (n, D), summing to f(x) - mean f(z)."""
        result = np.zeros((len(values), self._game.players))
        for part in self._game.chunks(len(values)):
            failed = self._compressed(self._game.failed(values[part]))
            for start in range(0, len(failed), LEAF_BLOCK):
                leaves = slice(start, start + LEAF_BLOCK)
                index = failed[leaves] + self._offset[:-1][leaves, None]
                self._learn(index, self._offset[start])
                result[part] += self._table.take(index, axis=0).sum(axis=0)
        return result

    def _compressed(self, failed: Masks) -> NDArray[np.unsignedinteger[Any]]:
        """(L, n) the failures as numbers below 2 ** (players on the path)."""
        widest = self._position.shape[1]
        result = np.zeros(failed.shape, dtype=np.uint16 if widest <= 16 else np.uint32)
        one = failed.dtype.type(1)
        for slot in range(widest):
            position = self._position[:, slot, None]
            bit = ((failed >> position) & one).astype(result.dtype)
            result |= bit << result.dtype.type(slot)
        return result

    def _learn(self, index: NDArray[np.int64], first: int) -> None:
        """Fill the rows of `index`, all of which lie at or behind row `first`."""
        seen = np.zeros(int(index.max()) + 1 - first, dtype=np.bool_)
        seen[index.ravel() - first] = True
        rows = np.flatnonzero(seen & ~self._known[first : first + len(seen)]) + first
        if len(rows):
            self._compute(rows)
            self._known[rows] = True

    def _compute(self, rows: NDArray[np.int64]) -> None:
        leaf = np.searchsorted(self._offset, rows, side="right") - 1
        failed = (rows - self._offset[leaf])[:, None]  # (r, 1)
        panel = self._panel[leaf]  # (r, B)
        a, b = np.bitwise_count(panel), np.bitwise_count(failed)
        value = np.where(failed & panel, 0.0, self._game.leaf_value[leaf, None]) / panel.shape[1]
        gain = value * self._weight[a, b]  # (r, B) what a player in A gets
        loss = (value * self._weight[b, a]).sum(axis=1)  # (r,) what a player in B pays
        for slot in range(self._position.shape[1]):
            share = np.where(panel >> slot & 1, gain, 0.0).sum(axis=1)
            share -= np.where(failed[:, 0] >> slot & 1, loss, 0.0)
            self._table[rows, self._player[leaf, slot]] += share


def pair_shares(game: Game, values: NDArray[np.float32], other: NDArray[np.float32]) -> Floats:
    """(n, players) exact shares of each row of `values` (n, D) against the one row `other` (D,).

    Only leaves that the pair can reach are worked on, so many players cost no more than few.
    """
    result = np.zeros((len(values), game.players))
    theirs = game.failed(other[None, :])[:, 0]
    slot_player, weight = game.slot_player, _weights(game.slot_player.shape[1])
    for part in game.chunks(len(values)):
        rows = part.stop - part.start
        mine = game.failed(values[part])
        leaf, row = np.nonzero(((mine & theirs[:, None]) == 0) & ((mine | theirs[:, None]) != 0))
        failed_x, failed_z = mine[leaf, row], theirs[leaf]
        a, b = np.bitwise_count(failed_z), np.bitwise_count(failed_x)
        gain = game.leaf_value[leaf] * weight[a, b]
        loss = game.leaf_value[leaf] * weight[b, a]
        tree = game.leaf_tree[leaf]
        cells = np.zeros(rows * game.players)
        for slot in range(slot_player.shape[1]):
            for failed, share in ((failed_z, gain), (failed_x, -loss)):
                hit = np.flatnonzero(failed & failed.dtype.type(1 << slot))
                cell = row[hit] * game.players + slot_player[tree[hit], slot]
                cells += np.bincount(cell, weights=share[hit], minlength=len(cells))
        result[part] = cells.reshape(rows, game.players)
    return result


def _weights(most: int) -> Floats:
    """(most + 1, most + 1) the table of (a - 1)! b! / (a + b)!; 0 for a = 0."""
    size = most + 1
    return np.array(
        [
            [factorial(a - 1) * factorial(b) / factorial(a + b) if a else 0.0 for b in range(size)]
            for a in range(size)
        ]
    )
