"""Comparison: whether two engines' answers to the same rows are equal, and by how much they differ."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from noren_bento.serving.answers import Answers

PROBABILITY_TOLERANCE = 1e-5
"""Largest difference of a probability."""
VALUE_TOLERANCE = 1e-5
"""Largest difference of a value or score, relative to the larger of it and the reference's median magnitude."""


def compare(expected: Answers, given: Answers, *, scale: float = 0.0) -> str | None:
    """Labels must be equal, probabilities, values and scores within their tolerances.

    Rows that are answered with what is not finite are the model's error, whatever it is exactly: they must be so in
    both.

    >>> compare(Answers(np.array([1.0, 2.0])), Answers(np.array([1.0, 2.1])))
    '1 of 2 values differ, by up to 0.048 relative'
    """
    if difference := compare_shapes(expected, given):
        return difference
    finite = finite_rows(expected)
    if not np.array_equal(finite, finite_rows(given)):
        return "values that are not finite differ"
    left, right = expected.predictions[finite], given.predictions[finite]
    if _are_values(expected):
        if difference := _compare_values("values", left, right, scale):
            return difference
    elif flips := int(np.sum(left != right)):
        return f"{flips} of {left.size} labels differ"
    if expected.scores is not None and given.scores is not None:
        return _compare_values("scores", expected.scores[finite], given.scores[finite], scale)
    if expected.probabilities is None or given.probabilities is None:
        return None
    worst = _worst(expected.probabilities[finite], given.probabilities[finite])
    return None if worst <= PROBABILITY_TOLERANCE else f"probabilities differ by up to {worst:.2g}"


def _are_values(answers: Answers) -> bool:
    """Whether predictions are values; labels may be floats, too, and have scores or probabilities beside them."""
    labels = answers.scores is not None or answers.probabilities is not None
    return answers.predictions.dtype.kind == "f" and not labels


def _compare_values(
    what: str, left: NDArray[np.float64], right: NDArray[np.float64], scale: float
) -> str | None:
    relative = _relative(left, right, scale)
    wrong = int(np.sum(relative > VALUE_TOLERANCE))
    return f"{wrong} of {left.size} {what} differ, by up to {relative.max():.2g} relative" if wrong else None


def compare_bits(expected: Answers, given: Answers) -> str | None:
    """Say where answers differ, be it in the last bit, or None."""
    if difference := compare_shapes(expected, given):
        return difference
    finite = finite_rows(expected)
    if not np.array_equal(finite, finite_rows(given)):
        return "values that are not finite differ"
    flips = int(np.sum(expected.predictions[finite] != given.predictions[finite]))
    if flips:
        kind = "values" if expected.predictions.dtype.kind == "f" else "labels"
        return f"{flips} of {expected.predictions.size} {kind} differ by {largest_difference(expected, given):.2g}"
    for what, one, other in _certainties(expected, given):
        if (one[finite] != other[finite]).any():
            return f"{what} differ by {largest_difference(expected, given):.2g}"
    return None


def _certainties(
    expected: Answers, given: Answers
) -> Iterator[tuple[str, NDArray[np.float64], NDArray[np.float64]]]:
    """Probabilities and scores that both have."""
    if expected.probabilities is not None and given.probabilities is not None:
        yield "probabilities", expected.probabilities, given.probabilities
    if expected.scores is not None and given.scores is not None:
        yield "scores", expected.scores, given.scores


def compare_shapes(expected: Answers, given: Answers) -> str | None:
    """Say where shapes or types differ, or None."""
    left, right = expected.predictions, given.predictions
    if left.shape != right.shape:
        return f"predictions have shape {right.shape}, not {left.shape}"
    texts = not {left.dtype.kind, right.dtype.kind} - set("OUT")
    if left.dtype.kind != right.dtype.kind and not texts:
        return f"{'values' if left.dtype.kind == 'f' else 'labels'} are {right.dtype}, not {left.dtype}"
    for what, one, other in (
        ("probabilities", expected.probabilities, given.probabilities),
        ("scores", expected.scores, given.scores),
    ):
        if (None if one is None else one.shape) != (None if other is None else other.shape):
            return f"{what} have another shape"
    return None


def largest_difference(expected: Answers, given: Answers, *, scale: float = 0.0) -> float:
    """The largest difference of a probability, or of a value or score relative to its size; of answers of one shape."""
    finite = finite_rows(expected) & finite_rows(given)
    worst = 0.0
    if _are_values(expected):
        relative = _relative(expected.predictions[finite], given.predictions[finite], scale)
        worst = float(relative.max(initial=0.0))
    for what, one, other in _certainties(expected, given):
        left, right = one[finite], other[finite]
        found = (
            _worst(left, right) if what == "probabilities" else _relative(left, right, scale).max(initial=0.0)
        )
        worst = max(worst, float(found))
    return worst


def finite_rows(answers: Answers) -> NDArray[np.bool_]:
    """Which rows are answered with finite numbers or labels."""
    finite = np.ones(len(answers.predictions), dtype=np.bool_)
    for values in (answers.predictions, answers.probabilities, answers.scores):
        if values is not None and values.dtype.kind == "f":
            finite &= np.isfinite(values.reshape(len(values), -1)).all(axis=1)
    return finite


def _relative(left: NDArray[np.float64], right: NDArray[np.float64], scale: float) -> NDArray[np.float64]:
    size = np.maximum(np.maximum(np.abs(left), np.abs(right)), scale)
    difference: NDArray[np.float64] = np.abs(left - right) / np.where(size > 0, size, 1.0)
    return difference


def _worst(left: NDArray[np.float64], right: NDArray[np.float64]) -> float:
    return float(np.max(np.abs(left - right), initial=0.0))


def typical_size(answers: Answers) -> float:
    """Median magnitude of the values or scores; 0 for labels."""
    values = answers.predictions if answers.scores is None else answers.scores
    if not (_are_values(answers) or answers.scores is not None) or not values.size:
        return 0.0
    return float(np.median(np.abs(values[finite_rows(answers)]))) if finite_rows(answers).any() else 0.0
