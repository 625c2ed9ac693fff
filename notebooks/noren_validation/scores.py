"""Scores on test data with their uncertainty, and the paired comparison with the champion. Pure.

The score of labels is balanced accuracy (mean recall over the classes present), that of values is R². Uncertainty
is the seeded bootstrap that versions are measured with when they are tagged.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from noren_bento.tagging.metrics.intervals import RESAMPLES, Bootstrap, Interval, interval_of
from noren_bento.tagging.metrics.metrics import r2_draws

Values = NDArray[Any]


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
    return interval_of(scores[:, 0])


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
    return interval_of(scores[:, 0] - scores[:, 1])


def guess(task: str, y: Values) -> float:
    """Return the score of an answer that ignores the input: 1 / number of classes, or 0 for R².

    >>> guess("classification", np.array(["a", "b", "a", "c", "c", "c"])) == 1 / 3
    True
    """
    return 0.0 if task == "regression" else 1.0 / max(1, len(np.unique(y)))


def _resampled(task: str, y: Values, answers: tuple[Values, ...], resamples: int) -> NDArray[np.float64]:
    """Shape (1 + resamples, answers): the measured scores, then those of each resample, all on the same rows."""
    resample = _resample_values if task == "regression" else _resample_labels
    return resample(y, answers, Bootstrap(len(y), resamples=resamples))


def _resample_labels(y: Values, answers: tuple[Values, ...], bootstrap: Bootstrap) -> NDArray[np.float64]:
    classes, codes = np.unique(y, return_inverse=True)
    totals = bootstrap.count(codes, len(classes))
    scores = []
    for answer in answers:
        right = np.asarray(answer) == np.asarray(y)
        hits = bootstrap.count(np.where(right, codes, -1), len(classes))
        recalls = np.divide(hits, totals, out=np.full_like(hits, np.nan), where=totals > 0)
        scores.append(np.nanmean(recalls, axis=1))
    return np.stack(scores, axis=1)


def _resample_values(y: Values, answers: tuple[Values, ...], bootstrap: Bootstrap) -> NDArray[np.float64]:
    truth = np.asarray(y, dtype=np.float64)
    errors = [(np.asarray(answer, dtype=np.float64) - truth) ** 2 for answer in answers]
    scores = [r2_draws(truth, squared, bootstrap=bootstrap) for squared in errors]
    return np.nan_to_num(np.stack(scores, axis=1), nan=0.0)
