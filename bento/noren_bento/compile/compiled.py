"""Compiled: which runtime answers for a version, and why."""

from __future__ import annotations

from dataclasses import dataclass, field

from noren_bento.serving.manifest import Runtime


@dataclass(frozen=True, slots=True)
class Compiled:
    """The outcome of a compilation."""

    runtime: Runtime
    because: str
    """One sentence: how equal it is, on how many rows, and why no quicker engine answers."""
    speedup: float | None = None
    """How many times faster one row is answered than by the original; None where the original answers."""
    missing_text: str = ""
    """What the graph is given for missing text."""
    closed: dict[str, tuple[str, ...]] = field(default_factory=dict)
    """Text columns on which the model raises for a value that it has not seen, with the values it takes."""
