"""Forests: fewer trees. Those go first whose absence costs least on rows that they were not fitted on."""

# ruff: noqa: PLC0415 -- heavy libraries are imported where they are used

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from noren_bento.compress.parts import last_step, predictors_of
from noren_bento.compress.proposal import Proposal, share_of
from noren_bento.compress.trees import alpha_for, prune_all

SHARES = (0.5, 0.25, 0.1)
ROWS = 2_000
"""Training rows on which trees are compared."""
MOST_DRAWN = 100_000_000
"""Trees × training rows up to which it is worked out again which rows each tree saw."""
MOST_ANSWERS = 50_000_000
LEAST_TREES = 4


def forests_of(model: Any) -> list[Any]:
    """The fitted forests that a model's answers are made from."""
    from sklearn.ensemble._forest import BaseForest

    return [part for part in predictors_of(model) if isinstance(part, BaseForest)]


def propose_fewer_trees(model: Any, X: Any, y: NDArray[Any] | None) -> list[Proposal]:
    """Propose a half, a quarter and a tenth of the trees, and a quarter of them pruned. X and y are training rows."""
    forests = forests_of(model)
    counts = [len(forest.estimators_) for forest in forests]
    if not counts or max(counts) < LEAST_TREES:
        return []
    last, given = last_step(model, X)
    order = rank_trees(last, given, y) if forests == [last] and y is not None else None
    why = "those that help most on training rows they had not seen" if order is not None else "the first ones"
    found = {share_of(max(counts), share): share for share in SHARES}
    proposals = [
        Proposal(
            f"{count} trees",
            f"{count} of {max(counts)} trees: {why}.",
            lambda copy, share=share: keep_trees(copy, share, order),  # type: ignore[misc]
        )
        for count, share in found.items()
    ]
    quarter = share_of(max(counts), 0.25)
    trees = [tree.tree_ for forest in forests for tree in forest.estimators_]
    alpha = alpha_for(trees, 0.5)

    def both(copy: Any) -> None:
        keep_trees(copy, 0.25, order)
        prune_all(copy, alpha)

    how = f"{quarter} of {max(counts)} trees ({why}), pruned with ccp_alpha={alpha:g} to about half of their leaves."
    return [*proposals, Proposal(f"{quarter} trees, prune {alpha:g}", how, both)]


def keep_trees(model: Any, share: float, order: NDArray[np.int64] | None) -> None:
    """Leave each forest of a model this share of its trees, the first in `order`; changes the model."""
    for forest in forests_of(model):
        count = share_of(len(forest.estimators_), share)
        chosen = np.arange(count) if order is None else np.sort(order[:count])
        forest.estimators_ = [forest.estimators_[place] for place in chosen]
        forest.n_estimators = count


def rank_trees(forest: Any, X: Any, y: NDArray[Any]) -> NDArray[np.int64] | None:
    """Return the trees' places, the most useful first; None where it cannot be known which rows a tree did not see.

    A tree's use is how much the squared error (of probabilities: Brier's) of all trees that did not see a row would
    rise without it, over training rows.
    """
    rows = len(y)
    seen_by = _seen_by(forest, rows)
    if seen_by is None or hasattr(X, "toarray") or np.ndim(y) != 1:
        return None
    some = np.sort(np.random.default_rng(0).permutation(rows)[:ROWS])
    table = np.asarray(X.iloc[some] if hasattr(X, "iloc") else X[some], dtype=np.float32, order="C")
    target = _target(forest, y[some])
    if target is None or len(forest.estimators_) * target.size > MOST_ANSWERS:
        return None
    answers = np.stack([_answer(tree, table) for tree in forest.estimators_])
    unseen = ~np.stack([np.isin(some, seen) for seen in seen_by])
    votes, counts = (answers * unseen[:, :, None]).sum(axis=0), unseen.sum(axis=0)
    used = counts > 1
    whole = ((votes[used] / counts[used, None] - target[used]) ** 2).sum(axis=1)
    uses = []
    for answer, mine in zip(answers, unseen & used, strict=True):
        without = (votes[mine] - answer[mine]) / (counts[mine, None] - 1)
        error = ((without - target[mine]) ** 2).sum(axis=1)
        uses.append(float((error - whole[mine[used]]).sum()) / max(int(mine.sum()), 1))
    return np.argsort(-np.array(uses), kind="stable").astype(np.int64)


def _seen_by(forest: Any, rows: int) -> list[NDArray[np.int64]] | None:
    """The training rows of each tree, where they were drawn from as many rows as these."""
    if not getattr(forest, "bootstrap", False) or getattr(forest, "_n_samples", None) != rows:
        return None
    if rows * len(forest.estimators_) > MOST_DRAWN:
        return None
    return list(forest.estimators_samples_)


def _target(forest: Any, y: NDArray[Any]) -> NDArray[np.float64] | None:
    classes = getattr(forest, "classes_", None)
    if classes is None:
        return np.asarray(y, dtype=np.float64)[:, None]
    if not np.isin(y, classes).all():
        return None
    return np.asarray(np.asarray(y)[:, None] == np.asarray(classes)[None, :], dtype=np.float64)


def _answer(tree: Any, table: NDArray[np.float32]) -> NDArray[np.float64]:
    values = np.asarray(tree.tree_.predict(table), dtype=np.float64)
    return values.reshape(len(table), -1)
