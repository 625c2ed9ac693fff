"""The card's table of columns: what the training data held in each. Pure."""

from __future__ import annotations

from itertools import pairwise
from math import ceil

from noren_bento.profile.profile import ColumnProfile, Profile
from noren_bento.release.version import Column, Signature
from noren_bento.tagging.card.parts import Cell, Shape, Table
from noren_bento.tagging.card.words import moment, number, share, visible

MOST_COLUMNS = 200
STEPS = 24
USUAL = ("float64", "int64", "bool", "str", "object")
"""Dtypes that the kind alone says enough of."""
TOP = 3


def columns_table(signature: Signature, profile: Profile) -> Table:
    """Return a row a column: kind, range or most frequent categories, missing share, how it is spread."""
    profiles = {column.name: column for column in profile.columns}
    shown = signature.columns[:MOST_COLUMNS]
    rows = tuple(_row(column, profiles[column.name]) for column in shown if column.name in profiles)
    left = len(signature.columns) - len(shown)
    note = f"{left:,} more columns are in profile.json." if left else ""
    head = ("column", "kind", "values", "missing", "null", "spread")
    return Table("Inputs", head, rows, numeric=(3,), note=note)


def outputs_table(signature: Signature, profile: Profile) -> Table:
    """Return a row an output: what the model answered on the reference rows."""
    names = dict(zip((one.name for one in profile.outputs), signature.targets, strict=False))
    rows = tuple(
        (visible(names.get(one.name, one.name)), _values(one, "number"), shape_of(one))
        for one in profile.outputs
    )
    return Table("Answers on the reference rows", ("output", "values", "spread"), rows)


def shape_of(column: ColumnProfile, steps: int = STEPS) -> Shape:
    """Return how the values of a column are spread: over equal steps of its middle range, or over its categories.

    Heights go with the square root, so that a thin tail is still seen.
    """
    if column.kind == "categorical":
        counts = [float(count) for count in column.counts[:-1] if count][:steps]
    else:
        counts = _resample(column, steps)
    highest = max(counts, default=0.0)
    return Shape(tuple((count / highest) ** 0.5 for count in counts) if highest else ())


def _resample(column: ColumnProfile, steps: int) -> list[float]:
    """Spread each bin's count over the equal steps that it covers.

    The outer bins are shown no wider than a usual one: a single outlier would leave nothing of the rest.
    """
    edges = list(column.edges)
    if not edges:
        return [float(column.counts[0])]
    wide = (edges[-1] - edges[0]) / max(len(edges) - 1, 1) or abs(edges[0]) or 1.0
    ends = column.range or (edges[0] - wide, edges[-1] + wide)
    lowest, highest = min(ends[0], edges[0]), max(ends[1], edges[-1])
    low, high = max(lowest, edges[0] - wide), min(highest, edges[-1] + wide)
    if not low < high:
        return [float(sum(column.counts[:-1]))]
    counts = [0.0] * steps
    for (left, right), count in zip(pairwise([lowest, *edges, highest]), column.counts[:-1], strict=True):
        begin, end = ((min(max(at, low), high) - low) / (high - low) * steps for at in (left, right))
        shown = (
            count * ((end - begin) * (high - low) / steps / (right - left)) if right > left else float(count)
        )
        first = min(int(begin), steps - 1)
        last = max(first, min(ceil(end) - 1, steps - 1))
        for step in range(first, last + 1):
            inside = min(end, step + 1) - max(begin, step)
            counts[step] += shown * inside / (end - begin) if end > begin else shown
    return counts


def _row(column: Column, profile: ColumnProfile) -> tuple[Cell, ...]:
    kind = column.kind if column.dtype in USUAL else f"{column.kind} ({column.dtype})"
    null = "taken" if column.missing else "refused"
    cells = (visible(column.name), kind, _values(profile, column.kind), share(profile.missing_share), null)
    return (*cells, shape_of(profile))


def _values(profile: ColumnProfile, kind: str) -> str:
    if profile.kind == "categorical":
        return _categories(profile)
    if kind == "boolean":
        present = sum(profile.counts[:-1])
        true = sum(
            count for edge, count in zip(profile.edges, profile.counts[1:-1], strict=True) if edge >= 0.5
        )
        return f"{share(true / present)} true" if present else "none"
    if profile.range is None:
        return "none"
    low, high = profile.range
    write = moment if kind == "datetime" else number
    return f"{write(low)}" if low == high else f"{write(low)} to {write(high)}"


def _categories(profile: ColumnProfile) -> str:
    present = sum(profile.counts[:-1])
    if not present:
        return "none"
    seen = sorted(zip(profile.counts, profile.categories, strict=False), key=lambda one: -one[0])
    top = [f"{visible(name, 24)} {share(count / present)}" for count, name in seen[:TOP] if count]
    more = len([count for count, _ in seen if count]) - len(top)
    other = profile.counts[-2]
    rest = [f"{more:,} more"] if more else []
    rest += [f"rare ones {share(other / present)}"] if other else []
    return " · ".join(top + rest)
