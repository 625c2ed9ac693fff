"""Choosing a column's bins from a sample: quantiles, values that fill a bin alone, categories."""

from __future__ import annotations

from collections import Counter
from math import inf, nextafter

import numpy as np
from numpy.typing import NDArray

from noren_bento.errors import NorenError
from noren_bento.profile.count import Values, as_floats, is_missing, is_numeric, tally
from noren_bento.profile.profile import ColumnProfile

RARE = 5
"""Where categories are too many to keep all, those seen less often than this share the bin `other`."""


def choose_bins(name: str, values: Values, *, bins: int, max_categories: int) -> ColumnProfile:
    """Return a column with bins chosen from these values, and no counts yet.

    Raises NorenError for what has no bins: arrays that are not 1-d, complex numbers, records.
    """
    if values.ndim != 1 or values.dtype.kind in "cV":
        raise NorenError(
            f"Column {name!r} must be a 1-d array of numbers, dates or text; "
            f"got {values.dtype} of shape {values.shape}."
        )
    if is_numeric(values):
        return ColumnProfile(name, "numeric", edges=_choose_edges(as_floats(name, values), bins))
    return ColumnProfile(name, "categorical", categories=_choose_categories(values, max_categories))


def _choose_categories(values: Values, limit: int) -> tuple[str, ...]:
    texts: Counter[str] = Counter()
    for value, count in tally(values).items():
        if not is_missing(value):
            texts[str(value)] += count
    ranked = sorted(texts.items(), key=lambda item: (-item[1], item[0]))
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
