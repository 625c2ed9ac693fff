"""Features: the signature's columns become the matrix that a program's head takes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from noren_bento.serving.columns import Columns, as_matrix, count_rows, is_missing
from noren_bento.serving.exact.program import Numbers, Program, Step, Table

Matrix = NDArray[np.float64]
Make = Callable[[Columns], Matrix]


def compile_features(program: Program, names: tuple[str, ...]) -> Make:
    """Return what makes the matrix of shape (rows, features)."""
    blocks = program.blocks
    if len(blocks) == 1 and isinstance(blocks[0], Numbers) and _in_order(blocks[0], program.width):
        return _compile_single(program, blocks[0], names)
    fills = [_compile_block(block, names) for block in blocks]
    width, fortran, steps = program.width, program.fortran, program.steps

    def make(columns: Columns) -> Matrix:
        matrix = np.zeros((count_rows(columns), width), order="F" if fortran else "C")
        for fill in fills:
            fill(columns, matrix)
        return lay_out(run_steps(steps, matrix), fortran=fortran)

    return make


def lay_out(matrix: Matrix, *, fortran: bool) -> Matrix:
    """Many rows as they lay in the original; one row lies in both ways at once."""
    if len(matrix) == 1:
        return matrix
    return np.asfortranarray(matrix) if fortran else np.ascontiguousarray(matrix)


def _in_order(block: Numbers, width: int) -> bool:
    return block.features == tuple(range(width))


def _compile_single(program: Program, block: Numbers, names: tuple[str, ...]) -> Make:
    taken = tuple(names[place] for place in block.columns)
    steps = (*block.steps, *program.steps)
    fortran = program.fortran

    def make(columns: Columns) -> Matrix:
        return lay_out(run_steps(steps, as_matrix(columns, taken)), fortran=fortran)

    return make


def _compile_block(block: Numbers | Table, names: tuple[str, ...]) -> Callable[[Columns, Matrix], None]:
    if isinstance(block, Table):
        return _compile_table(block, names[block.column])
    taken = tuple(names[place] for place in block.columns)
    steps, where = block.steps, _slice(block.features)

    def fill(columns: Columns, matrix: Matrix) -> None:
        matrix[:, where] = run_steps(steps, as_matrix(columns, taken))

    return fill


def _compile_table(block: Table, name: str) -> Callable[[Columns, Matrix], None]:
    coded, where = block.coded, _slice(block.features)
    encode = compile_codes(block, name)

    def fill(columns: Columns, matrix: Matrix) -> None:
        matrix[:, where] = coded[encode(columns)]

    return fill


def compile_codes(block: Table, name: str) -> Callable[[Columns], list[int]]:
    """Return what says for each row which row of the table stands for its value."""
    places: dict[Any, int] = {value: place for place, value in enumerate(block.values)}
    unseen = len(block.values)
    places[None] = unseen + 1
    refused = frozenset(block.refused)

    def place_of(value: Any) -> int:
        return unseen + 1 if is_missing(value) else unseen

    def encode(columns: Columns) -> list[int]:
        codes = [places[value] if value in places else place_of(value) for value in columns[name].tolist()]
        if refused and not refused.isdisjoint(codes):
            raise ValueError(f"column {name!r} holds a value that the model was not fitted on")
        return codes

    return encode


def _slice(places: tuple[int, ...]) -> Any:
    """Consecutive places as a slice, which numpy fills faster."""
    if places == tuple(range(places[0], places[0] + len(places))):
        return slice(places[0], places[0] + len(places))
    return np.array(places)


def run_steps(steps: tuple[Step, ...], matrix: Matrix) -> Matrix:
    """Put a matrix through steps; the one that is given stays as it is."""
    fresh = False
    for step in steps:
        matrix = OPERATIONS[step.do](matrix, step.by, matrix if fresh else None)
        fresh = True
    return matrix


def _fill(matrix: Matrix, by: Matrix, out: Matrix | None) -> Matrix:
    missing = np.isnan(matrix)
    if not missing.any():
        return matrix if out is not None else matrix.copy(order="K")
    return np.where(missing, by, matrix)


def _take(matrix: Matrix, by: NDArray[np.int64], _: Matrix | None) -> Matrix:
    return matrix[:, by]


OPERATIONS: dict[str, Callable[[Any, Any, Any], Matrix]] = {
    "subtract": np.subtract,
    "divide": np.divide,
    "multiply": np.multiply,
    "add": np.add,
    "fill": _fill,
    "take": _take,
    "at_least": np.maximum,
    "at_most": np.minimum,
}
