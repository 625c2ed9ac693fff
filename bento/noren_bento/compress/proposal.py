"""Proposal: one way to make a copy of a model smaller."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Proposal:
    """One way to make a model smaller or quicker, without fitting it again."""

    name: str
    """Short, such as `prune 0.01` or `50 trees`; what the user picks it by."""
    how: str
    """One sentence: what is changed, and where the numbers come from."""
    apply: Callable[[Any], None]
    """Changes a copy of the model in place."""


def share_of(count: int, share: float) -> int:
    """Return so much of a count, at least one.

    >>> share_of(100, 0.25), share_of(3, 0.1)
    (25, 1)
    """
    return max(1, round(count * share))
