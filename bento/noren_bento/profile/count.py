"""Counting values on a Profile's bins."""

from __future__ import annotations

from collections import Counter
from math import inf
from typing import Any

import numpy as np
from numpy.typing import NDArray

from noren_bento.errors import NorenError
from noren_bento.profile.profile import ColumnProfile, Counts

Values = NDArray[Any]

MANY = 1024
"""From this many values on, one comparison per edge is faster than one search per value: no branch to mispredict."""
FEW_EDGES = 40


def count_values(column: ColumnProfile, values: Values) -> Counts:
    """Count values per bin of a column: `column.size` numbers, `missing` last.

    Numeric columns take anything that numpy turns into floats (None is missing); categorical ones any values,
    compared by their text. Raises NorenError for text in a numeric column.

    >>> age = ColumnProfile("age", "numeric", edges=(18.0, 65.0))
    >>> count_values(age, np.array([17.0, 18.0, np.inf, np.nan])).tolist()
    [1, 1, 1, 1]
    """
    if column.kind == "categorical":
        return _count_categories(column, values)
    return count_numbers(column, as_floats(column.name, values))


def count_numbers(column: ColumnProfile, numbers: NDArray[np.float64]) -> Counts:
    """Count floats per bin of a numeric column; NaN is missing."""
    if len(numbers) >= MANY and len(column.edges) <= FEW_EDGES:
        return _count_by_edges(column, numbers)
    codes = np.searchsorted(column.bounds, numbers, side="right")
    return np.bincount(codes, minlength=column.size)


def find_range(numbers: NDArray[np.float64]) -> tuple[float, float]:
    """Return the smallest and the largest finite value; (inf, -inf) where there is none.

    >>> find_range(np.array([3.0, np.nan, -np.inf, 1.0]))
    (1.0, 3.0)
    """
    low, high = float(np.fmin.reduce(numbers, initial=inf)), float(np.fmax.reduce(numbers, initial=-inf))
    if low == -inf or high == inf:
        return find_range(numbers[np.isfinite(numbers)])
    return low, high


def _count_by_edges(column: ColumnProfile, numbers: NDArray[np.float64]) -> Counts:
    """Values at or above each edge, by difference: a branchless pass per edge. NaN is above none."""
    below = np.empty(column.size + 1, dtype=np.int64)
    present = np.count_nonzero(numbers == numbers)  # noqa: PLR0124 -- NaN is not equal to itself
    below[0] = 0
    below[1:-2] = [present - np.count_nonzero(numbers >= edge) for edge in column.edges]
    below[-2:] = present, len(numbers)
    return np.diff(below)


def _count_categories(column: ColumnProfile, values: Values) -> Counts:
    counts = np.zeros(column.size, dtype=np.int64)
    codes, other = column.codes, column.size - 2
    for value, count in tally(values).items():
        code = codes.get(value) if type(value) is str else None
        if code is None:
            code = other + 1 if is_missing(value) else codes.get(str(value), other)
        counts[code] += count
    return counts


def tally(values: Values) -> Counter[Any]:
    """Count each distinct value; values that cannot be compared that way by their text."""
    items = values.tolist()
    try:
        return Counter(items)
    except TypeError:  # lists, dicts and other values without a hash
        return Counter(value if value is None else str(value) for value in items)


def is_missing(value: object) -> bool:
    """Whether this is None, NaN, NaT or pandas.NA."""
    try:
        return value is None or bool(value != value)  # noqa: PLR0124 -- NaN and NaT are not equal to themselves
    except (TypeError, ValueError):  # pandas.NA has no truth value
        return type(value).__name__ == "NAType"


def is_numeric(values: Values) -> bool:
    """Whether an array holds numbers, booleans, dates or durations."""
    return values.dtype.kind in "fiubmM"


def as_floats(name: str, values: Values) -> NDArray[np.float64]:
    """Return values as floats: dates and durations in seconds, None as NaN; raise NorenError for text."""
    kind = values.dtype.kind
    if kind == "M":
        return (values - np.datetime64(0, "s")) / np.timedelta64(1, "s")
    if kind == "m":
        return values / np.timedelta64(1, "s")
    if kind == "O":
        values = np.array([np.nan if is_missing(value) else value for value in values.tolist()], dtype=object)
    try:
        if kind == "c":
            raise TypeError("complex numbers have no order")
        return values.astype(np.float64, copy=False)
    except (TypeError, ValueError, OverflowError) as error:
        raise NorenError(f"Column {name!r} is numeric and cannot count these values: {error}.") from None
