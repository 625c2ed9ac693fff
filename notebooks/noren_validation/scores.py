"""Scores on test data with their uncertainty, and the paired comparison with the champion. Pure.

The score of labels is balanced accuracy (mean recall over the classes present), that of values is R². Uncertainty
is the percentile bootstrap (Efron and Tibshirani 1993, chapter 13) with a fixed seed, so that a run can be repeated.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

RESAMPLES = 2_000
GROUPS = 4_000
"""More rows than this are added up in so many random groups, which are then resampled: same answer, bounded cost."""
SEED = 20240601

Values = NDArray[Any]


@dataclass(frozen=True, slots=True)
class Interval:
    """A measured number and the middle 95 % of its bootstrap."""

    value: float
    low: float
    high: float

    def __str__(self) -> str:
        return f"{self.value:.4f} (95 %: {self.low:.4f} to {self.high:.4f})"


def name_score(task: str) -> str:
    """What `score` measures for a task."""
    return "R²" if task == "regression" else "balanced accuracy"


def score(task: str, y: Values, predictions: Values) -> float:
    """Return R² for regression, else balanced accuracy. R² of a constant target is 0: there is nothing to explain.

    >>> score("classification", np.array(["a", "a", "b"]), np.array(["a", "b", "b"]))
    0.75
    >>> score("regression", np.array([1.0, 2.0, 3.0]), np.array([1.0, 2.0, 3.0]))
    1.0
    """
    return estimate_score(task, y, predictions, resamples=0).value


def estimate_score(task: str, y: Values, predictions: Values, *, resamples: int = RESAMPLES) -> Interval:
    """Return the score with its interval; arrays of shape (rows,)."""
    scores = _resampled(task, y, (predictions,), resamples)
    return _interval(scores[:, 0])


def compare_scores(
    task: str, y: Values, predictions: Values, *, champion: Values, resamples: int = RESAMPLES
) -> Interval:
    """Return candidate's score minus the champion's on the same rows, resampled in pairs.

    Pairs take out what is hard for both: the interval is narrower than the two scores' own suggest.

    >>> y, right, wrong = np.repeat([0, 1], 50), np.repeat([0, 1], 50), np.zeros(100, dtype=int)
    >>> compare_scores("classification", y, right, champion=wrong).value
    0.5
    """
    scores = _resampled(task, y, (predictions, champion), resamples)
    return _interval(scores[:, 0] - scores[:, 1])


def guess(task: str, y: Values) -> float:
    """Return the score of an answer that ignores the input: 1 / number of classes, or 0 for R².

    >>> guess("classification", np.array(["a", "b", "a", "c", "c", "c"])) == 1 / 3
    True
    """
    return 0.0 if task == "regression" else 1.0 / max(1, len(np.unique(y)))


def _interval(scores: NDArray[np.float64]) -> Interval:
    """The first is the measured one, the others are resampled."""
    value = float(scores[0])
    low, high = np.nanpercentile(scores[1:], [2.5, 97.5]) if len(scores) > 1 else (value, value)
    return Interval(value, float(low), float(high))


def _resampled(task: str, y: Values, answers: tuple[Values, ...], resamples: int) -> NDArray[np.float64]:
    resample = _resample_values if task == "regression" else _resample_labels
    return resample(y, answers, resamples, np.random.default_rng(SEED))


def _resample_labels(
    y: Values, answers: tuple[Values, ...], resamples: int, rng: np.random.Generator
) -> NDArray[np.float64]:
    """Shape (1 + resamples, answers). Rows matter only by class and by who was right, so cells are resampled."""
    classes, codes = np.unique(y, return_inverse=True)
    right = np.stack([np.asarray(answer) == np.asarray(y) for answer in answers])
    patterns = 1 << len(answers)
    cells = codes * patterns + (right.T @ (1 << np.arange(len(answers))))
    counts = np.bincount(cells, minlength=len(classes) * patterns)
    drawn = rng.multinomial(len(y), counts / len(y), size=resamples)
    table = np.concatenate([counts[None], drawn]).reshape(1 + resamples, len(classes), patterns)
    totals = table.sum(axis=2)
    recalls = np.full((1 + resamples, len(classes), len(answers)), np.nan)
    for which in range(len(answers)):
        hits = table[:, :, (np.arange(patterns) >> which) & 1 == 1].sum(axis=2)
        np.divide(hits, totals, out=recalls[:, :, which], where=totals > 0)
    return np.asarray(np.nanmean(recalls, axis=1))


def _resample_values(
    y: Values, answers: tuple[Values, ...], resamples: int, rng: np.random.Generator
) -> NDArray[np.float64]:
    """Shape (1 + resamples, answers). R² from sums of y, y² and squared errors over resampled groups of rows."""
    truth = np.asarray(y, dtype=np.float64) - np.mean(np.asarray(y, dtype=np.float64))
    errors = [
        (np.asarray(answer, dtype=np.float64) - np.asarray(y, dtype=np.float64)) ** 2 for answer in answers
    ]
    sums = _group(np.stack([np.ones_like(truth), truth, truth**2, *errors], axis=1), rng)
    totals = np.empty((1 + resamples, sums.shape[1]))
    totals[0] = sums.sum(axis=0)
    for row in range(1, 1 + resamples):
        weights = np.bincount(rng.integers(0, len(sums), len(sums)), minlength=len(sums))
        totals[row] = weights @ sums
    spread = totals[:, 2] - totals[:, 1] ** 2 / totals[:, 0]
    varies = spread > 1e-12 * totals[:, 2]
    unexplained = np.divide(
        totals[:, 3:], spread[:, None], out=np.ones_like(totals[:, 3:]), where=varies[:, None]
    )
    return np.asarray(1 - unexplained)


def _group(rows: NDArray[np.float64], rng: np.random.Generator) -> NDArray[np.float64]:
    if len(rows) <= GROUPS:
        return rows
    order = rng.permutation(len(rows))
    return np.asarray(
        np.add.reduceat(rows[order], np.linspace(0, len(rows), GROUPS, endpoint=False).astype(int))
    )
