"""Profile: what a version's inputs and outputs looked like on its reference data, as exact counts per bin."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from itertools import pairwise
from math import inf
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from noren_bento.errors import NorenError

FORMAT = 1
"""Number of the JSON layout. Raise it when a reader of the old number would misread the new one."""

Counts = NDArray[np.int64]
Role = Literal["numeric", "categorical"]


@dataclass(frozen=True, slots=True)
class ColumnProfile:
    """One column: where its bins lie, and how many reference rows fell into each.

    Numeric bins are half open, `edges[i-1] <= value < edges[i]`, and infinities fall into the outer ones.

    >>> age = ColumnProfile("age", "numeric", edges=(18.0, 65.0), counts=(2, 7, 1, 0))
    >>> age.labels
    ('< 18', '18 to 65', '≥ 65', 'missing')
    """

    name: str
    kind: Role
    edges: tuple[float, ...] = ()
    """Numeric: finite and rising. n edges make n + 1 bins of values, then `missing`."""
    categories: tuple[str, ...] = ()
    """Categorical: one bin each, most frequent in the sample first, then `other` and `missing`."""
    counts: tuple[int, ...] = ()
    """Reference rows per bin; `size` numbers."""
    range: tuple[float, float] | None = None
    """Numeric: the smallest and the largest finite value that was counted; None where there is none."""
    bounds: NDArray[np.float64] = field(init=False, repr=False, compare=False)
    """The edges as an array, with NaN behind them: NaN sorts last, so one search finds `missing` too."""
    codes: dict[str, int] = field(init=False, repr=False, compare=False)
    """Bin number by category."""

    def __post_init__(self) -> None:
        if self.kind not in ("numeric", "categorical"):
            raise NorenError(f"Column {self.name!r}: kind is numeric or categorical; got {self.kind!r}.")
        bounds = np.array([*self.edges, np.nan], dtype=np.float64)
        if not np.isfinite(bounds[:-1]).all() or (np.diff(bounds[:-1]) <= 0).any():
            raise NorenError(f"Column {self.name!r}: bin edges must be finite and rising; got {self.edges}.")
        if len(set(self.categories)) != len(self.categories):
            raise NorenError(f"Column {self.name!r}: a category is listed twice.")
        object.__setattr__(self, "bounds", bounds)
        object.__setattr__(self, "codes", {name: code for code, name in enumerate(self.categories)})
        if not self.counts:
            object.__setattr__(self, "counts", (0,) * self.size)
        if len(self.counts) != self.size or min(self.counts) < 0:
            raise NorenError(
                f"Column {self.name!r}: {self.size} bins need as many counts, none negative; got {self.counts}."
            )
        if self.range and not -inf < self.range[0] <= self.range[1] < inf:
            raise NorenError(
                f"Column {self.name!r}: a range is two finite numbers, the smaller first; got {self.range}."
            )

    @property
    def size(self) -> int:
        """Number of bins, `missing` included."""
        return len(self.edges if self.kind == "numeric" else self.categories) + 2

    @property
    def labels(self) -> tuple[str, ...]:
        """Name of each bin, for people. A category that is itself called `other` or `missing` is quoted."""
        if self.kind == "categorical":
            named = (repr(name) if name in ("other", "missing") else name for name in self.categories)
            return (*named, "other", "missing")
        if not self.edges:
            return ("any", "missing")
        texts = [f"{edge:.6g}" for edge in self.edges]
        inner = (f"{low} to {high}" for low, high in pairwise(texts))
        return (f"< {texts[0]}", *inner, f"≥ {texts[-1]}", "missing")

    @property
    def missing_share(self) -> float:
        """Share of the reference rows without a value, 0 to 1; 0 without rows."""
        return self.counts[-1] / (sum(self.counts) or 1)

    @property
    def reference(self) -> Counts:
        """The reference rows per bin as an array."""
        return np.array(self.counts, dtype=np.int64)


@dataclass(frozen=True, slots=True)
class Profile:
    """All input columns and outputs of one version. Made once at tag time; travels inside the bento."""

    rows: int
    """Rows whose columns were counted: all of the training data."""
    columns: tuple[ColumnProfile, ...]
    outputs: tuple[ColumnProfile, ...] = ()
    """Predictions for the sample."""
    sampled: int = 0
    """Rows of the sample: bins were chosen from them, and outputs predicted for them."""
    seed: int | None = None
    """What the sample was drawn with; None where it is all rows."""

    @property
    def made(self) -> str:
        """How the profile was made, in one sentence.

        >>> Profile(10_000_000, (), sampled=10_000, seed=0).made
        'All 10,000,000 rows are counted; bins and predictions are those of a sample of 10,000 (seed 0).'
        """
        if self.sampled == self.rows:
            return f"All {self.rows:,} rows are counted and predicted."
        drawn = "" if self.seed is None else f" (seed {self.seed})"
        return (
            f"All {self.rows:,} rows are counted; bins and predictions are those of a sample of "
            f"{self.sampled:,}{drawn}."
        )

    def column(self, name: str) -> ColumnProfile:
        """Return the input column of this name, else raise NorenError with the known names."""
        return _named(self.columns, name, "column")

    def output(self, name: str) -> ColumnProfile:
        """Return the output of this name, else raise NorenError with the known names."""
        return _named(self.outputs, name, "output")


def _named(columns: tuple[ColumnProfile, ...], name: str, what: str) -> ColumnProfile:
    for column in columns:
        if column.name == name:
            return column
    known = ", ".join(column.name for column in columns) or "none"
    raise NorenError(f"The profile has no {what} {name!r}. It has: {known}.")


def profile_to_json(profile: Profile) -> bytes:
    """Write a profile as JSON. Floats keep every bit.

    >>> column = ColumnProfile("age", "numeric", edges=(18.0,), counts=(1, 2, 0))
    >>> profile = Profile(3, (column,))
    >>> profile_from_json(profile_to_json(profile)) == profile
    True
    """
    document = {
        "format": FORMAT,
        "rows": profile.rows,
        "sampled": profile.sampled,
        "seed": profile.seed,
        "columns": [_column_to_dict(column) for column in profile.columns],
        "outputs": [_column_to_dict(column) for column in profile.outputs],
    }
    return json.dumps(document, ensure_ascii=False, allow_nan=False).encode(errors="surrogatepass")


def profile_from_json(data: bytes) -> Profile:
    """Read what profile_to_json wrote; raises NorenError where it is damaged or of a later format."""
    try:
        document = json.loads(data.decode(errors="surrogatepass"))
        number = document["format"]
        if number != FORMAT:
            raise NorenError(
                f"This profile has format {number!r}; this Noren reads {FORMAT}. "
                "Tag the model again, or use the Noren that wrote it."
            )
        return Profile(
            rows=int(document["rows"]),
            columns=tuple(_column_from_dict(entry) for entry in document["columns"]),
            outputs=tuple(_column_from_dict(entry) for entry in document["outputs"]),
            sampled=int(document["sampled"]),
            seed=None if document["seed"] is None else int(document["seed"]),
        )
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise NorenError(
            f"The profile is damaged ({type(error).__name__}: {error}). Tag the model again to write a new one."
        ) from None


def _column_to_dict(column: ColumnProfile) -> dict[str, Any]:
    return {
        "name": column.name,
        "kind": column.kind,
        "edges": column.edges,
        "categories": column.categories,
        "counts": column.counts,
        "range": column.range,
    }


def _column_from_dict(entry: dict[str, Any]) -> ColumnProfile:
    return ColumnProfile(
        name=str(entry["name"]),
        kind=entry["kind"],
        edges=tuple(float(edge) for edge in entry["edges"]),
        categories=tuple(str(name) for name in entry["categories"]),
        counts=tuple(int(count) for count in entry["counts"]),
        range=_range_from(entry["range"]),
    )


def _range_from(entry: list[float] | None) -> tuple[float, float] | None:
    if entry is None:
        return None
    low, high = entry
    return float(low), float(high)
