"""Answers: what a model says to some rows, whichever runtime it was asked in."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import isfinite
from typing import Any

import numpy as np
from numpy.typing import NDArray

from noren_bento.errors import NorenError

FEW = 16
"""So few numbers are looked at in Python, which takes less time than numpy's calls."""


class ModelError(NorenError):
    """The model raised on rows that fit its signature, or answered what is no prediction. Never the client's fault."""


@dataclass(frozen=True, slots=True, eq=False)
class Answers:
    """Predictions in the order of the rows."""

    predictions: NDArray[Any]
    """Shape (rows,), or (rows, targets) where the model has several: labels, values or cluster numbers."""
    probabilities: NDArray[np.float64] | None = None
    """Shape (rows, classes) in the order of the signature's classes; None where the model gives none."""
    scores: NDArray[np.float64] | None = None
    """What `decision_function` gives where the model has no probabilities: shape (rows,) or (rows, numbers)."""

    def outputs(self) -> Mapping[str, NDArray[Any]]:
        """What the Profile's outputs count: `prediction`, or `prediction_0`, `prediction_1`, … of several targets."""
        if self.predictions.ndim == 1:
            return {"prediction": self.predictions}
        return {f"prediction_{i}": self.predictions[:, i] for i in range(self.predictions.shape[1])}

    def take(self, rows: NDArray[Any] | slice) -> Answers:
        """The answers of some rows, given their places or a mask of shape (rows,)."""
        return Answers(
            self.predictions[rows],
            None if self.probabilities is None else self.probabilities[rows],
            None if self.scores is None else self.scores[rows],
        )


def require_finite(answers: Answers, rows: int) -> Answers:
    """Return the answers when there is one a row and none is NaN or infinite, else raise ModelError."""
    if len(answers.predictions) != rows:
        raise ModelError(f"The model gave {len(answers.predictions)} predictions for {rows} rows.")
    for what, values in (
        ("prediction", answers.predictions),
        ("probability", answers.probabilities),
        ("score", answers.scores),
    ):
        if values is not None and values.dtype.kind == "f":
            if values.size <= FEW and all(map(isfinite, values.ravel().tolist())):
                continue
            finite = np.isfinite(values)
            if not finite.all():
                row = int(np.argmin(finite.reshape(rows, -1).all(axis=1)))
                raise ModelError(f"The model's {what} for row {row} is not a finite number.")
    return answers
