"""Row: the features of a single row as plain Python numbers. On so few, numpy's calls cost more than the sums.

Python's numbers are the same 64 bits that numpy computes with, so nothing of the answer changes.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from noren_bento.serving.columns import Columns, MatrixColumns, is_missing
from noren_bento.serving.exact.program import Numbers, Program, Step, Table

Row = Callable[[Columns], list[float]]
Chain = tuple[tuple[str, float], ...]
"""Steps of one feature."""
MAX_WIDTH = 128
"""Of more features numpy is quicker."""


def compile_row(program: Program, names: tuple[str, ...]) -> Row | None:
    """Return what makes the features of a single row; None where numpy is quicker or the steps are not of this kind."""
    if program.width > MAX_WIDTH or any(step.do == "take" for step in program.steps):
        return None
    numbers: list[tuple[int, int, Chain]] = []
    tables: list[tuple[Any, ...]] = []
    for block in program.blocks:
        if isinstance(block, Table):
            tables.append(_compile_table(block, names[block.column]))
        else:
            numbers += _compile_numbers(block)
    plain = [place for _, place, chain in numbers if not chain]
    if not tables and not program.steps and plain == list(range(len(names))) == [one for one, *_ in numbers]:
        return lambda columns: _read_row(columns, names)
    after = [_chain(program.steps, feature) for feature in range(program.width)]
    width = program.width

    def make(columns: Columns) -> list[float]:
        row = [0.0] * width
        if numbers and isinstance(columns, MatrixColumns):
            given = columns.matrix[0].tolist()
            for feature, place, chain in numbers:
                row[feature] = run_chain(chain, given[place]) if chain else given[place]
        else:
            for feature, place, chain in numbers:
                value = float(columns[names[place]].item(0))
                row[feature] = run_chain(chain, value) if chain else value
        for name, places, rows, unseen in tables:
            value = columns[name].item(0)
            found = rows[places[value] if value in places else unseen + is_missing(value)]
            if found is None:
                raise ValueError(f"column {name!r} holds a value that the model was not fitted on")
            for feature, coded in found:
                row[feature] = coded
        if program.steps:
            return [run_chain(chain, value) for chain, value in zip(after, row, strict=True)]
        return row

    return make


def _read_row(columns: Columns, names: tuple[str, ...]) -> list[float]:
    if isinstance(columns, MatrixColumns):
        row: list[float] = columns.matrix[0].tolist()
        return row
    return [float(columns[name].item(0)) for name in names]


def _compile_numbers(block: Numbers) -> list[tuple[int, int, Chain]]:
    """Feature, column's place and steps of each column that is kept."""
    kept = list(range(len(block.columns)))
    chains: dict[int, Chain] = dict.fromkeys(kept, ())
    for step in block.steps:
        if step.do == "take":
            kept = [kept[int(place)] for place in step.by]
            continue
        for number, place in enumerate(kept):
            chains[place] = (*chains[place], *_chain((step,), number))
    return [
        (feature, block.columns[place], chains[place])
        for feature, place in zip(block.features, kept, strict=True)
    ]


def _chain(steps: tuple[Step, ...], feature: int) -> Chain:
    return tuple((step.do, float(step.by if step.by.ndim == 0 else step.by[feature])) for step in steps)


def _compile_table(block: Table, name: str) -> tuple[Any, ...]:
    places: dict[Any, int] = {value: place for place, value in enumerate(block.values)}
    rows: list[tuple[tuple[int, float], ...] | None] = [
        tuple((feature, value) for feature, value in zip(block.features, coded, strict=True) if value)
        for coded in block.coded.tolist()
    ]
    for place in block.refused:
        rows[place] = None
    return name, places, rows, len(block.values)


def run_chain(chain: Chain, value: float) -> float:
    """Put one number through steps.

    >>> run_chain((("subtract", 1.0), ("divide", 4.0)), 3.0)
    0.5
    """
    for do, by in chain:
        if do == "subtract":
            value -= by
        elif do == "divide":
            value = value / by if by else float(np.float64(value) / by)
        elif do == "multiply":
            value *= by
        elif do == "add":
            value += by
        elif do == "fill":
            value = by if value != value else value  # noqa: PLR0124 -- only NaN differs from itself
        elif do == "at_least":
            value = by if value < by else value
        else:
            value = by if value > by else value
    return value
