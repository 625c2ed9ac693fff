"""What can be wrong with test data: rows that were trained on, unusable labels, missing and new values. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from itertools import zip_longest
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from noren_bento.drift.psi import psi
from noren_bento.profile.count import count_values
from noren_bento.profile.profile import Profile
from noren_bento.release.version import Signature

if TYPE_CHECKING:
    import pandas as pd

    Target = pd.Series[Any] | pd.DataFrame


@dataclass(frozen=True, slots=True)
class ColumnShift:
    """One column's reference rows beside its test rows, on the Profile's bins."""

    name: str
    kind: str
    labels: tuple[str, ...]
    """Names of the bins; `missing` is the last."""
    reference: tuple[int, ...]
    test: tuple[int, ...]
    psi: float

    @property
    def missing_rise(self) -> float:
        """Missing share of the test rows minus that of the reference rows."""
        return self.test[-1] / (sum(self.test) or 1) - self.reference[-1] / (sum(self.reference) or 1)

    @property
    def missing_share(self) -> float:
        """Share of the test rows without a value."""
        return self.test[-1] / (sum(self.test) or 1)

    @property
    def new_share(self) -> float:
        """Share of the test rows in bins that no reference row fell into: new categories, values out of range."""
        new = sum(now for before, now in zip(self.reference[:-1], self.test[:-1], strict=True) if not before)
        return new / (sum(self.test) or 1)


def compare_columns(profile: Profile, columns: Mapping[str, NDArray[Any]]) -> tuple[ColumnShift, ...]:
    """Compare test columns (1-d arrays by name) with the Profile's, the most moved first."""
    shifts = []
    for column in profile.columns:
        counts = count_values(column, columns[column.name])
        shifts.append(
            ColumnShift(
                column.name,
                column.kind,
                column.labels,
                column.counts,
                tuple(counts.tolist()),
                psi(column.reference, counts),
            )
        )
    return tuple(sorted(shifts, key=lambda shift: -shift.psi))


def usable_labels(signature: Signature, y: Target) -> NDArray[np.bool_]:
    """Say per row whether its target can be scored: present, finite, and of a class that the model knows.

    With several targets, all of a row's must be.
    """
    if signature.targets:
        each = [
            usable_labels(replace(signature, targets=(), classes=classes), y[name])
            for name, classes in zip_longest(signature.targets, signature.target_classes, fillvalue=())
        ]
        return np.asarray(np.logical_and.reduce(each), dtype=np.bool_)
    if signature.task == "regression":
        return np.asarray(np.isfinite(y.to_numpy(dtype=float, na_value=np.nan)))
    present = y.notna().to_numpy(dtype=bool)
    return present & y.isin(list(signature.classes)).to_numpy(dtype=bool) if signature.classes else present


def share_seen(frame: pd.DataFrame, y: Target, *, frame_seen: pd.DataFrame, y_seen: Target) -> float:
    """Return the share of rows, target included, that stand in the other data too."""
    return float(np.isin(_hash(frame, y), _hash(frame_seen, y_seen)).mean()) if len(frame) else 0.0


def share_repeated(frame: pd.DataFrame, y: Target) -> float:
    """Return the share of rows that occur more than once in their own data: what chance alone makes equal."""
    if not len(frame):
        return 0.0
    _, codes, counts = np.unique(_hash(frame, y), return_inverse=True, return_counts=True)
    return float((counts[codes] > 1).mean())


def _hash(frame: pd.DataFrame, y: Target) -> NDArray[np.uint64]:
    import pandas as pd  # noqa: PLC0415 -- heavy

    rows = frame.reset_index(drop=True)
    if len(y):
        targets = pd.DataFrame(y)
        rows = rows.assign(**{f"target {name}": targets[name].to_numpy() for name in targets.columns})
    return np.asarray(pd.util.hash_pandas_object(rows, index=False), dtype=np.uint64)
