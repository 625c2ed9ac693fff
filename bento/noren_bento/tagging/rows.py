"""Rows of a frame as the JSON objects that `/predict` takes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from noren_bento.release.version import Column, Signature

if TYPE_CHECKING:
    import pandas as pd

JsonValue = str | int | float | bool | None


def to_rows(frame: pd.DataFrame, signature: Signature) -> list[dict[str, JsonValue]]:
    """Return each row as {column: value}; missing values are None, dates ISO 8601, numbers Python's own.

    >>> import pandas as pd
    >>> frame = pd.DataFrame({"age": [20.0, None]})
    >>> to_rows(frame, Signature((Column("age", "number", "float64"),), "regression"))
    [{'age': 20.0}, {'age': None}]
    """
    values = [_values(frame[column.name], column) for column in signature.columns]
    names = signature.names()
    return [dict(zip(names, row, strict=True)) for row in zip(*values, strict=True)]


def _values(series: pd.Series[Any], column: Column) -> list[JsonValue]:
    convert = {
        "number": float,
        "integer": int,
        "boolean": bool,
        "text": str,
        "datetime": lambda moment: str(moment.isoformat()),
    }[column.kind]
    missing = series.isna().tolist()
    return [
        None if gone else convert(value)
        for value, gone in zip(series.astype(object).tolist(), missing, strict=True)
    ]
