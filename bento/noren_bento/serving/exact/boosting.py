"""Boosted trees: every split is looked at once, instead of walking each tree from its root.

A leaf is left out when a split above it, with the leaf on its left side, is false. Of what is left of a tree, the
leftmost leaf is where the walk would have ended. Leaves are bits, so that one table of words a feature, ordered by
threshold, says which leaves of all trees a value leaves out (QuickScorer: Lucchese et al., SIGIR 2015).
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable
from dataclasses import dataclass
from math import isnan
from typing import Any

import numpy as np
from numpy.typing import NDArray

from noren_bento.serving.exact.linear import Matrix, Score
from noren_bento.serving.exact.program import Boosting

Words = NDArray[np.uint64]
ALL = np.uint64(2**64 - 1)
ONE = np.uint64(1)
CELLS = 25_600
"""Rows times trees that are answered at once: their words fit the processor's cache."""
FEWEST_ROWS = 32


@dataclass(frozen=True, slots=True, eq=False)
class Tables:
    """One table for each feature that some split compares."""

    features: tuple[int, ...]
    thresholds: tuple[NDArray[np.float64], ...]
    """Of each feature, rising."""
    words: Words
    """Shape (rows of all tables, trees): which leaves are left; row p of a table: of p thresholds exceeded."""
    starts: tuple[int, ...]
    """First row of each table; its last row is for a missing value."""
    values: Matrix
    """Shape (trees × leaves)."""
    first: NDArray[np.int64]
    """Place of each tree's first leaf in `values`."""


def make_tables(head: Boosting) -> Tables:
    """Lay a head's splits out in tables."""
    trees, leaves = head.values.shape
    features, thresholds, words, starts = [], [], [], []
    start = 0
    for feature in np.unique(head.feature).tolist():
        (chosen,) = np.nonzero(head.feature == feature)
        known, places = np.unique(head.threshold[chosen], return_inverse=True)
        table = np.full((len(known) + 2, trees), ALL)
        np.bitwise_and.at(table, (places + 1, head.tree[chosen]), ~head.left[chosen])
        table[:-1] = np.bitwise_and.accumulate(table[:-1], axis=0)
        right = chosen[~head.missing_left[chosen]]
        np.bitwise_and.at(table[-1], head.tree[right], ~head.left[right])
        features.append(feature)
        thresholds.append(known.astype(np.float64))
        words.append(table)
        starts.append(start)
        start += len(table)
    stacked = np.vstack(words) if words else np.full((0, trees), ALL)
    first = np.arange(trees) * leaves
    return Tables(tuple(features), tuple(thresholds), stacked, tuple(starts), head.values.ravel(), first)


def compile_boosting(head: Boosting) -> Score:
    """Return what gives the scores of a matrix: shape (rows,), or (rows, outputs) of several."""
    tables = make_tables(head)
    at_once = max(FEWEST_ROWS, CELLS // len(tables.first))

    def score(matrix: Matrix) -> Matrix:
        if head.rounded:
            matrix = matrix.astype(np.float32).astype(np.float64)
        return np.concatenate(
            [_score_some(tables, head, matrix[at : at + at_once]) for at in range(0, len(matrix), at_once)]
        )

    return score


def _score_some(tables: Tables, head: Boosting, matrix: Matrix) -> Matrix:
    words = np.full((len(matrix), len(tables.first)), ALL)
    for feature, thresholds, start in zip(tables.features, tables.thresholds, tables.starts, strict=True):
        values = matrix[:, feature]
        places = np.searchsorted(thresholds, values)
        missing = np.isnan(values)
        if missing.any():
            _require_taken(head)
            places[missing] = len(thresholds) + 1
        words &= tables.words[places + start]
    # Trees in rows, so that they are added one after the other, as scikit-learn adds them.
    numbers = tables.values[(_leaves(words) + tables.first).T]
    outputs = len(head.base)
    scores = np.repeat(head.base[:, None], len(matrix), axis=1)
    for tree in range(0, len(numbers), outputs):
        scores += numbers[tree : tree + outputs]
    return scores[0] if outputs == 1 else scores.T


def _leaves(words: Words) -> NDArray[np.uint8]:
    """The number of the lowest bit of each word."""
    found: NDArray[np.uint8] = np.bitwise_count((words - ONE) & ~words)
    return found


def compile_boosting_row(head: Boosting) -> Callable[[list[float]], Matrix]:
    """Return the same of a single row."""
    tables = make_tables(head)
    plain = [thresholds.tolist() for thresholds in tables.thresholds]  # which bisect is quicker with
    parts: list[tuple[Any, ...]] = list(zip(tables.features, plain, tables.starts, strict=True))
    words, values, first = tables.words, tables.values, tables.first
    outputs, trees = len(head.base), len(tables.first)
    shape = (trees // outputs + 1, outputs)

    def score(row: list[float]) -> Matrix:
        places = []
        for feature, thresholds, start in parts:
            value = row[feature]
            if isnan(value):
                _require_taken(head)
                places.append(start + len(thresholds) + 1)
            else:
                places.append(start + bisect_left(thresholds, value))
        left = np.bitwise_and.reduce(words.take(places, axis=0), axis=0)
        added = np.empty(trees + outputs)
        added[:outputs] = head.base
        added[outputs:] = values.take(_leaves(left) + first)
        if outputs == 1:
            return np.add.accumulate(added)[-1:]
        return np.add.accumulate(added.reshape(shape), axis=0)[-1:]

    if not head.rounded:
        return score
    return lambda row: score(np.array(row, dtype=np.float32).tolist())


def _require_taken(head: Boosting) -> None:
    if not head.takes_missing:
        raise ValueError("a value is missing, and the model was not fitted to take that")
