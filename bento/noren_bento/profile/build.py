"""Making a Profile from reference data, and counting new values on its bins."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from math import inf, nextafter
from typing import Any

import numpy as np
from numpy.typing import NDArray

from noren_bento.errors import NorenError
from noren_bento.profile.profile import ColumnProfile, Counts, Profile

Values = NDArray[Any]

MANY = 4096
"""From this many values on, one comparison per edge is faster than one search per value (measured)."""
FEW_EDGES = 40
RARE = 5
"""Where categories are too many to keep all, those seen less often than this share the bin `other`."""


def build_profile(
    columns: Mapping[str, Values],
    outputs: Mapping[str, Values],
    *,
    bins: int = 10,
    max_categories: int = 50,
) -> Profile:
    """Profile reference data: 1-d arrays of equal length, by column name and by output name.

    Floats, integers, booleans, datetimes and durations (in seconds) are numeric, everything else is categorical.
    A value that would fill a bin alone gets a bin of its own, and numeric edges lie at the quantiles of the rest.
    In a column of at most `bins` values each has its own, with an empty bin on either side for what is new.
    Raises NorenError where arrays differ in length, are not 1-d, or hold what has no bins.

    >>> import numpy as np
    >>> profile = build_profile({"age": np.array([20.0, 30.0, np.nan])}, {"label": np.array(["yes", "no", "no"])})
    >>> profile.column("age").labels, profile.column("age").counts
    (('< 15', '15 to 25', '25 to 35', '≥ 35', 'missing'), (0, 1, 1, 0, 1))
    >>> profile.output("label").labels, profile.output("label").counts
    (('no', 'yes', 'other', 'missing'), (2, 1, 0, 0))
    """
    lengths = {name: len(np.atleast_1d(values)) for name, values in (*columns.items(), *outputs.items())}
    if len(set(lengths.values())) > 1:
        raise NorenError(f"All columns and outputs must have the same number of rows; got {lengths}.")
    return Profile(
        rows=next(iter(lengths.values()), 0),
        columns=tuple(_profile_column(name, columns[name], bins, max_categories) for name in columns),
        outputs=tuple(_profile_column(name, outputs[name], bins, max_categories) for name in outputs),
    )


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
    numbers = _as_floats(column.name, values)
    if len(numbers) >= MANY and len(column.edges) <= FEW_EDGES:
        return _count_by_edges(column, numbers)
    codes = np.searchsorted(column.bounds, numbers, side="right")
    return np.bincount(codes, minlength=column.size)


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
    for value, count in _tally(values).items():
        code = codes.get(value) if type(value) is str else None
        if code is None:
            code = other + 1 if _is_missing(value) else codes.get(str(value), other)
        counts[code] += count
    return counts


def _tally(values: Values) -> Counter[Any]:
    items = values.tolist()
    try:
        return Counter(items)
    except TypeError:  # lists, dicts and other values without a hash
        return Counter(value if value is None else str(value) for value in items)


def _is_missing(value: object) -> bool:
    try:
        return value is None or bool(value != value)  # noqa: PLR0124 -- NaN and NaT are not equal to themselves
    except (TypeError, ValueError):  # pandas.NA has no truth value
        return type(value).__name__ == "NAType"


def _is_numeric(values: Values) -> bool:
    return values.dtype.kind in "fiubmM"


def _as_floats(name: str, values: Values) -> NDArray[np.float64]:
    kind = values.dtype.kind
    if kind == "M":
        return (values - np.datetime64(0, "s")) / np.timedelta64(1, "s")
    if kind == "m":
        return values / np.timedelta64(1, "s")
    if kind == "O":
        values = np.array(
            [np.nan if _is_missing(value) else value for value in values.tolist()], dtype=object
        )
    try:
        if kind == "c":
            raise TypeError("complex numbers have no order")
        return values.astype(np.float64, copy=False)
    except (TypeError, ValueError) as error:
        raise NorenError(f"Column {name!r} is numeric and cannot count these values: {error}.") from None


def _profile_column(name: str, values: Values, bins: int, max_categories: int) -> ColumnProfile:
    values = np.asarray(values)
    if values.ndim != 1 or values.dtype.kind in "cV":
        raise NorenError(
            f"Column {name!r} must be a 1-d array of numbers, dates or text; "
            f"got {values.dtype} of shape {values.shape}."
        )
    if _is_numeric(values):
        numbers = _as_floats(name, values)
        column = ColumnProfile(name, "numeric", edges=_choose_edges(numbers, bins))
    else:
        column = ColumnProfile(name, "categorical", categories=_choose_categories(values, max_categories))
    return replace(column, counts=tuple(count_values(column, values).tolist()))


def _choose_categories(values: Values, limit: int) -> tuple[str, ...]:
    tally: Counter[str] = Counter()
    for value, count in _tally(values).items():
        if not _is_missing(value):
            tally[str(value)] += count
    ranked = sorted(tally.items(), key=lambda item: (-item[1], item[0]))
    if len(ranked) > limit:
        ranked = [item for item in ranked[:limit] if item[1] >= RARE]
    return tuple(name for name, _ in ranked)


def _choose_edges(numbers: NDArray[np.float64], bins: int) -> tuple[float, ...]:
    """Cut the sorted distinct values at the quantiles and around each value that fills a bin alone.

    Cut j lies before the j-th distinct value, half way from the one before it, so that values that were rounded
    on their way (float32, JSON) stay in their bin.
    """
    distinct, counts = np.unique(numbers[np.isfinite(numbers)], return_counts=True)
    if not len(distinct):
        return ()
    if len(distinct) <= bins:
        cuts = np.arange(len(distinct) + 1)
    else:
        fills_a_bin = counts * bins >= counts.sum()
        alone = np.flatnonzero(fills_a_bin)
        rest = np.cumsum(np.where(fills_a_bin, 0, counts))
        parts = bins - len(alone)
        targets = rest[-1] * np.arange(1, parts) / max(parts, 1)
        quantiles = np.searchsorted(rest, targets, side="left") + 1
        cuts = np.unique(np.concatenate([quantiles[quantiles < len(distinct)], alone, alone + 1]))
    edges = np.unique([_edge_before(distinct, cut) for cut in cuts.tolist()])
    return tuple(edges[np.isfinite(edges)].tolist())


def _edge_before(distinct: NDArray[np.float64], cut: int) -> float:
    """The edge between distinct[cut - 1] and distinct[cut]; half a gap outside at both ends."""
    last = len(distinct) - 1
    if 0 < cut <= last:
        low, high = float(distinct[cut - 1]), float(distinct[cut])
        middle = low / 2 + high / 2
        return middle if low < middle < high else high
    value, neighbour = (0, min(1, last)) if cut == 0 else (last, max(last - 1, 0))
    end = float(distinct[value])
    half_gap = abs(end / 2 - float(distinct[neighbour]) / 2) or abs(end) * 1e-6 or 1e-9
    return end - half_gap if cut == 0 else max(end + half_gap, nextafter(end, inf))
