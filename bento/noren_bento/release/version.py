"""ModelVersion: the immutable identity of a model, `name/number`, and the Signature of what it takes and gives."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

from noren_bento.errors import NorenError

NAME = re.compile(r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$")

Task = Literal["classification", "regression", "clustering", "outliers"]
Kind = Literal["number", "integer", "boolean", "text", "datetime"]
Container = Literal["frame", "array", "sparse", "series", "polars"]
Label = str | int | float | bool


@dataclass(frozen=True, slots=True)
class Column:
    """One input column of a model."""

    name: str
    kind: Kind
    """What JSON must hold: `datetime` is an ISO 8601 string, `text` covers categories."""
    dtype: str
    """The pandas or numpy dtype that the model was fitted on, such as `float64` or `category`."""
    missing: bool = False
    """Whether null is taken: the reference data had missing values here, or the model was shown to take them."""
    categories: tuple[str, ...] = ()
    """The declared categories in order where dtype is `category`."""


@dataclass(frozen=True, slots=True)
class Signature:
    """What a model takes and gives."""

    columns: tuple[Column, ...]
    task: Task
    container: Container = "frame"
    """What the model was fitted on: a pandas or polars DataFrame, an array or a sparse matrix, whose columns are then
    named x0, x1, …, or a Series, which is one column."""
    classes: tuple[Label, ...] = ()
    """Class labels of a classifier, in the order of its probabilities."""
    probabilities: bool = False
    """Whether answers hold `predict_proba`; with several targets they never do."""
    scores: int = 0
    """How many numbers `decision_function` gives for a row; 0 where answers hold none: where they hold probabilities,
    and of models that have no such method."""
    targets: tuple[str, ...] = ()
    """Names of the targets where there are several; empty where there is one."""
    target_classes: tuple[tuple[Label, ...], ...] = ()
    """Class labels of each of several targets; `classes` is empty then."""

    def names(self) -> tuple[str, ...]:
        """Column names in the model's order."""
        return tuple(column.name for column in self.columns)


@dataclass(frozen=True, slots=True)
class ModelVersion:
    """One tagged model. Two fits with the same fitted state are the same version."""

    name: str
    number: int
    digest: str
    """SHA-256 (hex) over the canonical fitted state: types, parameters, arrays."""
    signature: Signature
    requirements: tuple[str, ...] = ()
    """Pinned requirements of the libraries that the model's classes come from, such as `scikit-learn==1.9.1`."""

    def __str__(self) -> str:
        return f"{self.name}/{self.number}"


def require_name(name: str) -> str:
    """Return the name when it is allowed, else raise.

    >>> require_name("churn")
    'churn'
    >>> require_name("../etc")
    Traceback (most recent call last):
    noren_bento.errors.NorenError: '../etc' is not a model name. Use 1 to 64 letters, digits, '.', '_' or '-', \
starting with a letter or digit.
    """
    if not NAME.fullmatch(name):
        raise NorenError(
            f"{name[:80]!r} is not a model name. "
            "Use 1 to 64 letters, digits, '.', '_' or '-', starting with a letter or digit."
        )
    return name


def parse_version(text: str) -> tuple[str, int]:
    """Split `name/number`.

    >>> parse_version("churn/3")
    ('churn', 3)
    >>> parse_version("churn")
    Traceback (most recent call last):
    noren_bento.errors.NorenError: 'churn' is not a version. Write name/number, such as churn/3; \
`%releases` lists what there is.
    """
    name, slash, number = text.rpartition("/")
    if not slash or not number.isdecimal() or int(number) < 1:
        raise NorenError(
            f"{text[:80]!r} is not a version. Write name/number, such as {(name or text)[:64]}/3; "
            "`%releases` lists what there is."
        )
    return require_name(name), int(number)
