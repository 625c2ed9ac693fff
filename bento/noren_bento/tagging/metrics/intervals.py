"""Bootstrap: how far a number that was measured on some rows would move on other rows of the same kind. Pure.

The percentile bootstrap (Efron and Tibshirani 1993, chapter 13) with a fixed seed, so that a run can be repeated. All
statistics here are functions of sums over rows. So rows are added up in at most 1,000 random groups, and the groups
are drawn again: the spread of a sum is the same, and ten million rows cost what a thousand cost, after one pass.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

RESAMPLES = 1_000
GROUPS = 1_000
"""The interval's width is off by about 1 / √(2 × 1,000) = 2 %, as much as by the number of resamples."""
SEED = 20240601
SHARE = 0.95

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Interval:
    """A measured number and the middle 95 % of its bootstrap."""

    value: float
    low: float
    high: float

    def __str__(self) -> str:
        return f"{self.value:.4f} (95 %: {self.low:.4f} to {self.high:.4f})"


class Bootstrap:
    """Draws the rows of one data set again and again; everything that is measured on them is drawn together."""

    def __init__(self, rows: int, *, resamples: int = RESAMPLES, groups: int = GROUPS) -> None:
        random = np.random.default_rng(SEED)
        self.rows = rows
        self.groups = min(rows, groups)
        # By chance, never by position: neighbouring rows are often alike.
        self._group = np.arange(rows) if rows <= groups else random.integers(0, groups, rows, dtype=np.uint16)
        drawn = random.integers(0, self.groups, (resamples, self.groups))
        drawn += np.arange(resamples)[:, None] * self.groups
        counts = np.bincount(drawn.ravel(), minlength=resamples * self.groups)
        self._weights = counts.reshape(resamples, self.groups).astype(np.float64)

    def add(self, *columns: NDArray[Any]) -> Floats:
        """Return sums of 1-d columns, first over all rows, then of each resample: shape (1 + resamples, columns).

        >>> Bootstrap(3, resamples=0).add(np.array([1.0, 2.0, 4.0])).tolist()
        [[7.0]]
        """
        sums = [np.bincount(self._group, weights=column, minlength=self.groups) for column in columns]
        return self._draw(np.stack(sums, axis=1))

    def mean(self, *columns: NDArray[Any]) -> Floats:
        """Return means of 1-d columns in the same shape.

        >>> Bootstrap(3, resamples=0).mean(np.array([1.0, 2.0, 6.0])).tolist()
        [[3.0]]
        """
        sums = self.add(*columns, np.ones(self.rows))
        return np.asarray(sums[:, :-1] / sums[:, -1:])

    def count(self, codes: NDArray[np.integer[Any]], size: int) -> Floats:
        """Return how often each code below `size` occurs: shape (1 + resamples, size). Codes below 0 do not count.

        >>> Bootstrap(3, resamples=0).count(np.array([0, 2, 2]), 3).tolist()
        [[1.0, 0.0, 2.0]]
        """
        return self.count_each([codes], size)[0]

    def count_each(self, several: Sequence[NDArray[np.integer[Any]]], size: int) -> list[Floats]:
        """Return the counts of several columns of codes; drawn together, which takes hardly longer than one alone."""
        drawn = self._draw(np.concatenate([self._tabulate(codes, size) for codes in several], axis=1))
        return np.split(drawn, len(several), axis=1)

    def _tabulate(self, codes: NDArray[np.integer[Any]], size: int) -> Floats:
        inside = codes >= 0
        places = self._group.astype(np.int64) * size + codes
        counts = np.bincount(places if inside.all() else places[inside], minlength=self.groups * size)
        return counts.reshape(self.groups, size).astype(np.float64)

    def _draw(self, sums: Floats) -> Floats:
        return np.concatenate([sums.sum(axis=0, keepdims=True), self._weights @ sums])


def interval_of(draws: Floats) -> Interval:
    """Return the interval of a number that was measured (the first) and resampled (the others).

    >>> interval_of(np.array([0.5, 0.4, 0.5, 0.6]))
    Interval(value=0.5, low=0.405, high=0.595)
    """
    value = float(draws[0])
    drawn = draws[1:][np.isfinite(draws[1:])]
    if not len(drawn):
        return Interval(value, value, value)
    low, high = np.percentile(drawn, [50 * (1 - SHARE), 50 * (1 + SHARE)])
    return Interval(value, float(low), float(high))


def share_interval(value: float, rows: float) -> Interval:
    """Return the exact interval (Clopper and Pearson 1934) of a share that is 0 or 1: resampling knows nothing of it.

    >>> share_interval(1.0, 100).low > 0.96
    True
    """
    tail = (0.5 * (1 - SHARE)) ** (1 / max(rows, 1.0))
    return Interval(value, tail, 1.0) if value == 1.0 else Interval(value, 0.0, 1 - tail)
