"""Dataset: one split by what it holds, with a digest that does not depend on the order of its rows."""

# ruff: noqa: PLC0415 -- heavy libraries are imported where they are used

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from noren_bento.errors import NorenError

if TYPE_CHECKING:
    import pandas as pd

CHUNK_CELLS = 1_000_000
"""Cells that are hashed at a time: memory stays the same however many rows there are."""
LEAST_ROWS = 1_024
MOST_ROWS = 65_536
Hashes = NDArray[np.uint64]


@dataclass(frozen=True, slots=True)
class Dataset:
    """One split, by what it holds."""

    rows: int
    digest: str
    """SHA-256 over columns, dtypes and the set of rows, each with its target: the same rows in another order have the
    same digest. It tells data apart; it is no proof against who chooses the rows."""
    dtypes: dict[str, str]
    """Dtype of each column, in order."""
    targets: dict[str, str]
    """Dtype of each target; none where the task has none."""


def read_dataset(
    frame: pd.DataFrame,
    y: NDArray[Any] | None = None,
    *,
    targets: Sequence[str] = (),
    going: Callable[[], bool] = lambda: True,
) -> Dataset:
    """Describe a split in one pass over its rows. `targets` names y's columns where y is 2-d.

    `going` is asked between chunks; where it says no, NorenError is raised.

    >>> import pandas as pd
    >>> frame, y = pd.DataFrame({"age": [20, 30, 40]}), np.array([0, 1, 1])
    >>> read_dataset(frame, y).digest == read_dataset(frame[::-1], y[::-1]).digest
    True
    >>> read_dataset(frame, y).digest == read_dataset(frame, y[::-1]).digest
    False
    """
    import pandas as pd

    names = list(targets) or ["y"]
    told = pd.DataFrame() if y is None else pd.DataFrame(y, columns=names, copy=False)
    total = np.zeros(2, dtype=np.uint64)
    for rows in _chunks(len(frame), frame.shape[1] + told.shape[1]):
        if not going():
            raise NorenError("The tag was stopped.")
        hashes = _hash_rows(frame.iloc[rows])
        if y is not None:
            hashes = _mix(hashes) + _hash_rows(told.iloc[rows])
        # Sums, unlike exclusive or, count a row that stands there twice; two of them make chance collisions hopeless.
        total += np.array([hashes.sum(dtype=np.uint64), _mix(hashes).sum(dtype=np.uint64)])
    dtypes, target_dtypes = _dtypes(frame), _dtypes(told)
    schema = [list(dtypes.items()), list(target_dtypes.items()), len(frame), total.tolist()]
    digest = hashlib.sha256(json.dumps(schema).encode()).hexdigest()
    return Dataset(len(frame), digest, dtypes, target_dtypes)


def _chunks(rows: int, columns: int) -> Iterator[slice]:
    step = min(max(CHUNK_CELLS // max(columns, 1), LEAST_ROWS), MOST_ROWS)
    return (slice(start, start + step) for start in range(0, rows, step))


def _dtypes(frame: pd.DataFrame) -> dict[str, str]:
    return {str(name): str(dtype) for name, dtype in frame.dtypes.items()}


def _hash_rows(frame: pd.DataFrame) -> Hashes:
    """A 64-bit hash a row, over its values in the order of the columns."""
    from pandas.util import hash_pandas_object

    try:
        hashes = hash_pandas_object(frame, index=False)
    except (TypeError, ValueError):  # texts that are no Unicode, objects that pandas cannot hash
        told = {name for name, dtype in frame.dtypes.items() if dtype.kind not in "fiubmMc"}
        hashes = hash_pandas_object(
            frame.apply(lambda one: one.map(ascii) if one.name in told else one), index=False
        )
    return np.array(hashes, dtype=np.uint64)


def _mix(hashes: Hashes) -> Hashes:
    """Spread each bit over all (the finaliser of SplitMix64, Steele et al. 2014)."""
    mixed = hashes + np.uint64(0x9E3779B97F4A7C15)
    mixed = (mixed ^ (mixed >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    mixed = (mixed ^ (mixed >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return mixed ^ (mixed >> np.uint64(31))
