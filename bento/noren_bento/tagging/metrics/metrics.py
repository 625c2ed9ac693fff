"""The task's standard metrics of a model on its data, with 95 % intervals."""

# ruff: noqa: PLC0415 -- heavy libraries are imported where they are used

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from noren_bento.release.version import Signature
from noren_bento.tagging.metrics.intervals import (
    RESAMPLES,
    Bootstrap,
    Floats,
    Interval,
    interval_of,
    share_interval,
)
from noren_bento.tagging.metrics.labels import Draws, draw_labels, draw_probabilities, metric_names

CLUSTER_ROWS = 2_000
"""Silhouette compares each row with each other: so many rows are enough."""
ERROR_BINS = 100
PUBLISHED = 900
"""MLflow takes 1,000 metrics at a time."""
TRAINING = "training_"
"""What MLflow's own autologging puts before a metric of the training data."""


@dataclass(frozen=True, slots=True)
class Measured:
    """Metrics of one version."""

    values: dict[str, float] = field(default_factory=dict)
    """By name: of the test data plain, of the training data after `training_`, of one class or target after a slash
    (`recall/yes`, `r2/price`)."""
    intervals: dict[str, tuple[float, float]] = field(default_factory=dict)
    """Ends of the 95 % interval by the metric's name, where there is one."""

    def with_training(self, values: dict[str, float]) -> Measured:
        """Add the metrics of the training data; those of single targets are left out."""
        training = {f"{TRAINING}{name}": value for name, value in values.items() if "/" not in name}
        return replace(self, values=self.values | training)

    def published(self) -> dict[str, float]:
        """Return what a run in MLflow shows: the metrics, and the ends of the main ones' intervals as
        `interval/accuracy_low` and `…_high`. What has a slash is folded into a section of its own there.
        """
        ends = {
            f"interval/{name}_{end}": value
            for name, both in self.intervals.items()
            if "/" not in name
            for end, value in zip(("low", "high"), both, strict=True)
        }
        main = {name: value for name, value in self.values.items() if "/" not in name}
        return dict(list((main | ends | self.values).items())[:PUBLISHED])


def measure(
    signature: Signature,
    X: NDArray[Any] | None,
    *,
    y: NDArray[Any] | None,
    predictions: NDArray[Any],
    probabilities: NDArray[np.float64] | None = None,
) -> dict[str, float]:
    """Return the metrics by name. What is undefined on this data (one class only, no numbers) is left out.

    Classification: accuracy, balanced_accuracy, f1_macro, log_loss, roc_auc (one against rest), and of two classes
    average_precision and brier. Regression: r2, and in the target's unit mae, rmse and median_absolute_error.
    Clustering: clusters, silhouette. Outliers: outlier_share.
    Of several targets each has its own, named `r2/price`, and the plain name is their mean.
    """
    given = _Answered(y, predictions, probabilities, X)
    return _values(_draw(signature, given, Bootstrap(len(predictions), resamples=0), each=False))


def estimate(
    signature: Signature,
    X: NDArray[Any] | None,
    *,
    y: NDArray[Any] | None,
    predictions: NDArray[Any],
    probabilities: NDArray[np.float64] | None = None,
    resamples: int = RESAMPLES,
) -> Measured:
    """Return what `measure` does, with intervals, and of up to 50 classes `precision/yes`, `recall/yes`, `f1/yes` and
    `support/yes`, which is the number of rows.

    An interval that resampling cannot know (all rows right, say) is the exact one for a share, else it is left out.
    """
    given = _Answered(y, predictions, probabilities, X)
    draws = _draw(signature, given, Bootstrap(len(predictions), resamples=resamples), each=True)
    values = _values(draws)
    found = {name: _interval(name, draws[name], values, len(predictions)) for name in values}
    return Measured(values, {name: (one.low, one.high) for name, one in found.items() if one.high > one.low})


@dataclass(frozen=True, slots=True)
class _Answered:
    """Rows with what is true of them and what was answered."""

    y: NDArray[Any] | None
    predictions: NDArray[Any]
    probabilities: Floats | None = None
    X: NDArray[Any] | None = None


def _values(draws: Draws) -> dict[str, float]:
    return {name: float(one[0]) for name, one in draws.items() if math.isfinite(one[0])}


def _interval(name: str, draws: Floats, values: dict[str, float], rows: int) -> Interval:
    found = interval_of(draws)
    if found.low == found.high and len(draws) > 1 and found.value in (0.0, 1.0):
        kind, _, label = name.partition("/")
        if name in ("accuracy", "outlier_share"):
            return share_interval(found.value, rows)
        if kind in ("recall", "precision") and f"support/{label}" in values:
            return share_interval(found.value, values[f"support/{label}"])
    return found


