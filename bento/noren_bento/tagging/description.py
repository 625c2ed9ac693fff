"""Description: what a model is in words: its class, what it is made of, the parameters that are not the defaults."""

from __future__ import annotations

import functools
import inspect
import warnings
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import msgspec
import numpy as np

from noren_bento.errors import NorenError
from noren_bento.tagging.secrets.secrets import Secrets

PLAIN = (str, int, float, bool, type(None))
MOST_CHARACTERS = 500
"""Characters of one value: MLflow takes 6,000, people fewer."""


@dataclass(frozen=True, slots=True)
class Description:
    """What a model is, with secrets masked."""

    kind: str
    """Its class, such as `sklearn.pipeline.Pipeline`."""
    parts: tuple[str, ...]
    """Names of the classes that it is made of, in order: the steps of a Pipeline, the model that a search chose."""
    changed: dict[str, str]
    """Parameters that differ from their class's default, by scikit-learn's name (`logisticregression__C`)."""
    parameters: dict[str, str]
    """All plain parameters by that name."""

    @property
    def name(self) -> str:
        """The class without its module."""
        return self.kind.rpartition(".")[2]


def describe_model(model: Any, secrets: Secrets) -> Description:
    """Describe a model; one without `get_params` by its class alone.

    >>> from sklearn.linear_model import Ridge
    >>> describe_model(Ridge(alpha=0.5), Secrets()).changed
    {'alpha': '0.5'}
    """
    given = read_parameters(model)
    plain = {name: value for name, value in given.items() if isinstance(value, PLAIN)}
    return Description(
        kind=f"{type(model).__module__}.{type(model).__qualname__}",
        parts=tuple(type(part).__name__ for part in _parts(model)),
        changed={name: _write(name, value, secrets) for name, value in _changed(model, given)},
        parameters={
            name: secrets.mask_value(name, str(value))[:MOST_CHARACTERS] for name, value in plain.items()
        },
    )


def read_parameters(model: Any) -> dict[str, Any]:
    """Return the model's parameters by name, those of what it is made of included."""
    if not hasattr(model, "get_params"):
        return {}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        given: dict[str, Any] = model.get_params(deep=True)
    return given


def description_to_json(description: Description) -> bytes:
    """Write a description as JSON."""
    return msgspec.json.format(msgspec.json.encode(description), indent=1)


def description_from_json(data: bytes) -> Description:
    """Read what description_to_json wrote; raises NorenError where it is damaged."""
    try:
        return msgspec.json.decode(data, type=Description)
    except msgspec.MsgspecError as error:
        raise NorenError(f"The description is damaged ({error}). Tag the model again.") from None


def _parts(model: Any) -> Iterator[Any]:
    if isinstance(steps := getattr(model, "steps", None), list):
        yield from (step for _, step in steps if step not in (None, "passthrough"))
    elif (chosen := getattr(model, "best_estimator_", None)) is not None:
        yield chosen
    elif (inner := getattr(model, "estimator", None)) is not None and hasattr(inner, "get_params"):
        yield inner


def _changed(model: Any, given: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    for name, value in given.items():
        if _is_made_of_models(value):
            continue
        prefix, _, last = name.rpartition("__")
        owner: type = type(given.get(prefix, model))
        default = _defaults(owner).get(last, inspect.Parameter.empty)
        if not _is_same(value, default):
            yield name, value


def _is_made_of_models(value: Any) -> bool:
    """Whether its own parameters tell more: a model, or the list of a Pipeline's steps."""
    if hasattr(value, "get_params") and not isinstance(value, type):
        return True
    inside = value if isinstance(value, list | tuple) else ()
    return any(_is_made_of_models(one) for one in inside)


@functools.cache
def _defaults(kind: type) -> dict[str, Any]:
    try:
        return {name: one.default for name, one in inspect.signature(kind).parameters.items()}
    except (TypeError, ValueError):  # a class of another language without a signature
        return {}


def _is_same(value: Any, default: Any) -> bool:
    if value is default:
        return True
    try:
        same = value == default
        return bool(np.all(same)) and type(value) is type(default)
    except (TypeError, ValueError):
        return bool(value != value and default != default)  # noqa: PLR0124 -- NaN is not equal to itself


def _write(name: str, value: Any, secrets: Secrets) -> str:
    if isinstance(value, PLAIN):
        return secrets.mask_value(name, str(value))[:MOST_CHARACTERS]
    if isinstance(value, type) or inspect.isroutine(value):
        return getattr(value, "__qualname__", str(value))
    words = " ".join(repr(value).split())
    return secrets.mask_value(name, words)[:MOST_CHARACTERS]
