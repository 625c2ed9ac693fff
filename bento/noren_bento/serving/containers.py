"""Containers: what a model is given a DataFrame of pandas or polars, an array, a sparse matrix, a Series."""

# ruff: noqa: PLC0415 -- heavy libraries are imported where they are used

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from noren_bento.release.version import Column, Signature

if TYPE_CHECKING:
    import pandas as pd


def contain(frame: pd.DataFrame, signature: Signature) -> Any:
    """Put a frame of the signature's columns into the container that the model was fitted on.

    >>> import pandas as pd
    >>> signature = Signature((Column("x0", "number", "float64"),), "regression", container="array")
    >>> contain(pd.DataFrame({"x0": [1.0, 2.0]}), signature).tolist()
    [[1.0], [2.0]]
    """
    match signature.container:
        case "frame":
            return frame
        case "series":
            return frame.iloc[:, 0]
        case "polars":
            return _to_polars(frame, signature)
        case "array":
            # Row by row, as requests come: on columns that lie behind each other the last bit of a sum may differ.
            return np.ascontiguousarray(frame.to_numpy(dtype=signature.columns[0].dtype))
        case "sparse":
            from scipy.sparse import csr_matrix

            return csr_matrix(frame.to_numpy(dtype=signature.columns[0].dtype))


def _to_polars(frame: pd.DataFrame, signature: Signature) -> Any:
    """By plain Python values: polars would read pandas' own strings through pyarrow, which no bento carries."""
    import polars

    series = []
    for column in signature.columns:
        values = frame[column.name].astype(object)
        plain = values.where(values.notna(), None).tolist()
        series.append(polars.Series(column.name, plain, dtype=_polars_type(column), strict=False))
    return polars.DataFrame(series)


def _polars_type(column: Column) -> Any:
    import polars

    if column.dtype == "category" and column.kind == "text":
        return polars.Enum(list(column.categories))
    if column.kind == "datetime":
        zone = column.dtype.partition(", ")[2].removesuffix("]")
        return polars.Datetime("us", zone or None)
    names = {"float32": "Float32", "int8": "Int8", "int16": "Int16", "int32": "Int32", "uint8": "UInt8"}
    names |= {"uint16": "UInt16", "uint32": "UInt32", "uint64": "UInt64"}
    plain = {"number": "Float64", "integer": "Int64", "boolean": "Boolean", "text": "String"}
    return getattr(polars, names.get(column.dtype, plain.get(column.kind, "String")))
