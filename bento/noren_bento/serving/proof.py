"""Proof: what showed at build time that an engine answers as the original does, and the rows to check it again.

A bento may start on another CPU or with another onnxruntime than those on which it was proven. So each worker answers
the packaged rows before it is ready.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from noren_bento.errors import NorenError
from noren_bento.serving.answers import Answers
from noren_bento.serving.columns import Columns, count_rows
from noren_bento.serving.comparison import compare

PROOF = "proof.json"
KINDS: dict[str, Any] = {"f": np.float64, "i": np.int64, "u": np.uint64, "b": np.bool_}


class Proof(msgspec.Struct, frozen=True):
    """What `proof.json` holds."""

    runtime: str
    form: str
    """In which form: `numpy`, `float64 matrix`, …"""
    reference_rows: int
    adversarial_rows: int
    refused_rows: int
    """Adversarial rows on which the original raises, and this engine, too."""
    batches: tuple[int, ...]
    """Numbers of rows that were asked at once."""
    equal: str
    """What counted as equal."""
    largest_difference: float
    """Of a probability, or of a value relative to its size."""
    passed_over: dict[str, str]
    """Why each quicker engine does not answer."""
    rows: list[dict[str, Any]]
    """Rows of a request, which each worker answers before it is ready."""
    predictions: list[Any]
    """The original's answers to them."""
    probabilities: list[list[float]] | None
    kind: str
    """Kind of the predictions' numpy dtype."""
    scale: float
    """Typical magnitude of the values, or of the scores."""
    scores: list[Any] | None = None


def write_proof(folder: Path, proof: Proof) -> None:
    """Write a proof into a model folder."""
    (folder / PROOF).write_bytes(msgspec.json.format(msgspec.json.encode(proof), indent=1))


def read_proof(folder: Path) -> Proof:
    """Read a model folder's proof; raises NorenError where it is missing or damaged."""
    try:
        return msgspec.json.decode((folder / PROOF).read_bytes(), type=Proof)
    except (OSError, msgspec.MsgspecError) as error:
        raise NorenError(f"{folder / PROOF} cannot be read: {error}. Build the version again.") from None


def expected_answers(proof: Proof) -> Answers:
    """The packaged answers."""
    dtype = KINDS.get(proof.kind, object)
    probabilities = None if proof.probabilities is None else np.array(proof.probabilities, dtype=np.float64)
    scores = None if proof.scores is None else np.array(proof.scores, dtype=np.float64)
    return Answers(np.array(proof.predictions, dtype=dtype), probabilities, scores)


def require_proven(proof: Proof, columns: Columns, given: Answers) -> None:
    """Raise NorenError where an engine's answers to the packaged rows are not those of the proof."""
    expected = expected_answers(proof)
    if count_rows(columns) == 1:
        expected = expected.take(slice(1))
    if difference := compare(expected, given, scale=proof.scale):
        raise NorenError(
            f"This version's engine ({proof.runtime}, {proof.form}) answers its packaged rows otherwise here than "
            f"where it was built: {difference}. The CPU or the installed packages compute differently. "
            "Build the version again on a machine like this one."
        )