def _draw(signature: Signature, given: _Answered, bootstrap: Bootstrap, *, each: bool) -> Draws:
    if signature.targets:
        return _draw_targets(signature, given, bootstrap)
    if signature.task == "regression":
        assert given.y is not None
        return _draw_regression(given.y, given.predictions, bootstrap)
    if signature.task == "classification":
        assert given.y is not None
        draws = draw_labels(given.y, given.predictions, bootstrap=bootstrap, each=each)
        if given.probabilities is None:
            return draws
        of_probabilities = draw_probabilities(
            given.y, given.probabilities, classes=signature.classes, bootstrap=bootstrap
        )
        main = {name: one for name, one in draws.items() if "/" not in name}
        return main | of_probabilities | draws
    if signature.task == "clustering":
        return {name: np.array([one]) for name, one in _measure_clusters(given.X, given.predictions).items()}
    return {"outlier_share": bootstrap.mean(given.predictions == -1)[:, 0]}


def _draw_targets(signature: Signature, given: _Answered, bootstrap: Bootstrap) -> Draws:
    """Each target's metrics, drawn on the same rows, and before them their means."""
    assert given.y is not None
    each = []
    for place, classes in enumerate(signature.target_classes or [()] * len(signature.targets)):
        alone = replace(signature, targets=(), target_classes=(), classes=classes)
        one = _Answered(given.y[:, place], given.predictions[:, place])
        each.append(_draw(alone, one, bootstrap, each=False))
    shared = [name for name in each[0] if all(name in one and math.isfinite(one[name][0]) for one in each)]
    draws = {}
    for name in shared:
        length = min(len(one[name]) for one in each)
        draws[name] = np.mean([one[name][:length] for one in each], axis=0)
    for target, own in zip(metric_names(signature.targets, "y"), each, strict=True):
        draws |= {f"{metric}/{target}": drawn for metric, drawn in own.items()}
    return draws


def _draw_regression(y: NDArray[Any], predictions: NDArray[Any], bootstrap: Bootstrap) -> Draws:
    truth = np.asarray(y, dtype=float)
    sizes = np.abs(np.asarray(predictions, dtype=float) - truth)
    means = bootstrap.mean(sizes, sizes**2)
    return {
        "r2": r2_draws(truth, sizes**2, bootstrap=bootstrap),
        "mae": means[:, 0],
        "rmse": np.sqrt(means[:, 1]),
        "median_absolute_error": _draw_median(sizes, bootstrap),
    }


def r2_draws(truth: Floats, squared_errors: Floats, *, bootstrap: Bootstrap) -> Floats:
    """Return R², of shape (1 + resamples,); NaN where the target is constant: there is nothing to explain."""
    centred = truth - truth.mean()  # squares of small numbers keep their digits
    sums = bootstrap.add(np.ones(len(truth)), centred, centred**2, squared_errors)
    spread = sums[:, 2] - sums[:, 1] ** 2 / sums[:, 0]
    varies = spread > 1e-12 * sums[:, 2]
    return np.asarray(1 - np.divide(sums[:, 3], spread, out=np.full(len(sums), np.nan), where=varies))


def _draw_median(values: Floats, bootstrap: Bootstrap) -> Floats:
    """The median of all rows; resampled where bins of about equal rows reach one half, read within the bin."""
    edges = np.quantile(values, np.linspace(0, 1, ERROR_BINS + 1))
    codes = np.clip(np.searchsorted(edges, values, side="right") - 1, 0, ERROR_BINS - 1)
    counts = bootstrap.count(codes, ERROR_BINS)
    reached = np.cumsum(counts, axis=1)
    half = reached[:, -1:] / 2
    bin_ = np.argmax(reached >= half, axis=1)
    rows = np.arange(len(counts))
    within = (half[:, 0] - reached[rows, bin_] + counts[rows, bin_]) / np.maximum(counts[rows, bin_], 1)
    drawn = edges[bin_] + within * (edges[bin_ + 1] - edges[bin_])
    exact = float(np.median(values))
    return np.concatenate([[exact], np.maximum(exact + drawn[1:] - drawn[0], 0.0)])


def _measure_clusters(X: NDArray[Any] | None, predictions: NDArray[Any]) -> dict[str, float]:
    labels = np.asarray(predictions)[:CLUSTER_ROWS]
    clusters = len(np.unique(labels))
    metrics = {"clusters": float(clusters)}
    if X is not None and 1 < clusters < len(labels):
        from sklearn.metrics import silhouette_score

        metrics["silhouette"] = float(silhouette_score(X[:CLUSTER_ROWS], labels))
    return metrics
