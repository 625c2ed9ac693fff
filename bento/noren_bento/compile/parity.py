"""Parity: the proof that a graph answers as the original does, on the reference rows and on probe rows."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from noren_bento.compile.probes import Answer, Arrays, take_rows
from noren_bento.serving.answers import Answers
from noren_bento.serving.columns import Columns, count_rows

PROBABILITY_TOLERANCE = 1e-5
"""Largest difference of a probability."""
VALUE_TOLERANCE = 1e-5
"""Largest difference of a value, relative to the larger of the value and the reference's median magnitude."""


@dataclass(frozen=True, slots=True)
class Expected:
    """What the original answers, worked out once for all graphs."""

    reference: Columns
    answers: Answers
    probes: Arrays
    probe_answers: Answers


def expect(original: Answer, reference: Columns, probes: Arrays) -> Expected | str:
    """Ask the original; say in words why no graph may answer for it where it raises."""
    answers = []
    for what, rows in (("reference row", reference), ("row that fits its signature", probes)):
        try:
            answers.append(original(rows))
        except Exception as error:  # any refusal of the model's is one that a graph would not make
            row = _shorten(_raising_row(original, rows))
            return f"the original raises on a {what} ({row}): {type(error).__name__}: {str(error)[:120]}"
    return Expected(reference, answers[0], probes, answers[1])


def _raising_row(original: Answer, rows: Columns) -> Columns:
    """Halve the rows until one is left; where neither half raises, the first row stands for all."""
    while (count := count_rows(rows)) > 1:
        half = take_rows(rows, np.arange(count // 2))
        rows = half if _raises(original, half) else take_rows(rows, np.arange(count // 2, count))
    return rows


def _raises(original: Answer, rows: Columns) -> bool:
    try:
        original(rows)
    except Exception:  # the question is only whether it does
        return True
    return False


def _shorten(row: Columns) -> str:
    shown = ", ".join(f"{name}={row[name].tolist()[0]!r}" for name in list(row)[:4])
    return shown + (", …" if len(row) > 4 else "")


def find_difference(expected: Expected, compiled: Answer) -> str | None:
    """Say where a graph's answers differ from the original's, or None when they are equal."""
    for what, rows, answers in (
        ("reference", expected.reference, expected.answers),
        ("probe", expected.probes, expected.probe_answers),
    ):
        if difference := compare(answers, compiled(rows), scale=_scale(expected.answers)):
            return f"{difference} ({what} rows)"
    return None


def compare(expected: Answers, given: Answers, *, scale: float = 0.0) -> str | None:
    """Labels must be equal, probabilities and values within their tolerances.

    >>> compare(Answers(np.array([1.0, 2.0])), Answers(np.array([1.0, 2.1])))
    '1 of 2 values differ, by up to 0.048 relative'
    """
    left, right = expected.predictions, given.predictions
    if left.shape != right.shape:
        return f"predictions have shape {right.shape}, not {left.shape}"
    if left.dtype.kind == "f":
        if difference := _compare_values(left, right, scale):
            return difference
    elif left.dtype.kind != right.dtype.kind and {left.dtype.kind, right.dtype.kind} - set("OUT"):
        return f"labels are {right.dtype}, not {left.dtype}"
    elif flips := int(np.sum(left != right)):
        return f"{flips} of {left.size} labels differ"
    return _compare_probabilities(expected, given)


def _compare_values(left: NDArray[np.float64], right: NDArray[np.float64], scale: float) -> str | None:
    if right.dtype.kind != "f" or not np.array_equal(np.isfinite(left), np.isfinite(right)):
        return "values that are not finite differ"
    kept = np.isfinite(left)
    size = np.maximum(np.maximum(np.abs(left[kept]), np.abs(right[kept])), scale)
    relative = np.abs(left[kept] - right[kept]) / np.where(size > 0, size, 1.0)
    wrong = int(np.sum(relative > VALUE_TOLERANCE))
    return f"{wrong} of {left.size} values differ, by up to {relative.max():.2g} relative" if wrong else None


def _compare_probabilities(expected: Answers, given: Answers) -> str | None:
    left, right = expected.probabilities, given.probabilities
    if left is None and right is None:
        return None
    if left is None or right is None or left.shape != right.shape:
        return "probabilities have another shape"
    worst = float(np.max(np.abs(left - right), initial=0.0))
    return None if worst <= PROBABILITY_TOLERANCE else f"probabilities differ by up to {worst:.2g}"


def _scale(answers: Answers) -> float:
    values = answers.predictions
    return float(np.median(np.abs(values))) if values.dtype.kind == "f" and values.size else 0.0
