"""Rows: columns as the rows of a request, and back through the same schema that requests go through."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from noren_bento.release.version import Column, Signature
from noren_bento.serving.columns import Columns, is_missing


def rows_of_columns(columns: Columns, signature: Signature) -> list[dict[str, Any]]:
    """Return what JSON holds for these columns.

    >>> signature = Signature((Column("age", "number", "float64"),), "regression")
    >>> rows_of_columns({"age": np.array([41.0, np.nan])}, signature)
    [{'age': 41.0}, {'age': None}]
    """
    lists = [_plain(columns[column.name], column) for column in signature.columns]
    return [dict(zip(signature.names(), row, strict=True)) for row in zip(*lists, strict=True)]


def _plain(values: NDArray[Any], column: Column) -> list[Any]:
    if column.kind == "text":
        return list(values)
    if column.kind == "datetime":
        return [None if np.isnat(value) else str(value) for value in values]
    convert: dict[str, Any] = {"integer": int, "boolean": bool}
    as_kind = convert.get(column.kind, float)
    return [None if is_missing(value) else as_kind(value) for value in values.tolist()]
