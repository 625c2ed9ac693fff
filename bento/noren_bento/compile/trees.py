"""Fitted trees: what scikit-learn's trees and forests know of each split and leaf, in float64."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

HISTOGRAM = "sklearn.ensemble._hist_gradient_boosting"
"""Histogram boosting compares float64; all other trees of scikit-learn round their input to float32 first."""
FORESTS = ("sklearn.tree", "sklearn.ensemble._forest")
ROUNDING = (*FORESTS, "sklearn.ensemble._gb", "sklearn.ensemble._iforest")


@dataclass(frozen=True, slots=True)
class Split:
    """Where a tree compares one feature with a threshold."""

    feature: int
    threshold: float


@dataclass(frozen=True, slots=True)
class Tree:
    """One fitted tree; splits and leaves share one numbering."""

    thresholds: NDArray[np.float64]
    missing_goes_left: NDArray[np.bool_]
    leaves: NDArray[np.int64]
    """Numbers of the leaves."""
    values: NDArray[np.float64]
    """Shape (splits and leaves, outputs): class shares or values."""


@dataclass(frozen=True, slots=True)
class Forest:
    """The trees of one estimator, in the order in which their answers are added."""

    trees: tuple[Tree, ...]
    averaged: bool
    """Whether the sum is divided by the number of trees, else it starts at `base`."""
    base: tuple[float, ...] = ()


def find_forests(parts: Iterable[Any]) -> list[Forest]:
    """Each forest among a model's parts, and each tree that stands alone."""
    members: set[int] = set()
    forests = []
    for part in parts:
        module = type(part).__module__
        if id(part) in members:
            continue
        if module.startswith(HISTOGRAM) and hasattr(part, "_predictors"):
            forests.append(_read_histogram(part))
        elif module.startswith(FORESTS):
            estimators = list(getattr(part, "estimators_", [part]))
            members |= {id(estimator) for estimator in estimators}
            if all(hasattr(estimator, "tree_") for estimator in estimators):
                trees = tuple(_read_tree(estimator.tree_) for estimator in estimators)
                forests.append(Forest(trees, averaged=True))
    return forests


def _read_tree(tree: Any) -> Tree:
    return Tree(
        thresholds=tree.threshold,
        missing_goes_left=tree.missing_go_to_left.astype(np.bool_),
        leaves=np.flatnonzero(tree.children_left < 0),
        values=tree.value.reshape(tree.node_count, -1),
    )


def _read_histogram(model: Any) -> Forest:
    nodes = [predictor.nodes for iteration in model._predictors for predictor in iteration]
    trees = tuple(
        Tree(
            thresholds=one["num_threshold"].astype(np.float64),
            missing_goes_left=one["missing_go_to_left"].astype(np.bool_),
            leaves=np.flatnonzero(one["is_leaf"]),
            values=one["value"].astype(np.float64).reshape(-1, 1),
        )
        for one in nodes
    )
    return Forest(trees, averaged=False, base=tuple(np.ravel(model._baseline_prediction).tolist()))


def round_input(parts: Iterable[Any]) -> set[bool]:
    """Whether the trees among the parts round their input to float32; both where there are trees of both sorts."""
    modules = [type(part).__module__ for part in parts]
    return {
        not module.startswith(HISTOGRAM) for module in modules if module.startswith((*ROUNDING, HISTOGRAM))
    }


def find_splits(parts: Iterable[Any], features: int) -> list[Split]:
    """The splits of all trees among the parts, those nearest to the roots first.

    Splits of features that the columns are not themselves, as behind a scaler, stand for thresholds all the same.
    """
    found: dict[Split, int] = {}
    for feature, threshold, place in _splits_of(parts):
        if feature < features:
            split = Split(feature, threshold)
            found[split] = min(place, found.get(split, place))
    return sorted(found, key=lambda split: found[split])


def _splits_of(parts: Iterable[Any]) -> Iterator[tuple[int, float, int]]:
    """Feature, threshold and the split's number in its tree, which rises with its depth."""
    for part in parts:
        if hasattr(part, "_predictors"):
            for predictor in (one for iteration in part._predictors for one in iteration):
                nodes = predictor.nodes
                inner = np.flatnonzero((nodes["is_leaf"] == 0) & (nodes["is_categorical"] == 0))
                pairs = zip(nodes["feature_idx"][inner], nodes["num_threshold"][inner], inner, strict=True)
                yield from ((int(feature), float(value), int(place)) for feature, value, place in pairs)
        for one in np.ravel(np.array(getattr(part, "estimators_", [part]), dtype=object)):
            tree = getattr(one, "tree_", None)
            if tree is not None and hasattr(tree, "children_left"):
                inner = np.flatnonzero(tree.children_left >= 0)
                pairs = zip(tree.feature[inner], tree.threshold[inner], inner, strict=True)
                yield from ((int(feature), float(value), int(place)) for feature, value, place in pairs)
