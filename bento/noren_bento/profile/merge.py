"""Merging profiles that have the same bins: exact, in any order and grouping."""

from __future__ import annotations

from dataclasses import replace

from noren_bento.errors import NorenError
from noren_bento.profile.profile import ColumnProfile, Profile


def merge_profiles(one: Profile, other: Profile) -> Profile:
    """Return the profile of both's rows together: counts and rows add up, ranges widen.

    Both must have the same bins (`count_rows` counts any rows on them). Raises NorenError where they differ.
    Said of how the bins were chosen is what is true of both: the larger sample, and a seed that they share.

    >>> age = ColumnProfile("age", "numeric", edges=(18.0,), counts=(1, 2, 0), range=(11.0, 40.0))
    >>> both = merge_profiles(Profile(3, (age,)), Profile(3, (age,)))
    >>> both.rows, both.column("age").counts, both.column("age").range
    (6, (2, 4, 0), (11.0, 40.0))
    """
    require_same_bins(one, other)
    return Profile(
        rows=one.rows + other.rows,
        columns=tuple(map(_merge_columns, one.columns, other.columns)),
        outputs=tuple(map(_merge_columns, one.outputs, other.outputs)),
        sampled=max(one.sampled, other.sampled),
        seed=one.seed if one.seed == other.seed else None,
    )


def require_same_bins(one: Profile, other: Profile) -> None:
    """Raise NorenError unless both profiles have the same columns and outputs, cut into the same bins."""
    for what, mine, theirs in (
        ("columns", one.columns, other.columns),
        ("outputs", one.outputs, other.outputs),
    ):
        names, their_names = [column.name for column in mine], [column.name for column in theirs]
        if names != their_names:
            raise NorenError(f"The profiles have different {what}: {names} and {their_names}.")
        differing = [a.name for a, b in zip(mine, theirs, strict=True) if _bins(a) != _bins(b)]
        if differing:
            raise NorenError(
                f"The profiles cut {differing[0]!r} into different bins, so their counts do not belong together. "
                "Count the rows of one on the bins of the other: count_rows(bins, chunks)."
            )


def _bins(column: ColumnProfile) -> tuple[object, ...]:
    return column.kind, column.edges, column.categories


def _merge_columns(one: ColumnProfile, other: ColumnProfile) -> ColumnProfile:
    ranges = [found for found in (one.range, other.range) if found]
    widest = (min(low for low, _ in ranges), max(high for _, high in ranges)) if ranges else None
    return replace(
        one, counts=tuple(a + b for a, b in zip(one.counts, other.counts, strict=True)), range=widest
    )
