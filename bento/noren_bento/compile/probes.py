"""Probe rows: what requests may hold though the reference does not: zeros, extremes, missing, unseen values."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from noren_bento.release.version import Column, Signature
from noren_bento.serving.answers import Answers
from noren_bento.serving.columns import Columns, count_rows, is_missing
from noren_bento.serving.refusal import integer_limits

UNSEEN = "\u2042 noren: never seen"
MAX_KNOWN = 500
"""So many values of one text column are tried at most, to learn which ones a model takes."""

Answer = Callable[[Columns], Answers]
Arrays = dict[str, NDArray[Any]]


def take_rows(columns: Columns, rows: NDArray[np.int64]) -> Arrays:
    """Return these rows of each column."""
    return {name: values[rows] for name, values in columns.items()}


def probe_rows(reference: Columns, signature: Signature, *, closed: frozenset[str] = frozenset()) -> Arrays:
    """One row a probe: a reference row in which one column holds what the reference may not.

    Numbers: 0, -1, 1, far below and far above the reference (ten times its range, and ±1e9 where they are not
    whole numbers of a narrow dtype). Text: empty and a value never seen, unless the column is closed. Missing where
    the signature takes it. The last two rows are zero, and as missing as may be, in all columns at once.
    """
    probes = [
        (column.name, value) for column in signature.columns for value in _values(reference, column, closed)
    ]
    rows = take_rows(reference, np.arange(len(probes) + 2) % count_rows(reference))
    rows = {column.name: _widen(rows[column.name], column) for column in signature.columns}
    for place, (name, value) in enumerate(probes):
        rows[name][place] = value
    for column in signature.columns:
        if column.kind in ("number", "integer"):
            rows[column.name][-2] = 0
        if column.missing:
            rows[column.name][-1] = _missing(column)
    return {column.name: _narrow(rows[column.name], column) for column in signature.columns}


def _values(reference: Columns, column: Column, closed: frozenset[str]) -> list[Any]:
    missing = [_missing(column)] if column.missing else []
    if column.dtype == "category":
        return [*dict.fromkeys(value for value in reference[column.name].tolist() if not is_missing(value))][
            :20
        ] + missing
    if column.kind == "text":
        return missing if column.name in closed else ["", UNSEEN, *missing]
    if column.kind == "boolean":
        return [False, True, *missing]
    if column.kind == "datetime":
        return missing
    return [*_numbers(reference[column.name], column), *missing]


def _numbers(values: NDArray[Any], column: Column) -> list[float]:
    finite = values[np.isfinite(values)].astype(float)
    low, high = (float(finite.min()), float(finite.max())) if len(finite) else (0.0, 1.0)
    reach = 10 * (high - low or 1.0)
    if column.kind == "integer":
        least, most = integer_limits(column)
        wanted = (0, -1, 1, round(low - reach), round(high + reach))
        return [float(max(least, min(most, value))) for value in wanted]
    return [0.0, -1.0, 1.0, low - reach, high + reach, -1e9, 1e9]


def _missing(column: Column) -> Any:
    if column.kind == "text":
        return None
    return np.datetime64("NaT") if column.kind == "datetime" else np.nan


def _widen(values: NDArray[Any], column: Column) -> NDArray[Any]:
    return values.astype(float) if column.kind in ("integer", "boolean") else values.copy()


def _narrow(values: NDArray[Any], column: Column) -> NDArray[Any]:
    if column.kind not in ("integer", "boolean") or np.isnan(values).any():
        return values
    return values.astype(np.int64 if column.kind == "integer" else np.bool_)


def find_closed(
    answer: Answer, reference: Columns, signature: Signature, known: dict[str, tuple[str, ...]]
) -> dict[str, tuple[str, ...]]:
    """Text columns on which the model raises for a value never seen, with those of the known values that it takes.

    A row with another value is the client's mistake then, and is refused with 422 before the model sees it.
    """
    closed = {}
    first = take_rows(reference, np.zeros(1, dtype=np.int64))
    for column in signature.columns:
        if column.kind != "text" or column.dtype == "category":
            continue
        if not _takes(answer, first, column.name, [UNSEEN]):
            taken = _taken(answer, first, column.name, list(known.get(column.name, ()))[:MAX_KNOWN])
            if taken:
                closed[column.name] = tuple(taken)
    return closed


def _taken(answer: Answer, first: Arrays, name: str, values: list[str]) -> list[str]:
    if not values or _takes(answer, first, name, values):
        return values
    if len(values) == 1:
        return []
    middle = len(values) // 2
    return [*_taken(answer, first, name, values[:middle]), *_taken(answer, first, name, values[middle:])]


def _takes(answer: Answer, first: Arrays, name: str, values: list[str]) -> bool:
    rows = take_rows(first, np.zeros(len(values), dtype=np.int64))
    rows[name] = np.array(values, dtype=object)
    try:
        answer(rows)
    except Exception:  # whatever it is that the model raises, it does not take the value
        return False
    return True
