"""Rows of a frame as the JSON objects that `/predict` takes."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from noren_bento.release.version import Column, Kind, Signature

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


CONVERT: dict[Kind, Callable[[Any], JsonValue]] = {
    "number": float,
    "integer": int,
    "boolean": bool,
    "text": str,
    "datetime": lambda moment: str(moment.isoformat()),
}


def _values(series: pd.Series[Any], column: Column) -> list[JsonValue]:
    convert = CONVERT[column.kind]
    return [
        None if missing else convert(value)
        for value, missing in zip(series.astype(object).tolist(), series.isna().tolist(), strict=True)
    ]
