"""Figures for validation notebooks: plain SVG, small, with what they show said in words too. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from noren_bento.tagging.metrics.intervals import Interval
from noren_validation.limit import show
from noren_validation.markup import Markup, element
from noren_validation.svg import (
    CANDIDATE,
    COLOURS,
    GREY,
    Figure,
    Scale,
    axis_below,
    axis_beside,
    figure,
    line,
    text,
)

WIDTH = 640.0
MOST_CLASSES = 12


def interval_figure(
    intervals: Sequence[tuple[str, Interval]], *, marks: Sequence[tuple[str, float]], title: str
) -> Figure:
    """Measured numbers with their intervals, one a line, and marks such as a limit across all.

    The label `candidate` or `champion` gives the arm's colour; the candidate is a disc, the others are squares.
    """
    values = [edge for _, one in intervals for edge in (one.low, one.high, one.value)] + [
        mark for _, mark in marks
    ]
    margin = (max(values) - min(values)) * 0.08 or 0.05
    x = Scale(min(values) - margin, max(values) + margin, 110, WIDTH - 90)
    bottom = 26.0 + 34 * len(intervals)
    parts: list[object] = []
    for mark in sorted({mark for _, mark in marks}):
        names = ", ".join(name for name, at in marks if at == mark)
        parts.append(line(x(mark), 16, x(mark), bottom, dashes="4 3"))
        parts.append(text(x(mark), 11, names, anchor="middle", faint=True))
    for row, (name, one) in enumerate(intervals):
        parts.append(_interval_row(name, one, x, 40.0 + 34 * row))
    words = "; ".join(f"{name} {one}" for name, one in intervals)
    return figure(
        parts, axis_below(x, bottom, title=title), width=WIDTH, height=bottom + 42, label=f"{title}: {words}"
    )


def _interval_row(name: str, one: Interval, x: Scale, y: float) -> list[Markup]:
    arm = name.split(maxsplit=1)[0]
    colour = COLOURS.get(arm, GREY)
    look = {"fill": colour, "class_": f"n-{arm}"}
    disc = element("circle", element("title", str(one)), cx=x(one.value), cy=y, r=5.5, **look)
    square = element(
        "rect", element("title", str(one)), x=x(one.value) - 5, y=y - 5, width=10, height=10, **look
    )
    return [
        text(100, y + 4, name, anchor="end"),
        line(
            x(one.low), y, x(one.high), y, stroke=colour, stroke_width=3, stroke_linecap="round", class_=None
        ),
        disc if name.startswith("candidate") else square,
        text(WIDTH - 80, y + 4, show(one.value)),
    ]


def histogram_figure(
    values: NDArray[Any], *, marks: Sequence[tuple[str, float]] = (), title: str, bins: int = 40
) -> Figure:
    """How often which values occurred; the outermost 0.5 % are left out so that the rest can be seen, marks never."""
    numbers = np.asarray(values, dtype=np.float64)
    top = max([float(np.quantile(numbers, 0.995)), *(mark for _, mark in marks)])
    low = min([float(np.quantile(numbers, 0.005)), *(mark for _, mark in marks)])
    low = float(numbers.min()) if numbers.min() >= 0 else low
    top = top if top > low else low + 1.0
    counts, edges = np.histogram(numbers, bins=bins, range=(low, top))
    x, y = Scale(low, top, 60, WIDTH - 20), Scale(0, float(counts.max() or 1), 190, 40)
    bars = [
        element(
            "rect",
            element("title", f"{left:.4g} to {right:.4g}: {count}"),
            x=x(left) + 0.5,
            y=y(count),
            width=max(0.5, x(right) - x(left) - 1),
            height=y(0) - y(count),
            fill=CANDIDATE,
            class_="n-candidate",
        )
        for (left, right), count in zip(pairwise(edges.tolist()), counts.tolist(), strict=True)
        if count
    ]
    lines = [
        (
            line(x(mark), 12 + 12 * (row % 2), x(mark), 190, dashes="4 3"),
            _mark_name(name, x(mark), 11 + 12 * (row % 2)),
        )
        for row, (name, mark) in enumerate(marks)
    ]
    words = ", ".join(name for name, _ in marks)
    axes = [axis_below(x, 190, title=title), axis_beside(y, 60, title="how many")]
    return figure(
        bars, axes, lines, width=WIDTH, height=232, label=f"{title}: {len(numbers)} values; {words}"
    )


def _mark_name(name: str, x: float, y: float) -> Markup:
    return text(x - 4, y + 4, name, anchor="end") if x > WIDTH * 0.6 else text(x + 4, y + 4, name)


def confusion_figure(labels: Sequence[object], counts: NDArray[np.int64]) -> Figure:
    """Which labels (rows) were answered with which (columns); shade is the share of the row. At most 12 are drawn."""
    shown = np.argsort(-counts.sum(axis=1), kind="stable")[:MOST_CLASSES]
    shown.sort()
    names = [str(labels[place])[:16] for place in shown]
    cell = max(38.0, min(90.0, 420.0 / len(names)))
    left, top = 130.0, 46.0
    parts: list[object] = [text(left + cell * len(names) / 2, 14, "answered", anchor="middle", faint=True)]
    for i, row in enumerate(shown):
        parts.append(text(left - 8, top + cell * i + cell / 2 + 4, names[i], anchor="end"))
        parts.append(text(left + cell * i + cell / 2, top - 10, names[i][: int(cell / 6)], anchor="middle"))
        for j, column in enumerate(shown):
            parts.append(_confusion_cell(counts, row, column, left + cell * j, top + cell * i, cell))
    size = top + cell * len(names) + 12
    label = f"Confusion of {len(names)} labels, {int(np.trace(counts))} of {int(counts.sum())} rows right"
    return figure(parts, width=left + cell * len(names) + 12, height=size, label=label)


def _confusion_cell(
    counts: NDArray[np.int64], row: int, column: int, x: float, y: float, cell: float
) -> list[Markup]:
    share = counts[row, column] / max(1, counts[row].sum())
    words = f"{int(counts[row, column]):,} rows, {share:.1%} of this label"
    look = {"fill": CANDIDATE, "fill_opacity": 0.06 + 0.74 * float(share), "class_": "n-candidate"}
    box = element(
        "rect", element("title", words), x=x + 1, y=y + 1, width=cell - 2, height=cell - 2, rx=3, **look
    )
    return [
        box,
        text(x + cell / 2, y + cell / 2 + 1, f"{int(counts[row, column]):,}", anchor="middle"),
        text(x + cell / 2, y + cell / 2 + 14, f"{share:.0%}", anchor="middle", faint=True, font_size=10),
    ]


def density_figure(y: NDArray[Any], predictions: NDArray[Any], *, target: str = "target") -> Figure:
    """Predicted beside measured values, as shades of how many rows lie there; right answers lie on the diagonal."""
    pairs = np.stack([np.asarray(y, dtype=np.float64), np.asarray(predictions, dtype=np.float64)])
    low, high = (float(edge) for edge in np.quantile(pairs, [0.002, 0.998]))
    high = high if high > low else low + 1.0
    bins, size = 44, 340.0
    counts, _, _ = np.histogram2d(pairs[0], pairs[1], bins=bins, range=[[low, high], [low, high]])
    x, up = Scale(low, high, 70, 70 + size), Scale(low, high, 12 + size, 12)
    step, most = size / bins, np.log1p(counts.max() or 1)
    cells = [
        element(
            "rect",
            x=70 + step * i,
            y=12 + size - step * (j + 1),
            width=step,
            height=step,
            fill=CANDIDATE,
            fill_opacity=0.12 + 0.88 * float(np.log1p(counts[i, j]) / most),
            class_="n-candidate",
        )
        for i, j in np.argwhere(counts > 0).tolist()
    ]
    diagonal = line(x(low), up(low), x(high), up(high), dashes="4 3")
    axes = [axis_below(x, 12 + size, title=f"measured {target}"), axis_beside(up, 70, title="predicted")]
    label = (
        f"Predicted beside measured {target}, {pairs.shape[1]:,} rows; the dashed diagonal is a right answer"
    )
    return figure(cells, diagonal, axes, width=size + 100, height=size + 54, label=label)


def reliability_figure(
    confidence: NDArray[np.float64], right: NDArray[np.bool_], *, bins: int = 10
) -> Figure:
    """How often answers of a given probability were right, in bins of equal numbers of rows."""
    order = np.array_split(np.argsort(confidence, kind="stable"), min(bins, len(confidence)))
    points = [
        (float(confidence[part].mean()), float(right[part].mean()), len(part)) for part in order if len(part)
    ]
    low = max(0.0, min(min(point[:2]) for point in points) - 0.05)
    x, up = Scale(low, 1, 70, 350), Scale(low, 1, 292, 12)
    path = " ".join(f"{x(given):.1f},{up(true):.1f}" for given, true, _ in points)
    dots = [
        element(
            "circle",
            element("title", f"said {given:.1%}, right {true:.1%}, {rows} rows"),
            cx=x(given),
            cy=up(true),
            r=5,
            fill=CANDIDATE,
            class_="n-candidate",
        )
        for given, true, rows in points
    ]
    axes = [
        axis_below(x, 292, title="probability that the model gave"),
        axis_beside(up, 70, title="share right"),
    ]
    curve = element("polyline", points=path, fill="none", stroke=CANDIDATE, stroke_width=2)
    diagonal = line(x(low), up(low), x(1), up(1), dashes="4 3")
    words = ", ".join(f"{given:.0%} → {true:.0%}" for given, true, _ in points)
    return figure(
        diagonal, curve, dots, axes, width=380, height=334, label=f"Probability given → share right: {words}"
    )


def spark(reference: Sequence[int], test: Sequence[int]) -> Markup:
    """Two sets of counts on the same bins, as shares: reference in grey bars, test as an orange line of steps."""
    width, height = 120.0, 26.0
    before, now = (np.asarray(counts, dtype=np.float64) for counts in (reference, test))
    before, now = before / (before.sum() or 1), now / (now.sum() or 1)
    most, step = max(before.max(), now.max(), 1e-9), width / len(before)
    bars = [
        element(
            "rect",
            x=step * i,
            y=height - height * share / most,
            width=max(0.8, step - 1),
            height=height * share / most,
            fill=GREY,
            fill_opacity=0.45,
        )
        for i, share in enumerate(before.tolist())
    ]
    path = " ".join(
        f"{step * (i + side):.1f},{height - height * share / most:.1f}"
        for i, share in enumerate(now.tolist())
        for side in (0, 1)
    )
    steps = element("polyline", points=path, fill="none", stroke=CANDIDATE, stroke_width=1.5)
    return element(
        "svg",
        bars,
        steps,
        class_="n-spark",
        viewBox=f"0 -2 {width:g} {height + 3:g}",
        width=width,
        height=height + 3,
    )
