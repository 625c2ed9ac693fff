"""A sparkline as SVG that also shows where a page removes styles."""

from __future__ import annotations

from collections.abc import Sequence

from noren.markup import Markup, tag

COLOURS = {"champion": "#0072b2", "candidate": "#e69f00"}


def sparkline(series: Sequence[float | None], top: float, role: str) -> Markup | None:
    """Return a small curve from 0 to `top`, with gaps where nothing is known; None when there is no curve to draw."""
    width, height, count = 72, 18, len(series)
    if count < 2 or top <= 0:
        return None
    floor, colour = height - 1.5, COLOURS[role]
    stretches: list[list[tuple[float, float]]] = []
    for k, value in enumerate(series):
        if value is None:
            continue
        if k == 0 or series[k - 1] is None:
            stretches.append([])
        down = height - 2 - min(value, top) / top * (height - 4)
        stretches[-1].append((round(1 + k / (count - 1) * (width - 4), 1), round(down, 1)))
    lines = ["L".join(f"{x} {y}" for x, y in points) for points in stretches]
    areas = [
        f"M{points[0][0]} {floor}L{line}L{points[-1][0]} {floor}Z"
        for points, line in zip(stretches, lines, strict=True)
    ]
    tip_x, tip_y = stretches[-1][-1] if stretches else (None, None)
    view = {
        "class": f"nr-spark nr-{role}",
        "viewBox": f"0 0 {width} {height}",
        "width": width,
        "height": height,
    }
    return tag(
        "svg",
        {**view, "fill": "none", "stroke": colour, "aria-hidden": "true"},
        tag("path", {"class": "nr-base", "d": f"M1 {floor}H{width - 3}", "stroke": "#ccc"}),
        tag("path", {"class": "nr-area", "d": "".join(areas)}),
        tag("path", {"class": "nr-curve", "d": "".join(f"M{line}" for line in lines)}),
        tag("circle", {"class": "nr-tip", "cx": tip_x, "cy": tip_y, "r": 2}) if stretches else None,
    )
