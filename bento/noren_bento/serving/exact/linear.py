"""Linear heads: weights and an intercept, added in the order in which scikit-learn adds them."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from noren_bento.serving.exact.program import Linear

Matrix = NDArray[np.float64]
Score = Callable[[Matrix], Matrix]


def compile_linear(head: Linear) -> Score:
    """Return what gives the scores of a matrix: shape (rows,) or (rows, outputs)."""
    weights, intercept = head.weights, head.intercept
    if head.sequential:
        return _compile_sequential(weights, intercept)
    if weights.ndim == 2 and weights.shape[1] == 1 and intercept.size == 1:
        return lambda matrix: (matrix @ weights + intercept)[:, 0]
    return lambda matrix: matrix @ weights + intercept


def _compile_sequential(weights: Matrix, intercept: Matrix) -> Score:
    """As scipy multiplies a sparse matrix: zeros are left out, and each row's products are added one by one."""
    single = weights.ndim == 1 or weights.shape[1] == 1

    def add(matrix: Matrix) -> Matrix:
        wide = weights.reshape(matrix.shape[1], -1)
        scores = np.zeros((len(matrix), wide.shape[1]))
        for feature in range(matrix.shape[1]):
            values = matrix[:, feature]
            (rows,) = np.nonzero(values)
            if len(rows):
                scores[rows] += values[rows, None] * wide[feature]
        return (scores[:, 0] if single else scores) + intercept

    return add


def compile_sequential_row(head: Linear) -> Callable[[list[float]], Matrix] | None:
    """Return the same of a single row with a single output; None for several."""
    if head.weights.ndim > 1 and head.weights.shape[1] > 1:
        return None
    plain, start = head.weights.ravel().tolist(), float(head.intercept.ravel()[0])

    def add(row: list[float]) -> Matrix:
        total = 0.0
        for value, weight in zip(row, plain, strict=True):
            if value:
                total += value * weight
        return np.array([total + start])

    return add
