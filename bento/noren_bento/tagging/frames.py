"""Data of any usual container as a DataFrame, and back to what the model was fitted on."""

# ruff: noqa: PLC0415 -- heavy libraries are imported where they are used

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

import numpy as np
from numpy.typing import NDArray

from noren_bento.errors import NorenError
from noren_bento.release.version import Column, Container, Signature
from noren_bento.serving.answers import Answers
from noren_bento.serving.containers import contain

if TYPE_CHECKING:
    import pandas as pd

TEXT = "text"
"""Name of the only column of a model that takes a list of texts."""
REFERENCE_ROWS = 10_000
"""Rows of the training data that a version keeps."""
SAMPLE_SEED = 0
DENSE_BYTES = 2_000_000_000
"""Largest dense copy that is made of a sparse matrix."""


def to_frame(X: Any, what: str = "X") -> pd.DataFrame:
    """Make a DataFrame of a DataFrame, a 2-d array, a sparse matrix, a list of rows, or a Series of text.

    Columns of arrays are named x0, x1, …, that of a Series by its name, or `text`. Raises NorenError with the fix for
    what has no columns or columns that JSON cannot name.

    >>> import numpy as np
    >>> to_frame(np.zeros((2, 3))).columns.tolist()
    ['x0', 'x1', 'x2']
    """
    import pandas as pd

    if not isinstance(X, pd.DataFrame) and hasattr(X, "to_pandas"):
        X = X.to_pandas()
    elif isinstance(X, list | np.ndarray) and len(X) and all(isinstance(value, str) for value in X):
        X = pd.Series(X, name=TEXT)
    if isinstance(X, pd.DataFrame):
        _require_column_names(X, what)
        return X
    if isinstance(X, pd.Series):
        return _text_to_frame(X, what)
    array = _to_array(X, what)
    return pd.DataFrame(array, columns=[f"x{number}" for number in range(array.shape[1])], copy=False)


def is_frame(X: Any) -> bool:
    """Whether X names its columns itself."""
    return hasattr(X, "columns")


def read_container(X: Any) -> Container:
    """Say what kind of thing X is, for the model to be given the same again."""
    if type(X).__module__.partition(".")[0] == "polars":
        return "polars" if is_frame(X) else "series"
    if is_frame(X):
        return "frame"
    if hasattr(X, "toarray"):
        return "sparse"
    return "series" if np.ndim(X) == 1 else "array"


def _text_to_frame(series: pd.Series[Any], what: str) -> pd.DataFrame:
    name = str(series.name) if series.name is not None else TEXT
    held = series[series.notna()]
    if not held.map(lambda value: isinstance(value, str)).all():
        raise NorenError(
            f"{what} is a Series, {name!r}, of what is no text. Pass a DataFrame with this column: X.to_frame()."
        )
    return series.reset_index(drop=True).to_frame(name)


def _to_array(X: Any, what: str) -> NDArray[Any]:
    if hasattr(X, "toarray"):
        size = int(np.prod(X.shape)) * X.dtype.itemsize
        if size > DENSE_BYTES:
            raise NorenError(
                f"{what} is a sparse matrix of {X.shape[0]} × {X.shape[1]}, {size / 1e9:.0f} GB when dense. "
                "Tag a Pipeline that takes the original columns, or pass fewer rows."
            )
        X = X.toarray()
    try:
        array = np.asarray(X)
    except ValueError:
        raise NorenError(
            f"{what} has rows of different lengths. Pass a table: as many values in each row."
        ) from None
    if array.ndim != 2:
        raise NorenError(
            f"{what} must be a table of rows and columns; got {type(X).__name__} of shape {array.shape}. "
            "Pass a DataFrame, or an array of shape (rows, columns)."
        )
    return array


def _require_column_names(frame: pd.DataFrame, what: str) -> None:
    odd = [name for name in frame.columns.tolist() if not isinstance(name, str)]
    if odd:
        raise NorenError(
            f"{what} has the column name {odd[0]!r}, which is no text; requests name columns by text. "
            "Rename (X.columns = X.columns.astype(str)) and fit again."
        )
    twice = frame.columns[frame.columns.duplicated()].tolist()
    if twice:
        raise NorenError(f"{what} has the column {twice[0]!r} more than once. Rename one and fit again.")


