"""Agreement: on how many rows two runtimes of one model answer the same. Pure."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from noren_bento.serving.answers import Answers

TOLERANCE = 1e-5
"""Of a probability absolute, of a value or score relative to it or to the typical one: what the build proves."""


def agreeing_rows(expected: Answers, given: Answers) -> NDArray[np.bool_]:
    """Say per row whether the answers are the same: labels exactly, all other numbers within the tolerance.

    >>> agreeing_rows(Answers(np.array([1.0, 2.0])), Answers(np.array([1.0, 2.1]))).tolist()
    [True, False]
    >>> labels, scores = np.array([0, 1]), np.array([-0.5, 0.5])
    >>> agreeing_rows(Answers(labels, scores=scores), Answers(labels, scores=scores + [0, 0.1])).tolist()
    [True, False]
    >>> agreeing_rows(Answers(labels, scores=scores), Answers(labels)).tolist()
    [False, False]
    """
    left, right = expected.predictions, given.predictions
    agree = _close_rows(left, right) if left.dtype.kind == "f" else _equal_rows(left, right)
    if (expected.probabilities is None, expected.scores is None) != (
        given.probabilities is None,
        given.scores is None,
    ):
        return np.zeros(len(left), dtype=np.bool_)  # one of the two leaves out what the other says
    if expected.probabilities is not None and given.probabilities is not None:
        agree &= (np.abs(expected.probabilities - given.probabilities) <= TOLERANCE).all(axis=1)
    if expected.scores is not None and given.scores is not None:
        agree &= _close_rows(expected.scores, given.scores)
    return np.asarray(agree, dtype=np.bool_)


def _equal_rows(left: NDArray[Any], right: NDArray[Any]) -> NDArray[np.bool_]:
    return np.asarray((left == right).reshape(len(left), -1).all(axis=1))


def _close_rows(left: NDArray[np.float64], right: NDArray[np.float64]) -> NDArray[np.bool_]:
    typical = float(np.median(np.abs(left))) if left.size else 0.0
    close = np.abs(left - right) <= TOLERANCE * np.maximum(np.abs(left), typical)
    return np.asarray(close.reshape(len(left), -1).all(axis=1))
