"""Comparing two profiles that have the same bins: exact, from the counts alone."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from fractions import Fraction

from noren_bento.profile.merge import require_same_bins
from noren_bento.profile.profile import ColumnProfile, Profile


@dataclass(frozen=True, slots=True)
class Difference:
    """One column of two profiles, bin by bin."""

    name: str
    labels: tuple[str, ...]
    """Names of the bins; `missing` is the last."""
    before: tuple[int, ...]
    after: tuple[int, ...]
    moved: float
    """Smallest share of rows that would have to change their bin to make both alike (total variation), 0 to 1."""


def compare_profiles(before: Profile, after: Profile) -> tuple[Difference, ...]:
    """Compare input columns, then outputs, the most moved first; raises NorenError where the bins differ.

    How large a difference is, not how sure: for that see `noren_bento.drift`.

    >>> one = ColumnProfile("city", "categorical", categories=("a", "b"), counts=(6, 2, 0, 0))
    >>> two = ColumnProfile("city", "categorical", categories=("a", "b"), counts=(2, 2, 0, 0))
    >>> compare_profiles(Profile(8, (one,)), Profile(4, (two,)))[0].moved
    0.25
    """
    require_same_bins(before, after)
    columns = zip(before.columns, after.columns, strict=True)
    outputs = zip(before.outputs, after.outputs, strict=True)
    return (*_ranked(columns), *_ranked(outputs))


def _ranked(pairs: Iterable[tuple[ColumnProfile, ColumnProfile]]) -> list[Difference]:
    found = [
        Difference(one.name, one.labels, one.counts, other.counts, _moved(one.counts, other.counts))
        for one, other in pairs
    ]
    return sorted(found, key=lambda difference: -difference.moved)


def _moved(before: tuple[int, ...], after: tuple[int, ...]) -> float:
    """Half the sum of |shares' differences|, in whole numbers until the last division."""
    n, m = sum(before), sum(after)
    if not n or not m:
        return 0.0 if n == m else 1.0
    return float(Fraction(sum(abs(a * m - b * n) for a, b in zip(before, after, strict=True)), 2 * n * m))
