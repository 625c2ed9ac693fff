"""Program: a fitted model as plain data, and its two files: `exact.json` and the arrays of `exact.npz`.

Nothing in them can run: JSON names steps of a closed list, arrays are read with `allow_pickle=False`.
"""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any, Literal

import msgspec
import numpy as np

from noren_bento.errors import NorenError

PROGRAM = "exact.json"
ARRAYS = "exact.npz"

Label = str | int | float | bool


class Step(msgspec.Struct, frozen=True):
    """One operation on every column of a matrix of numbers, as scalers and imputers do."""

    do: Literal["subtract", "divide", "multiply", "add", "fill", "take", "at_least", "at_most"]
    """`fill` puts `by` where a value is missing; `take` keeps the columns `by`."""
    by: np.ndarray


class Numbers(msgspec.Struct, frozen=True, tag="numbers"):
    """Numeric columns, put through steps."""

    columns: tuple[int, ...]
    """Places in the signature."""
    steps: tuple[Step, ...]
    features: tuple[int, ...]
    """Places in the matrix that the head takes."""


class Table(msgspec.Struct, frozen=True, tag="table"):
    """One column whose known values stand for features, as encoders have it."""

    column: int
    values: tuple[Label, ...]
    features: tuple[int, ...]
    """Places in the matrix that the head takes."""
    coded: np.ndarray
    """Shape (values + 2, features): what each value stands for, then a value never seen, then missing."""
    refused: tuple[int, ...] = ()
    """Rows of `coded` on which the model raises."""


class Linear(msgspec.Struct, frozen=True, tag="linear"):
    """A head: matrix @ weights + intercept."""

    weights: np.ndarray
    """Shape (features,) or (features, outputs)."""
    intercept: np.ndarray
    sequential: bool = False
    """Whether products are added feature by feature, as for sparse matrices, and not by BLAS."""


class Boosting(msgspec.Struct, frozen=True, tag="boosting"):
    """A head: trees of at most 64 leaves, whose values are added one after the other."""

    feature: np.ndarray
    """Shape (splits,), over all trees: the feature that is compared."""
    threshold: np.ndarray
    """Shape (splits,): values up to it go left."""
    left: np.ndarray
    """Shape (splits,): the leaves on the split's left side as bits, the tree's leftmost leaf being the lowest."""
    missing_left: np.ndarray
    """Shape (splits,): whether a missing value goes left."""
    tree: np.ndarray
    """Shape (splits,): the tree that the split belongs to."""
    values: np.ndarray
    """Shape (trees, leaves): the number that a leaf adds, from left to right."""
    base: np.ndarray
    """Shape (outputs,): where each output's sum begins; tree t belongs to output t modulo outputs."""
    rounded: bool
    """Whether features are rounded to float32 first."""
    takes_missing: bool


class Classes(msgspec.Struct, frozen=True):
    """How scores become labels and probabilities."""

    labels: tuple[Label, ...]
    dtype: str
    """The numpy dtype of predicted labels."""
    probabilities: Literal["none", "logistic", "softmax", "shares"] = "none"
    """`shares`: logistic for each class, divided by their sum."""
    threshold: float | None = None
    """Where set: the positive class is predicted when its score is at least this."""
    threshold_of: Literal["probability", "score"] = "probability"
    positive: int = 1
    """Place of the positive class."""
    second_from_zero: bool = False
    """Whether a score of exactly zero is the second of two classes."""


class Program(msgspec.Struct, frozen=True):
    """What is computed, from the signature's columns to the answers."""

    blocks: tuple[Numbers | Table, ...]
    width: int
    """Number of features."""
    steps: tuple[Step, ...]
    """What is done with all features at once."""
    fortran: bool
    """Whether the features of many rows lie column by column: BLAS adds in another order then."""
    head: Linear | Boosting
    link: Literal["identity", "exp"] = "identity"
    classes: Classes | None = None


def write_program(folder: Path, program: Program) -> None:
    """Write a program's two files."""
    document, arrays = pack(program)
    (folder / PROGRAM).write_bytes(document)
    (folder / ARRAYS).write_bytes(arrays)


def read_program(folder: Path) -> Program:
    """Read a program's two files; raises NorenError where they are damaged."""
    try:
        return unpack((folder / PROGRAM).read_bytes(), (folder / ARRAYS).read_bytes())
    except (OSError, ValueError, KeyError, msgspec.MsgspecError) as error:
        raise NorenError(
            f"{folder / PROGRAM} or {ARRAYS} beside it cannot be read: {error}. Build the version again."
        ) from None


def pack(program: Program) -> tuple[bytes, bytes]:
    """A program as the contents of its two files."""
    arrays: dict[str, Any] = {}

    def name_array(value: Any) -> str:
        name = f"a{len(arrays)}"
        arrays[name] = value
        return name

    document = msgspec.json.encode(program, enc_hook=name_array)
    held = io.BytesIO()
    np.savez(held, **arrays)
    return document, held.getvalue()


def unpack(document: bytes, arrays: bytes) -> Program:
    """The program of two files' contents; raises ValueError, KeyError or MsgspecError."""
    with np.load(io.BytesIO(arrays), allow_pickle=False) as archive:
        held = {name: archive[name] for name in archive.files}
    return msgspec.json.decode(document, type=Program, dec_hook=lambda _, name: held[name])
