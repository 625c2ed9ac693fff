"""Witness: the rows that a bento carries so that each worker can show again what was proven at build time."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from noren_bento.compile.candidates import Candidate
from noren_bento.compile.parity import (
    BATCHES,
    EQUAL_BITS,
    EQUAL_CLOSE,
    Asked,
    Expected,
    measure_difference,
)
from noren_bento.compile.probes import take_rows
from noren_bento.release.version import Signature
from noren_bento.serving.answers import Answers
from noren_bento.serving.comparison import finite_rows
from noren_bento.serving.proof import Proof
from noren_bento.serving.rows import rows_of_columns

ROWS = 24
"""Reference rows, and as many adversarial ones, that are packaged at most."""
MARGIN = 1e-6
"""Least distance of the two largest probabilities or scores, or of a single score from zero: a label that hangs on the
last bits may differ on another CPU."""


def make_proof(
    expected: Expected, engine: Candidate, signature: Signature, passed_over: dict[str, str]
) -> Proof:
    """The proof of an engine that was found equal."""
    answered = {one.what for one in expected.asked if one.answers is not None}
    chosen = [_pick(expected, what) for what in ("reference", "adversarial") if what in answered]
    answers = [one for _, one in chosen]
    rows = [row for asked, _ in chosen for row in rows_of_columns(asked, signature)]
    probabilities = [
        share for one in answers if one.probabilities is not None for share in one.probabilities.tolist()
    ]
    return Proof(
        runtime=engine.runtime,
        form=engine.form,
        reference_rows=expected.reference_rows,
        adversarial_rows=expected.adversarial_rows,
        refused_rows=expected.refused_rows(),
        batches=BATCHES,
        equal=EQUAL_CLOSE if engine.runtime == "onnx" else EQUAL_BITS,
        largest_difference=measure_difference(expected, engine.answer),
        passed_over=passed_over,
        rows=rows,
        predictions=[label for one in answers for label in one.predictions.tolist()],
        probabilities=probabilities or None,
        scores=[score for one in answers if one.scores is not None for score in one.scores.tolist()] or None,
        kind=answers[0].predictions.dtype.kind,
        scale=expected.scale,
    )


def _pick(expected: Expected, what: str) -> tuple[dict[str, NDArray[np.generic]], Answers]:
    """Rows spread over the largest batch of this sort, with the original's answers."""
    batches = [one for one in expected.asked if one.what == what and one.answers is not None]
    largest = max(batches, key=_size)
    assert largest.answers is not None
    (sure,) = np.nonzero(_sure_rows(largest.answers))
    taken = sure[np.linspace(0, len(sure) - 1, min(ROWS, len(sure))).astype(np.int64)]
    return take_rows(largest.rows, taken), largest.answers.take(taken)


def _size(asked: Asked) -> int:
    return 0 if asked.answers is None else len(asked.answers.predictions)


def _sure_rows(answers: Answers) -> NDArray[np.bool_]:
    finite = finite_rows(answers)
    if answers.scores is not None and answers.scores.ndim == 1:
        return np.asarray(finite & (np.abs(answers.scores) > MARGIN))
    numbers = answers.probabilities if answers.scores is None else answers.scores
    if numbers is None or numbers.shape[1] < 2:
        return finite
    ordered = np.sort(numbers, axis=1)
    return np.asarray(finite & (ordered[:, -1] - ordered[:, -2] > MARGIN))
