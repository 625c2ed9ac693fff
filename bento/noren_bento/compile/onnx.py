"""Conversion to ONNX: the graphs that may equal a model, most promising first."""

# ruff: noqa: PLC0415 -- heavy libraries are imported where they are used

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from noren_bento.compile.portable import make_portable, parts_of, restore_missing_codes
from noren_bento.compile.refusal import PassedOverError
from noren_bento.compile.tree_nodes import cast_around_trees, restore_missing, restore_precision
from noren_bento.release.version import Column, Signature
from noren_bento.serving.columns import NUMERIC

REFUSED = ("TunedThresholdClassifierCV", "FixedThresholdClassifier")
"""These convert but lose their threshold without a word."""


@dataclass(frozen=True, slots=True)
class Form:
    """One way to write a model as a graph."""

    inputs: Literal["matrix", "columns"]
    """One tensor of all columns, or one a column."""
    precision: Literal["float64", "float32"]

    def __str__(self) -> str:
        return f"{self.precision} {self.inputs}"


def choose_forms(model: Any, signature: Signature) -> tuple[Form, ...]:
    """The forms worth trying, most promising first; raises PassedOverError for what cannot be a graph at all.

    Float64 comes first: float32 flips labels where features are large or nearly equal. Trees cast their input to
    float32 themselves, and so do their float64 graphs (casts.py).
    """
    if reason := _why_not(model, signature):
        raise PassedOverError(reason)
    numeric = all(column.kind in NUMERIC for column in signature.columns)
    by_name = any(type(part).__name__ == "ColumnTransformer" for part in parts_of(model))
    inputs: Literal["matrix", "columns"] = "matrix" if numeric and not by_name else "columns"
    return Form(inputs, "float64"), Form(inputs, "float32")


def _why_not(model: Any, signature: Signature) -> str:
    if any(column.kind == "datetime" or column.dtype == "category" for column in signature.columns):
        return "there is no graph for columns of dates or of pandas' categories"
    if signature.container not in ("frame", "array"):
        return f"there is no graph that takes a {signature.container}"
    found = {type(part).__name__ for part in parts_of(model)} & set(REFUSED)
    return f"the converter would lose the threshold of {found.pop()}" if found else ""


def convert(model: Any, signature: Signature, form: Form) -> bytes:
    """Write a model as an ONNX graph; raises whatever the converter raises."""
    from skl2onnx import convert_sklearn

    portable = make_portable(model, signature)
    with _plain_attributes():
        # With a name of its own choice the converter would make other bytes each time.
        graph = convert_sklearn(
            portable,
            "model",
            initial_types=_input_types(signature, form),
            options=_options(portable, signature),
        )
    restore_missing_codes(graph.graph, model)
    parts = list(parts_of(model))
    restore_missing(graph, parts)
    if form.precision == "float64":
        restore_precision(graph, parts)
        cast_around_trees(graph.graph, parts)
    content: bytes = graph.SerializeToString()
    return content


def _options(portable: Any, signature: Signature) -> dict[int, dict[str, bool]] | None:
    if signature.task != "classification":
        return None
    options = {id(portable): {"zipmap": False}}
    if signature.scores:
        # Without this the scores of two classes have the other sign.
        machines = [part for part in parts_of(portable) if type(part).__name__ in ("SVC", "NuSVC")]
        options |= {id(part): {"zipmap": False, "raw_scores": True} for part in machines}
    return options


def _input_types(signature: Signature, form: Form) -> list[tuple[str, Any]]:
    from skl2onnx.common import data_types

    real = data_types.DoubleTensorType if form.precision == "float64" else data_types.FloatTensorType
    if form.inputs == "matrix":
        return [("matrix", real([None, len(signature.columns)]))]

    def tensor(column: Column) -> Any:
        if column.kind == "text":
            return data_types.StringTensorType([None, 1])
        return real([None, 1])

    return [(f"c{place}", tensor(column)) for place, column in enumerate(signature.columns)]


@contextmanager
def _plain_attributes() -> Iterator[None]:
    """Hand onnx plain numbers: at 1.23 it refuses numpy scalars, which skl2onnx 1.20 passes for boosted trees."""
    from onnx import helper

    make_attribute = helper.make_attribute

    def make_plain(key: str, value: Any, *args: Any, **kwargs: Any) -> Any:
        plain = [_plain(one) for one in value] if isinstance(value, list | tuple) else _plain(value)
        return make_attribute(key, plain, *args, **kwargs)

    helper.make_attribute = make_plain
    try:
        yield
    finally:
        helper.make_attribute = make_attribute


def _plain(value: Any) -> Any:
    if isinstance(value, bool | np.bool_):
        return int(value)
    return value.item() if isinstance(value, np.generic) else value
