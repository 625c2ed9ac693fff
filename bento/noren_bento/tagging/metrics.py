"""The task's standard metrics of a model on its test data."""

# ruff: noqa: PLC0415 -- heavy libraries are imported where they are used

from __future__ import annotations

import math
import re
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from noren_bento.release.version import Signature

CLUSTER_ROWS = 2_000
"""Silhouette compares each row with each other: so many rows are enough."""


def measure(
    signature: Signature,
    X: NDArray[Any] | None,
    *,
    y: NDArray[Any] | None,
    predictions: NDArray[Any],
    probabilities: NDArray[np.float64] | None = None,
) -> dict[str, float]:
    """Return the metrics by name. What is undefined on this data (one class only, no numbers) is left out.

    Classification: accuracy, balanced_accuracy, f1_macro, log_loss, roc_auc (one against rest). Regression: r2, mae
    and rmse in the target's unit. Clustering: clusters, silhouette. Outliers: outlier_share.
    Of several targets each has its own, named `r2/price`, and the plain name is their mean.
    """
    if signature.targets:
        assert y is not None
        return _measure_targets(signature, y, predictions)
    if signature.task == "regression":
        assert y is not None
        metrics = _measure_regression(y, predictions)
    elif signature.task == "classification":
        assert y is not None
        metrics = _measure_labels(y, predictions)
        if probabilities is not None:
            metrics |= _measure_probabilities(signature, y, probabilities)
    elif signature.task == "clustering":
        metrics = _measure_clusters(X, predictions)
    else:
        metrics = {"outlier_share": float(np.mean(predictions == -1))}
    return {name: float(value) for name, value in metrics.items() if math.isfinite(value)}


def _measure_targets(signature: Signature, y: NDArray[Any], predictions: NDArray[Any]) -> dict[str, float]:
    each = []
    for place, classes in enumerate(signature.target_classes or [()] * len(signature.targets)):
        alone = replace(signature, targets=(), target_classes=(), classes=classes)
        each.append(measure(alone, None, y=y[:, place], predictions=predictions[:, place]))
    common = set(each[0]).intersection(*each[1:])
    means = {name: float(np.mean([one[name] for one in each])) for name in each[0] if name in common}
    # MLflow takes few characters in a metric's name.
    names = [
        name if re.fullmatch(r"[\w.\- ]{1,100}", name, re.ASCII) else f"y{place}"
        for place, name in enumerate(signature.targets)
    ]
    own = {
        f"{metric}/{name}": value
        for name, one in zip(names, each, strict=True)
        for metric, value in one.items()
    }
    return means | own


def _measure_regression(y: NDArray[Any], predictions: NDArray[Any]) -> dict[str, float]:
    errors = np.asarray(predictions, dtype=float) - np.asarray(y, dtype=float)
    spread = float(np.sum((y - np.mean(y)) ** 2))
    r2 = 1 - float(np.sum(errors**2)) / spread if spread else math.nan
    return {"r2": r2, "mae": float(np.mean(np.abs(errors))), "rmse": math.sqrt(float(np.mean(errors**2)))}


def _measure_labels(y: NDArray[Any], predictions: NDArray[Any]) -> dict[str, float]:
    truths, answers = np.asarray(y), np.asarray(predictions)
    recalls, f1s = [], []
    for label in np.union1d(truths, answers):
        true, answered = truths == label, answers == label
        hits = np.count_nonzero(true & answered)
        if true.any():
            recalls.append(hits / np.count_nonzero(true))
        f1s.append(2 * hits / (np.count_nonzero(true) + np.count_nonzero(answered)))
    return {
        "accuracy": float(np.mean(truths == answers)),
        "balanced_accuracy": float(np.mean(recalls)),
        "f1_macro": float(np.mean(f1s)),
    }


def _measure_probabilities(
    signature: Signature, y: NDArray[Any], probabilities: NDArray[np.float64]
) -> dict[str, float]:
    classes = np.asarray(signature.classes)
    if not np.isin(y, classes).all():  # a label that the model never saw has no probability
        return {}
    codes = np.array(
        [{label: code for code, label in enumerate(classes.tolist())}[label] for label in y.tolist()]
    )
    given = np.clip(probabilities[np.arange(len(y)), codes], np.finfo(float).eps, 1.0)
    areas = [_roc_area(codes == code, probabilities[:, code]) for code in range(len(classes))]
    return {"log_loss": float(-np.mean(np.log(given))), "roc_auc": float(np.mean(areas))}


def _roc_area(positive: NDArray[np.bool_], scores: NDArray[np.float64]) -> float:
    """Area under the ROC curve from mean ranks (Mann and Whitney 1947); NaN when one class is absent."""
    hits, misses = np.count_nonzero(positive), np.count_nonzero(~positive)
    if not hits or not misses:
        return math.nan
    _, codes, counts = np.unique(scores, return_inverse=True, return_counts=True)
    ranks = (np.cumsum(counts) - (counts - 1) / 2)[
        codes
    ]  # mean ranks, without the second that scipy.stats imports
    return float((ranks[positive].sum() - hits * (hits + 1) / 2) / (hits * misses))


def _measure_clusters(X: NDArray[Any] | None, predictions: NDArray[Any]) -> dict[str, float]:
    labels = np.asarray(predictions)[:CLUSTER_ROWS]
    clusters = len(np.unique(labels))
    metrics = {"clusters": float(clusters)}
    if X is not None and 1 < clusters < len(labels):
        from sklearn.metrics import silhouette_score

        metrics["silhouette"] = float(silhouette_score(X[:CLUSTER_ROWS], labels))
    return metrics
