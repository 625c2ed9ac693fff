"""A copy of a model that the converter understands: same answers, written without pandas.

Columns are named by position (the converter trips over names such as `education-num`), and missing text is one
string that no data holds, in imputers and in the categories of encoders, since ONNX strings cannot be missing.
"""

from __future__ import annotations

# ruff: noqa: PLC0415 -- heavy libraries are imported where they are used
import copy
from collections.abc import Iterator
from typing import Any

import numpy as np

from noren_bento.release.version import Signature
from noren_bento.serving.columns import is_missing

MISSING_TEXT = "\u2042 noren: missing"


def make_portable(model: Any, signature: Signature) -> Any:
    """Return the copy."""
    portable = copy.deepcopy(model)
    for part in parts_of(portable):
        if hasattr(getattr(part, "coef_", None), "toarray"):
            part.densify()  # the converter knows no sparse weights; the graph's are the same, with their zeros
        match type(part).__name__:
            case "ColumnTransformer":
                part.transformers_ = [_by_position(entry, signature.names()) for entry in part.transformers_]
            case "SimpleImputer" if part.statistics_.dtype.kind == "O" and is_missing(part.missing_values):
                part.missing_values = MISSING_TEXT
            case "OneHotEncoder":
                part.categories_ = [_with_stand_in(values) for values in part.categories_]
            case "OrdinalEncoder":
                part.categories_ = [_with_stand_in(values) for values in part.categories_]
                # Codes as floats, so that missing may be NaN. What the encoder raises on never reaches a graph.
                unknown = -1.0 if part.handle_unknown == "error" else float(part.unknown_value)
                part.handle_unknown, part.unknown_value = "use_encoded_value", unknown
    return portable


def restore_missing_codes(graph: Any, model: Any) -> None:
    """Give missing text the code that the model's OrdinalEncoders give it: NaN, unless they say otherwise."""
    from onnx import helper

    codes = {
        str(part.encoded_missing_value) for part in parts_of(model) if type(part).__name__ == "OrdinalEncoder"
    }
    if len(codes) != 1:
        return
    code = float(codes.pop())
    for node in graph.node:
        values = {attribute.name: helper.get_attribute_value(attribute) for attribute in node.attribute}
        keys = values.get("keys_strings", [])
        if node.op_type == "LabelEncoder" and MISSING_TEXT.encode() in keys and "values_floats" in values:
            changed = list(values["values_floats"])
            changed[keys.index(MISSING_TEXT.encode())] = code
            kept = [attribute for attribute in node.attribute if attribute.name != "values_floats"]
            del node.attribute[:]
            node.attribute.extend([*kept, helper.make_attribute("values_floats", changed)])


def _by_position(entry: tuple[Any, ...], names: tuple[str, ...]) -> tuple[Any, ...]:
    name, part, columns = entry
    if isinstance(columns, str):
        columns = [columns]
    if isinstance(columns, list | tuple | np.ndarray) and columns:
        mask = np.asarray(columns)
        if mask.dtype == bool:
            columns = np.flatnonzero(mask).tolist()
        else:
            columns = [names.index(column) if isinstance(column, str) else int(column) for column in columns]
    return name, part, columns


def _with_stand_in(values: Any) -> Any:
    if values.dtype.kind != "O":
        return values
    return np.array([MISSING_TEXT if is_missing(value) else value for value in values.tolist()], dtype=object)


def parts_of(model: Any, depth: int = 8) -> Iterator[Any]:
    """The model and the fitted parts that it is made of, as far as they can be seen."""
    yield model
    if not depth:
        return
    for name in ("steps", "transformers_", "transformer_list", "estimators_", "calibrated_classifiers_"):
        entries = getattr(model, name, None)
        for entry in entries if isinstance(entries, list | tuple) else ():
            for part in entry if isinstance(entry, tuple) else [entry]:
                if hasattr(part, "get_params") and not isinstance(part, type):
                    yield from parts_of(part, depth - 1)
    for name in (
        "estimator_",
        "final_estimator_",
        "best_estimator_",
        "regressor_",
        "transformer_",
        "estimator",
    ):
        part = getattr(model, name, None)
        if hasattr(part, "get_params") and not isinstance(part, type):
            yield from parts_of(part, depth - 1)
