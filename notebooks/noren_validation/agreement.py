"""Agreement: on how many rows two runtimes of one model answer the same. Pure."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from noren_bento.serving.answers import Answers

TOLERANCE = 1e-5
"""Of a probability absolute, of a value relative to it or to the typical value: what the build proves, see compile."""


def agreeing_rows(expected: Answers, given: Answers) -> NDArray[np.bool_]:
    """Say per row whether the answers are the same: labels exactly, probabilities and values within the tolerance.

    >>> agreeing_rows(Answers(np.array([1.0, 2.0])), Answers(np.array([1.0, 2.1]))).tolist()
    [True, False]
    """
    left, right = expected.predictions, given.predictions
    if left.dtype.kind == "f":
        typical = float(np.median(np.abs(left))) if left.size else 0.0
        close = np.abs(left - right) <= TOLERANCE * np.maximum(np.abs(left), typical)
    else:
        close = left == right
    agree = close.reshape(len(left), -1).all(axis=1)
    if expected.probabilities is not None and given.probabilities is not None:
        agree &= (np.abs(expected.probabilities - given.probabilities) <= TOLERANCE).all(axis=1)
    return np.asarray(agree, dtype=np.bool_)


def take_rows(answers: Answers, rows: NDArray[np.bool_]) -> Answers:
    """Keep the answers of some rows, given a mask of shape (rows,)."""
    probabilities = None if answers.probabilities is None else answers.probabilities[rows]
    return Answers(answers.predictions[rows], probabilities)
