"""Arrays: the fitted model itself, on numpy arrays. What it was told of pandas' column names is forgotten."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from noren_bento.release.version import Signature
from noren_bento.serving.columns import NUMERIC, Columns, as_matrix
from noren_bento.serving.original import Original, make_array, make_objects


class Arrays(Original):
    """Answers rows with the model, and needs no pandas. Changes the model that it is given."""

    def __init__(self, model: Any, signature: Signature) -> None:
        super().__init__(model, signature)
        self._names = signature.names()
        self._numeric = all(column.kind in NUMERIC for column in signature.columns)
        dtypes = [column.dtype for column in signature.columns] if signature.container == "frame" else []
        self._dtype = (
            np.result_type(*dtypes) if self._numeric and dtypes and all(map(_is_numpy, dtypes)) else None
        )
        if signature.container == "frame":
            forget_names(model, self._names)

    def make_input(self, columns: Columns) -> Any:
        """An array of numbers where all columns are, else of objects; of text alone for a model of a Series."""
        match self._signature.container:
            case "array" | "sparse":
                return make_array(columns, self._signature)
            case "series":
                return columns[self._names[0]]
            case _:
                return self._make_matrix(columns) if self._numeric else make_objects(columns, self._names)

    def _make_matrix(self, columns: Columns) -> NDArray[Any]:
        """As it lies in a DataFrame, column by column: on rows that lie otherwise the last bit of a sum may differ."""
        matrix = np.asfortranarray(as_matrix(columns, self._names))
        if self._dtype is None or (self._dtype.kind in "iub" and np.isnan(matrix).any()):
            return matrix
        return matrix.astype(self._dtype, copy=False)


def _is_numpy(dtype: str) -> bool:
    try:
        np.dtype(dtype)
    except TypeError:
        return False
    return True


def forget_names(model: Any, names: tuple[str, ...]) -> None:
    """Let a model that was fitted on a DataFrame take arrays: columns by place, and no warning about names."""
    for part in _parts(model, set()):
        if type(part).__name__ == "ColumnTransformer" and hasattr(part, "transformers_"):
            part.transformers_ = [
                (name, inner, _places(chosen, names)) for name, inner, chosen in part.transformers_
            ]
        vars(part).pop("feature_names_in_", None)


def _places(chosen: Any, names: tuple[str, ...]) -> Any:
    if isinstance(chosen, str):
        return names.index(chosen)
    if isinstance(chosen, list | tuple | np.ndarray) and any(isinstance(one, str) for one in chosen):
        return [names.index(one) for one in chosen]
    return chosen


def _parts(thing: Any, seen: set[int]) -> Iterator[Any]:
    """The estimator and every one inside it."""
    if id(thing) in seen:
        return
    seen.add(id(thing))
    inner: Any = ()
    if isinstance(thing, list | tuple):
        inner = thing
    elif isinstance(thing, dict):
        inner = thing.values()
    elif isinstance(thing, np.ndarray) and thing.dtype == object:
        inner = thing.ravel().tolist()
    elif hasattr(type(thing), "get_params") and hasattr(thing, "__dict__"):
        inner = list(vars(thing).values())
        yield thing
    for one in inner:
        yield from _parts(one, seen)
