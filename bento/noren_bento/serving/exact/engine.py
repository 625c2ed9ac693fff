"""Exact: answers rows with a program, in numpy alone, equal to scikit-learn's to the last bit."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from noren_bento.release.version import Signature
from noren_bento.serving.answers import Answers
from noren_bento.serving.columns import Columns, count_rows
from noren_bento.serving.exact.boosting import compile_boosting, compile_boosting_row
from noren_bento.serving.exact.classes import compile_classes
from noren_bento.serving.exact.features import compile_features
from noren_bento.serving.exact.linear import Matrix, Score, compile_linear, compile_sequential_row
from noren_bento.serving.exact.program import Boosting, Program, read_program
from noren_bento.serving.exact.row import compile_row


class Exact:
    """Answers rows: features, a head's scores, then labels or values."""

    def __init__(self, program: Program, signature: Signature) -> None:
        names = signature.names()
        self._features = compile_features(program, names)
        self._score = compile_head(program)
        self._row = compile_row(program, names)
        self._score_row = compile_row_head(program) if self._row else None
        self._answer: Callable[[Matrix], Answers] = (
            compile_classes(
                program.classes, probabilities=signature.probabilities, scored=bool(signature.scores)
            )
            if program.classes
            else Answers
        )

    def predict(self, columns: Columns) -> Answers:
        """Answer the rows."""
        if self._score_row and self._row and count_rows(columns) == 1:
            return self._answer(self._score_row(self._row(columns)))
        return self._answer(self._score(self._features(columns)))


def load_exact(folder: Path, signature: Signature) -> Exact:
    """The engine of a model folder's program."""
    return Exact(read_program(folder), signature)


def compile_head(program: Program) -> Score:
    """Return what gives the scores, or the values, of a matrix of features."""
    head = program.head
    return _linked(compile_boosting(head) if isinstance(head, Boosting) else compile_linear(head), program)


def compile_row_head(program: Program) -> Callable[[list[float]], Matrix] | None:
    """Return the same of a single row; None where that is no quicker."""
    if isinstance(program.head, Boosting):
        return _linked(compile_boosting_row(program.head), program)
    if program.head.sequential:
        score = compile_sequential_row(program.head)
        return _linked(score, program) if score else None
    if len(program.blocks) > 1:
        whole = compile_head(program)
        return lambda row: whole(np.array([row]))
    return None


def _linked(score: Callable[[Any], Matrix], program: Program) -> Callable[[Any], Matrix]:
    if program.link == "exp":
        return lambda given: np.exp(score(given))
    return score