def sample_rows(rows: int, limit: int = REFERENCE_ROWS, *, seed: int = SAMPLE_SEED) -> NDArray[np.int64]:
    """Positions of at most `limit` of `rows` rows, in order; the same ones for the same seed.

    >>> sample_rows(3).tolist()
    [0, 1, 2]
    """
    if rows <= limit:
        return np.arange(rows, dtype=np.int64)
    chosen = np.random.default_rng(seed).choice(rows, size=limit, replace=False)
    return np.sort(chosen).astype(np.int64)


def restore_frame(frame: pd.DataFrame, signature: Signature) -> pd.DataFrame:
    """Give a frame the column order and dtypes that the model was fitted on (Parquet forgets a few).

    Raises NorenError where a column is missing or does not convert.
    """
    missing = [name for name in signature.names() if name not in frame.columns]
    if missing:
        raise NorenError(
            f"The data lacks the column {missing[0]!r}. The model takes: {', '.join(signature.names())}."
        )
    frame = frame[list(signature.names())]
    changed = {
        column.name: column for column in signature.columns if str(frame[column.name].dtype) != column.dtype
    }
    changed |= {column.name: column for column in signature.columns if column.categories}
    return frame.assign(**{name: _restore(frame[name], column) for name, column in changed.items()})


def _restore(series: pd.Series[Any], column: Column) -> pd.Series[Any]:
    import pandas as pd

    if column.dtype != "category":
        if column.kind == "integer" and series.isna().any() and not column.dtype[0].isupper():
            return series  # numpy's integers hold no missing value: they stay floats
        try:
            return cast("pd.Series[Any]", cast(Any, series).astype(column.dtype))
        except (TypeError, ValueError) as error:
            raise NorenError(f"Column {column.name!r} does not convert to {column.dtype}: {error}.") from None
    ordered = isinstance(series.dtype, pd.CategoricalDtype) and bool(series.dtype.ordered)
    dtype = pd.CategoricalDtype(category_values(column), ordered=ordered)
    if series.dtype == dtype:
        return series
    return series.astype(dtype)


def category_values(column: Column) -> list[Any]:
    """Return the declared categories as the values that they stand for, by the column's kind: text, numbers, booleans.

    >>> category_values(Column("season", "integer", "category", categories=("1", "2")))
    [1, 2]
    """
    if column.kind == "integer":
        return [int(text) for text in column.categories]
    if column.kind == "number":
        return [float(text) for text in column.categories]
    return (
        [text == "True" for text in column.categories]
        if column.kind == "boolean"
        else list(column.categories)
    )


def model_input(frame: pd.DataFrame, signature: Signature) -> Any:
    """Return what the model's `predict` takes: the frame, or whatever else it was fitted on."""
    return contain(frame[list(signature.names())], signature)


def profile_columns(frame: pd.DataFrame, signature: Signature) -> dict[str, NDArray[Any]]:
    """Return each column as what a Profile counts: numbers as floats, dates, text as objects with None for missing."""
    return {column.name: _profile_column(frame[column.name], column) for column in signature.columns}


def _profile_column(series: pd.Series[Any], column: Column) -> NDArray[Any]:
    if column.kind == "text":
        values = series.astype(object).to_numpy(dtype=object, copy=True)
        values[series.isna().to_numpy()] = None
        return values
    if column.kind == "datetime":
        if series.dt.tz is not None:
            series = series.dt.tz_convert("UTC").dt.tz_localize(None)
        return series.to_numpy(dtype="datetime64[us]")
    if str(series.dtype) == "category":
        series = series.astype(object)
    return series.to_numpy(dtype=float, na_value=np.nan)


def profile_outputs(predictions: NDArray[Any], signature: Signature) -> dict[str, NDArray[Any]]:
    """Return what a Profile counts of the answers: `prediction`, or `prediction_0`, … of several targets.

    Labels are counted as text, values as floats.
    """
    outputs = Answers(np.asarray(predictions)).outputs()
    if signature.task == "regression":
        return {name: np.asarray(values, dtype=float) for name, values in outputs.items()}
    return {
        name: np.array([str(label) for label in values.tolist()], dtype=object)
        for name, values in outputs.items()
    }
