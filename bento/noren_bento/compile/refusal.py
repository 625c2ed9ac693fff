"""PassedOverError: why an engine is not for a model, as the end of a sentence."""

from __future__ import annotations

from typing import Any


class PassedOverError(Exception):
    """The model, or a part of it, is none of those that the engine takes."""


def require_own(part: Any) -> None:
    """Raise PassedOverError unless this is scikit-learn's own class: a subclass may compute anything."""
    if not type(part).__module__.startswith("sklearn."):
        raise PassedOverError(f"{type(part).__name__} is not scikit-learn's own")
