"""Adversarial rows: what engines are likely to answer otherwise than scikit-learn.

Beside the probes (zeros, extremes, missing and unseen values): magnitudes of ids and epoch seconds, neighbours in
float64 and float32 of values of the reference, and the thresholds of the model's own trees with theirs.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from noren_bento.compile.probes import Arrays, probe_rows, take_rows
from noren_bento.compile.trees import Split, find_splits
from noren_bento.release.version import Column, Signature
from noren_bento.serving.columns import Columns, count_rows
from noren_bento.serving.refusal import integer_limits

MAGNITUDES = (1e10 + 1, 1.7e9 + 0.5, 1.7e12, 1e15 + 1, -1e15, 1e30, -1e30)
"""Ids, epoch seconds and milliseconds, and what no sum of float32 holds."""
THRESHOLDS = 240
"""Splits whose neighbours are tried at most: those nearest to the roots."""
MIXED_ROWS = 128
HARD_SHARE = 0.5
NEIGHBOURS = 4
"""Reference values of each column whose neighbours are tried."""


def adversarial_rows(
    model_parts: Sequence[Any], reference: Columns, signature: Signature, *, closed: frozenset[str]
) -> Arrays:
    """The probes, and reference rows in which one column holds a value that is hard to compute with."""
    hard = [
        (column, value)
        for column in signature.columns
        if column.kind in ("number", "integer") and column.dtype != "category"
        for value in _hard_values(reference[column.name], column)
    ]
    hard += list(_near_thresholds(find_splits(model_parts, len(signature.columns)), signature))
    rows = take_rows(reference, np.arange(len(hard)) % count_rows(reference))
    rows = {name: values.copy() for name, values in rows.items()}
    for place, (column, value) in enumerate(hard):
        rows[column.name][place] = value
    probes = probe_rows(reference, signature, closed=closed)
    mixed = mixed_rows(reference, signature, MIXED_ROWS, seed=0, closed=closed)
    return {name: np.concatenate([probes[name], rows[name], mixed[name]]) for name in signature.names()}


def mixed_rows(
    reference: Columns, signature: Signature, count: int, *, seed: int, closed: Collection[str]
) -> Arrays:
    """Rows that hold hard values in many columns at once, drawn by a seed: half of all values are the reference's."""
    random = np.random.default_rng(seed)
    rows = take_rows(reference, random.integers(0, count_rows(reference), count))
    probes = probe_rows(reference, signature, closed=frozenset(closed))
    mixed = {}
    for column in signature.columns:
        hard = probes[column.name]
        if column.kind in ("number", "integer") and column.dtype != "category":
            hard = np.concatenate([hard, _hard_values(reference[column.name], column)])
        drawn = hard[random.integers(0, len(hard), count)]
        mixed[column.name] = np.where(random.random(count) < HARD_SHARE, drawn, rows[column.name])
    return mixed


def _hard_values(values: NDArray[Any], column: Column) -> list[float]:
    if column.kind == "integer":
        low, high = integer_limits(column)
        return [one for one in (10**10 + 1, 1_700_000_001, 2**31, 2**53 - 1) if low <= one <= high]
    finite = values[np.isfinite(values)].astype(np.float64)
    chosen = finite[np.linspace(0, len(finite) - 1, NEIGHBOURS).astype(int)].tolist() if len(finite) else []
    return [*MAGNITUDES, *(near for value in chosen for near in neighbours(value))]


def neighbours(value: float) -> list[float]:
    """The next floats of 64 bits on both sides, the nearest of 32 bits, and those beside it.

    >>> [near == 0.1 for near in neighbours(0.1)]
    [False, False, False, False, False]
    """
    nearest = np.float32(value)
    return [
        float(np.nextafter(value, -np.inf)),
        float(np.nextafter(value, np.inf)),
        float(nearest),
        float(np.nextafter(nearest, np.float32(-np.inf))),
        float(np.nextafter(nearest, np.float32(np.inf))),
    ]


def _near_thresholds(splits: Sequence[Split], signature: Signature) -> Iterator[tuple[Column, float]]:
    for split in splits[:THRESHOLDS]:
        column = signature.columns[split.feature]
        if not np.isfinite(split.threshold):
            continue
        if column.kind == "number":
            for value in (split.threshold, *neighbours(split.threshold)):
                yield column, value
        elif column.kind == "integer" and column.dtype != "category":
            low, high = integer_limits(column)
            for whole in (np.floor(split.threshold), np.ceil(split.threshold)):
                if low <= whole <= high:
                    yield column, int(whole)
