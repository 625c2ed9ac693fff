"""Case: one model that a tool tries, and what most of them hold."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from sklearn import linear_model

ROWS = 150


@dataclass(frozen=True, slots=True)
class Case:
    """One model to be tagged."""

    family: str
    name: str
    make: Callable[[], tuple[Any, Any, Any]]
    """Gives the fitted model, X and y."""


def logistic() -> Any:
    """The model inside others."""
    return linear_model.LogisticRegression(max_iter=500)
