"""Making a Profile: bins from a sample, counts of all rows in one pass."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from math import inf

import numpy as np

from noren_bento.errors import NorenError
from noren_bento.profile.bins import choose_bins
from noren_bento.profile.count import Values, as_floats, count_numbers, count_values, find_range
from noren_bento.profile.profile import ColumnProfile, Counts, Profile


def build_profile(
    columns: Mapping[str, Values],
    outputs: Mapping[str, Values],
    *,
    bins: int = 10,
    max_categories: int = 50,
    seed: int | None = None,
) -> Profile:
    """Profile reference data: 1-d arrays of equal length, by column name and by output name.

    Floats, integers, booleans, datetimes and durations (in seconds) are numeric, everything else is categorical.
    A value that would fill a bin alone gets a bin of its own, and numeric edges lie at the quantiles of the rest.
    In a column of at most `bins` values each has its own, with an empty bin on either side for what is new.
    `seed` is the one that these rows were drawn with, where they are a sample: then `count_rows` counts all of them.
    Raises NorenError where arrays differ in length, are not 1-d, or hold what has no bins.

    >>> import numpy as np
    >>> profile = build_profile({"age": np.array([20.0, 30.0, np.nan])}, {"label": np.array(["yes", "no", "no"])})
    >>> profile.column("age").labels, profile.column("age").counts
    (('< 15', '15 to 25', '25 to 35', '≥ 35', 'missing'), (0, 1, 1, 0, 1))
    >>> profile.output("label").labels, profile.output("label").counts
    (('no', 'yes', 'other', 'missing'), (2, 1, 0, 0))
    """
    rows = _require_one_length({**columns, **{f"output {name}": outputs[name] for name in outputs}})

    def profile_of(name: str, given: Values) -> ColumnProfile:
        values = np.asarray(given)
        counter = _Counter(choose_bins(name, values, bins=bins, max_categories=max_categories))
        counter.add(values)
        return counter.column_profile()

    return Profile(
        rows=rows,
        columns=tuple(profile_of(name, values) for name, values in columns.items()),
        outputs=tuple(profile_of(name, values) for name, values in outputs.items()),
        sampled=rows,
        seed=seed,
    )


def count_rows(bins: Profile, chunks: Iterable[Mapping[str, Values]]) -> Profile:
    """Return the profile of all rows on bins that are there already: one pass, in the memory of one chunk.

    Each chunk holds 1-d arrays by column name. The outputs stay those of `bins`: they were predicted for its rows.
    The counts are exact, so the profiles of parts add up to that of the whole (`merge_profiles`).

    >>> sample = build_profile({"age": np.array([20.0, 30.0])}, {})
    >>> whole = count_rows(sample, ({"age": np.array([18.0, age])} for age in (22.0, 31.0, np.nan)))
    >>> whole.rows, whole.column("age").counts, whole.column("age").range
    (6, (0, 4, 1, 0, 1), (18.0, 31.0))
    """
    rows, counters = 0, [_Counter(column) for column in bins.columns]
    for chunk in chunks:
        rows += _require_one_length(chunk)
        for counter in counters:
            counter.add(np.asarray(chunk[counter.column.name]))
    return replace(bins, rows=rows, columns=tuple(counter.column_profile() for counter in counters))


class _Counter:
    """Counts of one column while rows stream by."""

    __slots__ = ("column", "counts", "high", "low")

    def __init__(self, column: ColumnProfile) -> None:
        self.column = column
        self.counts: Counts = np.zeros(column.size, dtype=np.int64)
        self.low, self.high = inf, -inf

    def add(self, values: Values) -> None:
        """Count some more values."""
        if self.column.kind == "categorical":
            self.counts += count_values(self.column, values)
            return
        # one copy of a column that lies across rows, instead of a pass across them for each edge
        numbers = np.ascontiguousarray(as_floats(self.column.name, values))
        self.counts += count_numbers(self.column, numbers)
        low, high = find_range(numbers)
        self.low, self.high = min(self.low, low), max(self.high, high)

    def column_profile(self) -> ColumnProfile:
        """Return the column with what was counted."""
        found = (self.low, self.high) if self.low <= self.high else None
        return replace(self.column, counts=tuple(self.counts.tolist()), range=found)


def _require_one_length(columns: Mapping[str, Values]) -> int:
    lengths = {name: len(np.atleast_1d(values)) for name, values in columns.items()}
    if len(set(lengths.values())) > 1:
        raise NorenError(f"All columns and outputs must have the same number of rows; got {lengths}.")
    return next(iter(lengths.values()), 0)
