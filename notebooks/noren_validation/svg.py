"""The few parts that every figure is drawn from: frame, text, ticks, colours. Pure.

Attributes give the look where there is no style sheet (a notebook); the report's style sheet goes by the classes.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from noren_validation.markup import Markup, element

CANDIDATE = "#d98200"
CHAMPION = "#0072b2"
"""The arms' colours, Okabe and Ito's orange (darker, to be read on white) and blue; shapes tell them apart too."""
GREY = "#8a8a8a"
COLOURS = {"candidate": CANDIDATE, "champion": CHAMPION, "reference": GREY}
FONT = "system-ui, sans-serif"


@dataclass(frozen=True, slots=True)
class Figure:
    """A drawing that shows itself as SVG and says in words what it shows."""

    svg: Markup
    label: str

    def _repr_svg_(self) -> str:
        return self.svg.text

    def __str__(self) -> str:
        return self.label


def figure(*children: object, width: float, height: float, label: str) -> Figure:
    """Frame children as a figure of this size in pixels, which shrinks with the page."""
    svg = element(
        "svg",
        *children,
        xmlns="http://www.w3.org/2000/svg",
        class_="n-figure",
        viewBox=f"0 0 {width:g} {height:g}",
        width=width,
        height=height,
        role="img",
        aria_label=label,
        font_family=FONT,
        font_size=12,
    )
    return Figure(svg, label)


def text(
    x: float, y: float, words: object, *, anchor: str = "start", faint: bool = False, **more: Any
) -> Markup:
    """Words at a point; `anchor` is start, middle or end."""
    return element(
        "text",
        words,
        x=x,
        y=y,
        text_anchor=anchor,
        fill="#777777",
        class_="n-faint" if faint else "n-text",
        **more,
    )


def line(x1: float, y1: float, x2: float, y2: float, *, dashes: str | None = None, **more: Any) -> Markup:
    """A thin grey line, such as an axis."""
    given: dict[str, Any] = {"stroke": GREY, "stroke_width": 1, "class_": "n-line"} | more
    return element("line", x1=x1, y1=y1, x2=x2, y2=y2, stroke_dasharray=dashes, **given)


def make_ticks(low: float, high: float, most: int = 6) -> tuple[float, ...]:
    """Round numbers from low to high, at most `most`.

    >>> make_ticks(0.0, 0.97)
    (0.0, 0.2, 0.4, 0.6, 0.8)
    """
    if not high > low:
        return (low,)
    raw = (high - low) / max(1, most - 1)
    power = 10.0 ** math.floor(math.log10(raw))
    step = next(power * factor for factor in (1, 2, 2.5, 5, 10) if power * factor >= raw * 0.999)
    first = math.ceil(low / step - 1e-9)
    return tuple(round(step * n, 12) for n in range(first, math.floor(high / step + 1e-9) + 1))


@dataclass(frozen=True, slots=True)
class Scale:
    """From values to pixels, linear."""

    low: float
    high: float
    start: float
    end: float

    def __call__(self, value: float) -> float:
        """The pixel of a value."""
        share = (value - self.low) / (self.high - self.low) if self.high > self.low else 0.5
        return self.start + share * (self.end - self.start)


def axis_below(scale: Scale, y: float, *, title: str) -> list[Markup]:
    """Ticks, their numbers and a title under a plot whose bottom is at `y`."""
    parts = [line(scale.start, y, scale.end, y)]
    for tick in make_ticks(scale.low, scale.high):
        parts += [
            line(scale(tick), y, scale(tick), y + 4),
            text(scale(tick), y + 17, f"{tick:g}", anchor="middle"),
        ]
    return [*parts, text((scale.start + scale.end) / 2, y + 34, title, anchor="middle", faint=True)]


def axis_beside(scale: Scale, x: float, *, title: str) -> list[Markup]:
    """Ticks, their numbers and a title left of a plot whose left edge is at `x`."""
    parts: list[Markup] = []
    for tick in make_ticks(scale.low, scale.high, 5):
        parts.append(text(x - 6, scale(tick) + 4, f"{tick:g}", anchor="end"))
        parts.append(line(x - 4, scale(tick), x, scale(tick)))
    middle = (scale.start + scale.end) / 2
    turned = f"rotate(-90 {x - 44:g} {middle:g})"
    return [*parts, text(x - 44, middle, title, anchor="middle", faint=True, transform=turned)]
