"""Metrics of labels: how often they are right, over all rows and class by class, and of their probabilities."""

# ruff: noqa: PLC0415 -- heavy libraries are imported where they are used

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from noren_bento.tagging.metrics.intervals import Bootstrap, Floats
from noren_bento.tagging.metrics.ranks import EXACT_VALUES, rank_draws

Draws = dict[str, Floats]
"""Metrics by name: shape (1 + resamples,), the measured number first."""

MOST_CLASSES = 50
"""With more classes there are no metrics class by class."""
MOST_RESAMPLED_CLASSES = 200
"""With more classes only accuracy has an interval."""
BINS = 100
LEAST_BINS = 20


def draw_labels(y: NDArray[Any], predictions: NDArray[Any], *, bootstrap: Bootstrap, each: bool) -> Draws:
    """Return accuracy, balanced_accuracy and f1_macro; with `each` also `recall/yes` and so on of up to 50."""
    codes, answers, labels = encode(y, predictions)
    size, right = len(labels), codes == answers
    few = bootstrap if size <= MOST_RESAMPLED_CLASSES else Bootstrap(len(y), resamples=0)
    true, given, hits = few.count_each([codes, answers, np.where(right, codes, -1)], size)
    draws = {
        "accuracy": hits.sum(axis=1) / true.sum(axis=1) if few is bootstrap else bootstrap.mean(right)[:, 0]
    }
    recall, precision, f1 = _share(hits, true), _share(hits, given), _share(2 * hits, true + given)
    draws |= {"balanced_accuracy": _mean(recall), "f1_macro": _mean(f1)}
    if each and size <= MOST_CLASSES:
        for place, name in enumerate(metric_names(labels, "class")):
            draws |= {
                f"precision/{name}": precision[:, place],
                f"recall/{name}": recall[:, place],
                f"f1/{name}": f1[:, place],
                f"support/{name}": true[:1, place],
            }
    return draws


def draw_probabilities(
    y: NDArray[Any], probabilities: Floats, *, classes: Sequence[Any], bootstrap: Bootstrap
) -> Draws:
    """Return log_loss and roc_auc (one class against the rest, the mean over classes), of two also average_precision
    and brier, for which the second class is the positive one. Nothing where a label was never learned.
    """
    codes, unknown = _codes_among(y, classes)
    if unknown:
        return {}
    given = np.clip(probabilities[np.arange(len(y)), codes], np.finfo(float).eps, 1.0)
    brier = [(probabilities[:, 1] - (codes == 1)) ** 2] if len(classes) == 2 else []
    losses = bootstrap.mean(-np.log(given), *brier)
    draws = {"log_loss": losses[:, 0]}
    asked = [1] if len(classes) == 2 else range(len(classes))
    bins = int(np.clip(2 * BINS // len(asked), LEAST_BINS, BINS))
    exact = len(y) * len(asked) <= EXACT_VALUES
    few = bootstrap if len(classes) <= MOST_CLASSES else Bootstrap(len(y), resamples=0)
    ranks = [
        rank_draws(codes == code, probabilities[:, code], bootstrap=few, bins=bins, exact=exact)
        for code in asked
    ]
    draws["roc_auc"] = np.mean([area for area, _ in ranks], axis=0)
    if len(classes) == 2:
        draws |= {"average_precision": ranks[0][1], "brier": losses[:, 1]}
    return draws


def encode(
    y: NDArray[Any], predictions: NDArray[Any]
) -> tuple[NDArray[np.int64], NDArray[np.int64], list[Any]]:
    """Return y and the answers as places in the sorted labels that occur in either.

    >>> encode(np.array(["b", "a"]), np.array(["b", "c"]))
    (array([1, 0]), array([1, 2]), ['a', 'b', 'c'])
    """
    import pandas as pd

    codes, labels = pd.factorize(np.concatenate([np.asarray(y), np.asarray(predictions)]))
    order = np.argsort(labels)
    places = np.empty(len(labels), dtype=np.int64)
    places[order] = np.arange(len(labels))
    codes = places[codes]
    return codes[: len(y)], codes[len(y) :], np.asarray(labels)[order].tolist()


def metric_names(labels: Sequence[Any], kind: str) -> list[str]:
    """Return what labels are called in the names of metrics: themselves, or class0, … where MLflow would refuse one.

    >>> metric_names(["yes", "no"], "class"), metric_names(["<50", ">50"], "class")
    (['yes', 'no'], ['class0', 'class1'])
    """
    names = [str(label) for label in labels]
    usable = all(
        re.fullmatch(r"[\w.\- ]{1,100}", name, re.ASCII) and re.search(r"\w", name) for name in names
    )
    return (
        names
        if usable and len(set(names)) == len(names)
        else [f"{kind}{place}" for place in range(len(names))]
    )


def _codes_among(y: NDArray[Any], classes: Sequence[Any]) -> tuple[NDArray[np.int64], bool]:
    import pandas as pd

    codes, labels = pd.factorize(np.asarray(y))
    places = {label: place for place, label in enumerate(classes)}
    known = np.array([places.get(label, -1) for label in np.asarray(labels).tolist()], dtype=np.int64)
    return known[codes], bool((known < 0).any())


def _share(part: Floats, whole: Floats) -> Floats:
    return np.divide(part, whole, out=np.full_like(part, np.nan), where=whole > 0)


def _mean(shares: Floats) -> Floats:
    """Mean over the classes that occur."""
    there = np.isfinite(shares)
    return np.asarray(np.where(there, shares, 0.0).sum(axis=1) / np.maximum(there.sum(axis=1), 1))
