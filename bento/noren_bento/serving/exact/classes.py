"""Classes: scores become labels and probabilities, by scikit-learn's own formulas in its own order."""

from __future__ import annotations

from collections.abc import Callable
from math import exp
from operator import ge, gt
from typing import Any

import numpy as np
from numpy.typing import NDArray

from noren_bento.serving.answers import Answers
from noren_bento.serving.exact.program import Classes

Matrix = NDArray[np.float64]
Decide = Callable[[Matrix], Answers]


def compile_classes(classes: Classes, *, probabilities: bool, scored: bool) -> Decide:
    """Return what turns scores into answers; what these hold beside labels is said by the signature."""
    labels = np.array(classes.labels, dtype=np.dtype(classes.dtype))
    labels.setflags(write=False)
    decide = _compile(classes, labels, wanted=probabilities)
    if not scored:
        return decide

    def decide_and_show(scores: Matrix) -> Answers:
        return Answers(decide(scores).predictions, scores=scores)

    return decide_and_show


def _compile(classes: Classes, labels: NDArray[Any], *, wanted: bool) -> Decide:
    if classes.threshold is not None:
        return _compile_threshold(classes, classes.threshold, labels, wanted=wanted)
    if len(labels) == 2:
        return _compile_two(classes, labels, wanted=wanted)
    share = SHARES[classes.probabilities] if wanted else None

    def decide(scores: Matrix) -> Answers:
        predictions = labels.take(scores.argmax(axis=1))
        return Answers(predictions, share(scores) if share else None)

    return decide


def _compile_two(classes: Classes, labels: NDArray[Any], *, wanted: bool) -> Decide:
    no, yes = labels[:1], labels[1:]
    share = SHARES[classes.probabilities] if wanted else None
    exceeds = ge if classes.second_from_zero else gt

    def decide(scores: Matrix) -> Answers:
        shares = share(scores) if share else None
        if len(scores) == 1:  # what most requests are
            return Answers(yes if exceeds(scores[0], 0) else no, shares)
        return Answers(labels.take(exceeds(scores, 0).astype(np.int64)), shares)

    return decide


def _compile_threshold(classes: Classes, threshold: float, labels: NDArray[Any], *, wanted: bool) -> Decide:
    share = SHARES[classes.probabilities] if classes.probabilities != "none" else None
    positive = classes.positive
    order = labels[[1 - positive, positive]]

    def decide(scores: Matrix) -> Answers:
        shares = share(scores) if share else None
        if classes.threshold_of == "probability" and shares is not None:
            judged = shares[:, positive]
        else:
            judged = scores if positive else -1 * scores
        return Answers(order.take((judged >= threshold).astype(np.int64)), shares if wanted else None)

    return decide


def logistic(score: float) -> float:
    """1 / (1 + exp(-score)) with the C library's exp, as scipy's expit: numpy's own may differ in the last bit.

    >>> logistic(0.0), logistic(-1000.0)
    (0.5, 0.0)
    """
    try:
        return 1.0 / (1.0 + exp(-score))
    except OverflowError:
        return 0.0


def _logistic(scores: Matrix) -> Matrix:
    if len(scores) == 1:
        share = logistic(scores[0])
        return np.array([[1.0 - share, share]])
    shares = np.array([logistic(score) for score in scores.tolist()])
    return np.stack([1 - shares, shares], axis=1)


def _softmax(scores: Matrix) -> Matrix:
    shares: Matrix = scores - scores.max(axis=1).reshape(-1, 1)
    np.exp(shares, out=shares)
    shares /= shares.sum(axis=1).reshape(-1, 1)
    return shares


def _shares(scores: Matrix) -> Matrix:
    shares = np.array([[logistic(score) for score in row] for row in scores.tolist()])
    total = shares.sum(axis=1)
    nothing = total == 0
    if nothing.any():
        shares[nothing, :] = 1
        total[nothing] = shares.shape[1]
    shares /= total.reshape(-1, 1)
    return shares


SHARES: dict[str, Callable[[Matrix], Matrix]] = {
    "logistic": _logistic,
    "softmax": _softmax,
    "shares": _shares,
}
