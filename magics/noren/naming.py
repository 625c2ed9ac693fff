"""Naming: what a text in a magic, a shell command or a call stands for."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable
from typing import Any

from noren_bento.errors import NorenError


def model_of(text: str) -> str:
    """Return the model's name of a version such as `churn/3`; empty for anything else.

    >>> model_of("churn/3"), model_of("churn"), model_of("churn@3")
    ('churn', '', '')
    """
    name, _, number = text.rpartition("/")
    return name if number.isdecimal() and "/" not in name else ""


def pair_of(text: str, look_up: Callable[[str], Any]) -> tuple[Any, Any]:
    """Return X and y of `X_train,y_train`, or of one name that holds such a pair.

    >>> pair_of("X, y", {"X": [[1.0]], "y": [1]}.get)
    ([[1.0]], [1])
    """
    values = [look_up(name.strip()) for name in text.split(",")]
    pair = values[0] if len(values) == 1 else tuple(values)
    if not isinstance(pair, tuple | list) or len(pair) != 2:
        raise NorenError(f"{text!r} is not data: give two names, X and y, such as --train X_train,y_train.")
    return pair[0], pair[1]


def imported(target: str, *, beside: str = "") -> Any:
    """Return what MODULE:NAME names, looking in the current folder first, as `python -m` does.

    A NAME without a module is in the module of `beside`. Raises NorenError for what is not there.

    >>> imported("math:pi") == imported("pi", beside="math:e")
    True
    """
    module, _, name = target.rpartition(":")
    module = module or beside.partition(":")[0]
    if not module:
        raise NorenError(
            f"{target!r} is neither a version, such as churn/3, nor MODULE:NAME, such as train:model for `model` in "
            "train.py."
        )
    if "" not in sys.path:
        sys.path.insert(0, "")
    try:
        return getattr(importlib.import_module(module), name)
    except (ImportError, AttributeError) as error:
        raise NorenError(f"{module}:{name} cannot be imported: {error}.") from None
