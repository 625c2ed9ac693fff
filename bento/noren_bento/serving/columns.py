"""Columns: the rows of a request as one array a column, and the way from and to a DataFrame.

By a column's kind: number is float64 (NaN is missing), integer is int64 (float64 with NaN where some are missing),
boolean is bool (float64 with NaN where some are missing), text is object (None is missing), datetime is
datetime64[us] (NaT is missing).
"""

# ruff: noqa: PLC0415 -- heavy libraries are imported where they are used

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from noren_bento.errors import NorenError
from noren_bento.release.version import Column, Signature

if TYPE_CHECKING:
    import pandas as pd

Columns = Mapping[str, NDArray[Any]]
NUMERIC = ("number", "integer", "boolean")


class MatrixColumns(Mapping[str, NDArray[np.float64]]):
    """Numeric columns that lie side by side in one float64 matrix of shape (rows, columns), in either order.

    >>> columns = MatrixColumns(("a", "b"), np.array([[1.0, 2.0], [3.0, 4.0]]))
    >>> columns["b"].tolist()
    [2.0, 4.0]
    """

    __slots__ = ("matrix", "names")

    def __init__(self, names: tuple[str, ...], matrix: NDArray[np.float64]) -> None:
        self.names = names
        self.matrix = matrix

    def __getitem__(self, name: str) -> NDArray[np.float64]:
        try:
            return self.matrix[:, self.names.index(name)]
        except ValueError:
            raise KeyError(name) from None

    def __iter__(self) -> Iterator[str]:
        return iter(self.names)

    def __len__(self) -> int:
        return len(self.names)


def count_rows(columns: Columns) -> int:
    """Number of rows in the columns."""
    if isinstance(columns, MatrixColumns):
        return len(columns.matrix)
    return len(next(iter(columns.values())))


def is_missing(value: object) -> bool:
    """Whether a plain value is None or NaN."""
    return value is None or (isinstance(value, float) and math.isnan(value))


def as_matrix(columns: Columns, names: tuple[str, ...]) -> NDArray[np.float64]:
    """Put numeric columns side by side: float64 of shape (rows, names)."""
    if isinstance(columns, MatrixColumns) and columns.names == names:
        return columns.matrix
    matrix = np.empty((count_rows(columns), len(names)))
    for place, name in enumerate(names):
        matrix[:, place] = columns[name]
    return matrix


def columns_of_frame(frame: pd.DataFrame, signature: Signature) -> dict[str, NDArray[Any]]:
    """Take the signature's columns out of a DataFrame; raises NorenError naming what is not there."""
    absent = [name for name in signature.names() if name not in frame.columns]
    if absent:
        raise NorenError(
            f"The data has no column {', '.join(map(repr, absent[:5]))}. "
            f"The model takes: {', '.join(signature.names())}."
        )
    return {column.name: _values(frame[column.name], column) for column in signature.columns}


def _values(series: pd.Series[Any], column: Column) -> NDArray[Any]:
    missing = series.isna().to_numpy()
    try:
        if column.kind == "text":
            values = series.astype(object).to_numpy(copy=True)
            values[missing] = None
            return values
        if column.kind == "datetime":
            if getattr(series.dtype, "tz", None) is not None:
                series = series.dt.tz_convert("UTC").dt.tz_localize(None)
            return series.to_numpy(dtype="datetime64[us]")
        if missing.any() or column.kind == "number":
            return series.to_numpy(dtype=np.float64, na_value=np.nan)
        return series.to_numpy(dtype=np.int64 if column.kind == "integer" else np.bool_)
    except (TypeError, ValueError) as error:
        raise NorenError(f"Column {column.name!r} must hold {column.kind}; it does not: {error}.") from None


def frame_of_columns(columns: Columns, signature: Signature) -> pd.DataFrame:
    """Build the DataFrame that the original model was fitted on: same column order, same dtypes."""
    import pandas as pd

    return pd.DataFrame({column.name: _series(columns[column.name], column) for column in signature.columns})


def _series(values: NDArray[Any], column: Column) -> pd.Series[Any]:
    import pandas as pd

    if column.dtype == "category":
        return pd.Series(pd.Categorical(values, categories=category_values(column)))
    series = pd.Series(values, dtype=values.dtype)  # else pandas makes its own strings of objects
    if column.kind == "text" and column.dtype == "object":
        return series.where(series.notna(), np.nan)
    if column.kind == "datetime" and "," in column.dtype:
        series = series.dt.tz_localize("UTC")
    if _is_numpy(column.dtype) and column.kind in ("integer", "boolean") and series.isna().any():
        return series  # these dtypes have no missing value, and pandas itself would have made floats of them
    converted: pd.Series[Any] = series.astype(column.dtype)  # type: ignore[call-overload]
    return converted


def _is_numpy(dtype: str) -> bool:
    """Whether the dtype is NumPy's: pandas' own begin with a capital letter, are called `boolean` or name pyarrow."""
    return dtype[0].islower() and dtype != "boolean" and "[pyarrow]" not in dtype


def category_values(column: Column) -> list[Any]:
    """The declared categories as the values that they stand for, by the column's kind.

    >>> category_values(Column("season", "integer", "category", categories=("1", "2")))
    [1, 2]
    """
    convert: dict[str, Callable[[str], Any]] = {"integer": int, "number": float, "boolean": "True".__eq__}
    return [convert.get(column.kind, str)(text) for text in column.categories]
