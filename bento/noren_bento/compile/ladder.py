"""The ladder: which engine answers for a model. Each step is taken only where its answers equal the original's.

exact (numpy alone) → onnx → arrays (scikit-learn without pandas) → sklearn (on a DataFrame).
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from noren_bento.compile.adversarial import adversarial_rows
from noren_bento.compile.candidates import (
    Candidate,
    Make,
    array_candidates,
    exact_candidates,
    graph_candidates,
    original_candidate,
)
from noren_bento.compile.compiled import Compiled
from noren_bento.compile.parity import Expected, expect, find_difference
from noren_bento.compile.portable import MISSING_TEXT, parts_of
from noren_bento.compile.probes import Answer, find_closed, take_rows
from noren_bento.compile.refusal import PassedOverError
from noren_bento.compile.witness import make_proof
from noren_bento.release.version import Signature
from noren_bento.serving.columns import Columns, columns_of_frame
from noren_bento.serving.manifest import Runtime
from noren_bento.serving.proof import write_proof

if TYPE_CHECKING:
    import pandas as pd

STEPS: tuple[Runtime, ...] = ("exact", "onnx", "arrays")
TIMED_CALLS = 15
PACKAGED = 24
"""Reference rows that are asked where nothing is compared."""
WORDS: dict[Runtime, str] = {
    "exact": "computed in numpy from the fitted attributes, equal to the original to the last bit",
    "onnx": "equal to the original",
    "arrays": "the original on arrays, without pandas, equal to the last bit",
    "sklearn": "the original on a DataFrame",
}


@dataclass(frozen=True, slots=True)
class Question:
    """What the ladder is climbed for."""

    model: Any
    signature: Signature
    columns: Columns
    """The reference rows."""
    expected: Expected
    seconds: float
    """What one row takes the original."""
    passed_over: dict[str, str] = field(default_factory=dict)
    """Why each step tried so far is not taken."""


def climb(
    model: Any,
    signature: Signature,
    reference: pd.DataFrame,
    folder: Path,
    *,
    steps: Collection[Runtime] = STEPS,
    without_onnx: str = "",
    asked: Callable[[], None] = lambda: None,
) -> Compiled:
    """Find the first step whose answers are the original's, and which is not slower; write its files and its proof.

    Only `steps` are tried, in the ladder's order. `without_onnx` says why ONNX is not, where it is not: an earlier
    try did not end. `asked` is called when the original has answered all rows, adversarial ones included.
    """
    columns = columns_of_frame(reference, signature)
    original = original_candidate(model, signature)
    closed = find_closed(original.answer, columns, signature, _known_texts(model, columns, signature))
    hard = adversarial_rows(list(parts_of(model)), columns, signature, closed=frozenset(closed))
    expected = expect(original.answer, columns, hard)
    asked()
    question = Question(model, signature, columns, expected, _measure(original.answer, columns))
    chosen = _choose(question, steps, without_onnx) or original
    chosen.write(folder)
    proof = make_proof(expected, chosen, signature, question.passed_over)
    write_proof(folder, proof)
    speedup = None if chosen is original else question.seconds / _measure(chosen.answer, columns)
    missing_text = MISSING_TEXT if chosen.runtime == "onnx" else ""
    return Compiled(chosen.runtime, _because(chosen, question), speedup, missing_text, closed)


def stay(model: Any, signature: Signature, reference: pd.DataFrame, folder: Path, *, why: str) -> Compiled:
    """Let the original answer because it was not to be compared: it did not answer adversarial rows in time, say."""
    columns = columns_of_frame(reference, signature)
    original = original_candidate(model, signature)
    few, none = (take_rows(columns, np.arange(count)) for count in (min(PACKAGED, len(reference)), 0))
    expected = expect(original.answer, few, none)
    original.write(folder)
    passed_over: dict[str, str] = dict.fromkeys(STEPS, why)
    write_proof(folder, make_proof(expected, original, signature, passed_over))
    return Compiled("sklearn", f"{WORDS['sklearn']}; no other step was tried: {why}")


def _choose(question: Question, tried: Collection[Runtime], without_onnx: str) -> Candidate | None:
    model, signature = question.model, question.signature
    steps: dict[Runtime, Callable[[], Iterator[Make]]] = {
        "exact": lambda: exact_candidates(model, signature, question.columns),
        "onnx": lambda: graph_candidates(model, signature),
        "arrays": lambda: array_candidates(model, signature),
    }
    for runtime, candidates in steps.items():
        if runtime not in tried:
            continue
        if runtime == "onnx" and without_onnx:
            question.passed_over[runtime] = without_onnx
            continue
        reasons: list[str] = []
        if chosen := _first_equal(candidates, question, reasons):
            return chosen
        question.passed_over[runtime] = "; ".join(dict.fromkeys(reasons))
    return None


def _first_equal(
    candidates: Callable[[], Iterator[Make]], question: Question, reasons: list[str]
) -> Candidate | None:
    """The first candidate that is equal and not slower; `reasons` is told why the others are not."""
    try:
        for make in candidates():
            chosen = _try(make, question, reasons)
            if chosen:
                return chosen
    except PassedOverError as refusal:
        reasons.append(str(refusal))
    except Exception as error:  # a model whose attributes are otherwise than those that are read
        reasons.append(_say(error))
    return None


def _try(make: Make, question: Question, reasons: list[str]) -> Candidate | None:
    try:
        candidate = make()
        difference = find_difference(question.expected, candidate.answer, bits=candidate.runtime != "onnx")
    except Exception as error:  # what does not convert or run is passed over, and said
        reasons.append(_say(error))
        return None
    if difference:
        reasons.append(f"{candidate.form}: {difference}" if candidate.runtime == "onnx" else difference)
        return None
    faster = question.seconds / _measure(candidate.answer, question.columns)
    if faster < 1 and candidate.runtime != "arrays":
        reasons.append(f"{candidate.form}: slower than the original")
        return None
    return candidate


def _say(error: Exception) -> str:
    lines = str(error).splitlines()
    return f"{type(error).__name__}: {lines[0][:120] if lines else ''}"


def _because(chosen: Candidate, question: Question) -> str:
    expected = question.expected
    form = f" ({chosen.form})" if chosen.runtime == "onnx" else ""
    words = WORDS[chosen.runtime]
    if chosen.runtime != "sklearn":
        words += (
            f" on {expected.reference_rows} reference and {expected.adversarial_rows} adversarial rows{form}"
        )
    return "; ".join([words, *(f"not {step}: {why}" for step, why in question.passed_over.items())])


def _known_texts(model: Any, columns: Columns, signature: Signature) -> dict[str, tuple[str, ...]]:
    """Values of each text column: those of the encoders inside the model that know all of its reference values."""
    encoded = [
        {value for value in np.asarray(values, dtype=object).tolist() if isinstance(value, str)}
        for part in parts_of(model)
        for values in getattr(part, "categories_", ())
    ]
    known = {}
    for column in signature.columns:
        if column.kind == "text":
            seen = {value for value in columns[column.name].tolist() if value is not None}
            known[column.name] = tuple(sorted(seen.union(*(values for values in encoded if values >= seen))))
    return known


def _measure(answer: Answer, columns: Columns) -> float:
    """Seconds that one row takes: the median of a few calls."""
    row = take_rows(columns, np.zeros(1, dtype=np.int64))
    taken = []
    for _ in range(TIMED_CALLS):
        began = time.perf_counter()
        answer(row)
        taken.append(time.perf_counter() - began)
    return float(np.median(taken))
