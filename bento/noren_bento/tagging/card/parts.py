"""The parts that a card is made of, as values that each way of writing it knows. Pure."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Shape:
    """How values are spread: heights of equal steps, 0 to 1."""

    heights: tuple[float, ...]

    def __str__(self) -> str:
        """As letters: one of eight blocks a step.

        >>> str(Shape((0.0, 0.5, 1.0)))
        '▁▅█'
        """
        return "".join("▁▂▃▄▅▆▇█"[min(7, int(8 * height))] for height in self.heights)


Cell = str | Shape


@dataclass(frozen=True, slots=True)
class Pairs:
    """Named facts."""

    rows: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Table:
    """A table; numbers stand right."""

    title: str
    head: tuple[str, ...]
    rows: tuple[tuple[Cell, ...], ...]
    numeric: tuple[int, ...] = ()
    """Places of the columns that hold numbers."""
    note: str = ""


@dataclass(frozen=True, slots=True)
class Items:
    """Sentences."""

    texts: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Code:
    """Code to copy."""

    text: str
    language: str


Part = Pairs | Table | Items | Code


@dataclass(frozen=True, slots=True)
class Section:
    """A titled part of a card."""

    title: str
    parts: tuple[Part, ...]
