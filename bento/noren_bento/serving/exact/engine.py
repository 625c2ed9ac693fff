"""Exact: answers rows with a program, in numpy alone, equal to scikit-learn's to the last bit."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np

from noren_bento.release.version import Signature
from noren_bento.serving.answers import Answers
from noren_bento.serving.columns import Columns
from noren_bento.serving.exact.classes import compile_classes
from noren_bento.serving.exact.features import compile_features
from noren_bento.serving.exact.linear import Matrix, Score, compile_linear
from noren_bento.serving.exact.program import Linear, Program, read_program


class Exact:
    """Answers rows: features, a head's scores, then labels or values."""

    def __init__(self, program: Program, signature: Signature) -> None:
        self._features = compile_features(program, signature.names())
        self._score = _compile_head(program)
        self._answer: Callable[[Matrix], Answers] = (
            compile_classes(program.classes, wanted=signature.probabilities) if program.classes else Answers
        )

    def predict(self, columns: Columns) -> Answers:
        """Answer the rows."""
        return self._answer(self._score(self._features(columns)))


def load_exact(folder: Path, signature: Signature) -> Exact:
    """The engine of a model folder's program."""
    return Exact(read_program(folder), signature)


def _compile_head(program: Program) -> Score:
    if not isinstance(program.head, Linear):
        raise NotImplementedError
    score = compile_linear(program.head)
    if program.link == "exp":
        return lambda matrix: np.exp(score(matrix))
    return score
