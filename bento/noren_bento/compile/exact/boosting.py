"""Boosted trees of scikit-learn, read into the splits that a program's head holds."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from noren_bento.compile.refusal import PassedOverError
from noren_bento.serving.exact.program import Boosting

LEAVES = 64
"""Leaves of one tree at most: as many as a word has bits."""
CELLS = 4_000_000
"""Words that the tables may hold, 32 MB; larger ensembles are left to ONNX Runtime."""


@dataclass(frozen=True, slots=True)
class Nodes:
    """One fitted tree. Leaves have no left side."""

    feature: NDArray[np.int64]
    threshold: NDArray[np.float64]
    left: NDArray[np.int64]
    right: NDArray[np.int64]
    missing_left: NDArray[np.bool_]
    value: NDArray[np.float64]
    leaf: NDArray[np.bool_]


def read_histogram(part: Any) -> Boosting:
    """The head of histogram boosting; raises PassedOverError where a split is on categories."""
    if getattr(part, "_preprocessor", None) is not None:
        raise PassedOverError("it takes categories")
    trees = [_read_predictor(one) for iteration in part._predictors for one in iteration]
    return _head(trees, np.ravel(part._baseline_prediction), rounded=False, takes_missing=True)


def _read_predictor(predictor: Any) -> Nodes:
    nodes = predictor.nodes
    leaf = nodes["is_leaf"].astype(np.bool_)
    if nodes["is_categorical"].any():
        raise PassedOverError("its trees compare categories")
    return Nodes(
        feature=nodes["feature_idx"].astype(np.int64),
        threshold=nodes["num_threshold"].astype(np.float64),
        left=nodes["left"].astype(np.int64),
        right=nodes["right"].astype(np.int64),
        missing_left=nodes["missing_go_to_left"].astype(np.bool_),
        value=nodes["value"].astype(np.float64),
        leaf=leaf,
    )


def read_gradient(part: Any) -> Boosting:
    """The head of gradient boosting that starts at constants."""
    if part.init_ != "zero" and not type(part.init_).__name__.startswith("Dummy"):
        raise PassedOverError("its first estimator is a model itself")
    base = part._raw_predict_init(np.zeros((1, part.n_features_in_), dtype=np.float32))[0]
    trees = [_read_tree(one.tree_, part.learning_rate) for stage in part.estimators_ for one in stage]
    return _head(trees, base, rounded=True, takes_missing=False)


def _read_tree(tree: Any, rate: float) -> Nodes:
    return Nodes(
        feature=tree.feature,
        threshold=tree.threshold,
        left=tree.children_left,
        right=tree.children_right,
        missing_left=tree.missing_go_to_left.astype(np.bool_),
        value=rate * tree.value[:, 0, 0],
        leaf=tree.children_left < 0,
    )


def _head(trees: Sequence[Nodes], base: Any, *, rounded: bool, takes_missing: bool) -> Boosting:
    most = max((int(tree.leaf.sum()) for tree in trees), default=0)
    if not 0 < most <= LEAVES:
        raise PassedOverError(f"it has trees of {most} leaves, and at most {LEAVES} are computed exactly")
    splits: list[tuple[int, float, int, bool, int]] = []
    values = np.zeros((len(trees), most))
    for number, tree in enumerate(trees):
        leaves = list(_leaves_from_left(tree, 0))
        values[number, : len(leaves)] = tree.value[leaves]
        bits = {leaf: 1 << place for place, leaf in enumerate(leaves)}
        for node in np.flatnonzero(~tree.leaf).tolist():
            below = sum(bits[leaf] for leaf in _leaves_from_left(tree, int(tree.left[node])))
            splits.append(
                (
                    int(tree.feature[node]),
                    float(tree.threshold[node]),
                    below,
                    bool(tree.missing_left[node]),
                    number,
                )
            )
    if len(splits) * len(trees) > CELLS:
        raise PassedOverError(f"its {len(trees)} trees are more than numpy is quick with")
    feature, threshold, left, missing_left, tree_of = zip(*splits, strict=True) if splits else ((),) * 5
    return Boosting(
        feature=np.array(feature, dtype=np.int64),
        threshold=np.array(threshold, dtype=np.float64),
        left=np.array(left, dtype=np.uint64),
        missing_left=np.array(missing_left, dtype=np.bool_),
        tree=np.array(tree_of, dtype=np.int64),
        values=values,
        base=np.asarray(base, dtype=np.float64),
        rounded=rounded,
        takes_missing=takes_missing,
    )


def _leaves_from_left(tree: Nodes, node: int) -> Iterator[int]:
    waiting = [node]
    while waiting:
        place = waiting.pop()
        if tree.leaf[place]:
            yield place
        else:
            waiting += [int(tree.right[place]), int(tree.left[place])]
