"""Slices: parts of the test rows on which the model does worse than on the rest. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import pairwise
from math import sqrt
from typing import Any

import numpy as np
from numpy.typing import NDArray

from noren_bento.profile.profile import ColumnProfile, Profile

SMALLEST_ROWS = 30
SMALLEST_SHARE = 0.01
LARGEST_SHARE = 0.7
QUARTERS = 4


@dataclass(frozen=True, slots=True)
class Slice:
    """Test rows with one category, or with a column in one range."""

    column: str
    label: str
    rows: int
    loss: float
    """Mean loss of its rows: share wrong for labels, absolute error for values."""
    rest: float
    """Mean loss of all other rows."""
    champion: float | None
    """The champion's mean loss on the same rows."""
    surprise: float
    """How many standard errors its loss lies above the rest's."""


def weakest_slices(
    profile: Profile,
    columns: Mapping[str, NDArray[Any]],
    *,
    losses: NDArray[np.float64],
    champion: NDArray[np.float64] | None = None,
    most: int = 8,
) -> tuple[Slice, ...]:
    """Return the slices whose loss lies most surprisingly above the rest's, at least two standard errors.

    `columns` holds 1-d arrays by column name, `losses` one loss a row. Slices of fewer than 30
    rows or 1 % are left out. Of many slices some look weak by chance: this is where to look, not a verdict.
    """
    found = []
    smallest = max(SMALLEST_ROWS, SMALLEST_SHARE * len(losses))
    for column in profile.columns:
        for label, inside in _cut(column, columns[column.name]):
            rows = int(inside.sum())
            if smallest <= rows <= LARGEST_SHARE * len(losses):
                one = _measure(column.name, label, inside, losses, champion)
                found += [one] if one.surprise >= 2 else []
    return tuple(sorted(found, key=lambda one: -one.surprise)[:most])


def _measure(
    column: str,
    label: str,
    inside: NDArray[np.bool_],
    losses: NDArray[np.float64],
    champion: NDArray[np.float64] | None,
) -> Slice:
    here, there = losses[inside], losses[~inside]
    error = sqrt(here.var() / len(here) + there.var() / len(there))
    surprise = (here.mean() - there.mean()) / error if error else 0.0
    theirs = None if champion is None else float(champion[inside].mean())
    return Slice(column, label, len(here), float(here.mean()), float(there.mean()), theirs, float(surprise))


def _cut(column: ColumnProfile, values: NDArray[Any]) -> Iterator[tuple[str, NDArray[np.bool_]]]:
    """Categories by name, numbers in about four ranges along the Profile's edges, and missing values."""
    if column.kind == "categorical":
        missing = _find_missing(values)
        texts = np.array([str(value) for value in values.tolist()])
        for category in column.categories:
            yield category, (texts == category) & ~missing
        yield "missing", missing
        return
    numbers = _as_floats(values)
    step = max(1, (len(column.edges) + 1) // QUARTERS)
    edges = [-np.inf, *column.edges[step - 1 :: step], np.inf]
    for low, high in pairwise(edges):
        yield _name_range(low, high), (numbers >= low) & (numbers < high)
    yield "missing", np.isnan(numbers)


def _find_missing(values: NDArray[Any]) -> NDArray[np.bool_]:
    import pandas as pd  # noqa: PLC0415 -- heavy

    return np.asarray(pd.isna(values), dtype=np.bool_)


def _as_floats(values: NDArray[Any]) -> NDArray[np.float64]:
    if values.dtype.kind == "M":
        seconds = values.astype("datetime64[s]").astype(np.float64)
        return np.where(np.isnat(values), np.nan, seconds)
    return values.astype(np.float64)


def _name_range(low: float, high: float) -> str:
    if not np.isfinite(low):
        return f"below {high:.6g}" if np.isfinite(high) else "any value"
    return f"{low:.6g} or more" if not np.isfinite(high) else f"{low:.6g} to {high:.6g}"
