"""Fields: an Arrow schema's columns as far as a model can take them: flat numbers, booleans, text, times.

The numbers of types and slots are those of https://github.com/apache/arrow/blob/main/format/Schema.fbs.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from noren_bento.serving.arrow.flat import I16, I32, I64, U8, Table

Kind = Literal["number", "boolean", "text", "time", "null", "other"]
NAMES = (
    *("none", "null", "int", "float", "binary", "utf8", "bool", "decimal", "date", "time", "timestamp", "interval"),
    *("list", "struct", "union", "fixed size binary", "fixed size list", "map", "duration", "large binary"),
    *("large utf8", "large list", "run end encoded", "binary view", "utf8 view", "list view", "large list view"),
)  # fmt: skip
FLOATS = ("float16", "float32", "float64")
TIME_UNITS = ("s", "ms", "us", "ns")


@dataclass(frozen=True, slots=True)
class Field:
    """One column of a stream."""

    name: str
    kind: Kind
    type: str
    """What it is called in a message, such as `int64` or `large utf8`."""
    dtype: np.dtype[Any] | None = None
    """Of its numbers, its times or its text's offsets; None where it has none. Days are counted in 32 bits."""
    dictionary: int | None = None
    """Number of the dictionary that its values stand in."""
    index: np.dtype[Any] | None = None
    """Of its places in that dictionary."""


def read_field(table: Table) -> Field:
    """Read one field of a schema."""
    name, number = table.text(0), table.number(2, U8)
    kind, called, dtype = _read_type(number, table.table(3))
    encoding = table.table(4)
    if encoding is None:
        return Field(name, kind, called, dtype)
    index = encoding.table(1)
    places = np.dtype(np.int32) if index is None else _integer(index)
    return Field(name, kind, f"dictionary of {called}", dtype, encoding.number(0, I64), places)


def _read_type(number: int, detail: Table | None) -> tuple[Kind, str, np.dtype[Any] | None]:
    called = NAMES[number] if number < len(NAMES) else f"type {number}"
    match called:
        case "null":
            return "null", called, None
        case "bool":
            return "boolean", called, None
        case "utf8":
            return "text", called, np.dtype("<i4")
        case "large utf8":
            return "text", called, np.dtype("<i8")
        case "utf8 view":
            return "text", called, None
    if detail is None:
        return "other", called, None
    match called:
        case "int":
            dtype = _integer(detail)
            return "number", dtype.name, dtype
        case "float":
            dtype = np.dtype(FLOATS[detail.number(0, I16)]).newbyteorder("<")
            return "number", dtype.name, dtype
        case "date":
            return "time", called, np.dtype("<M8[ms]" if detail.number(0, I16, 1) else "<i4")
        case "timestamp":
            return "time", called, np.dtype(f"<M8[{TIME_UNITS[detail.number(0, I16)]}]")
    return "other", called, None


def _integer(detail: Table) -> np.dtype[Any]:
    bits = detail.number(0, I32)
    if bits not in (8, 16, 32, 64):
        raise ValueError(f"there are no integers of {bits} bits")
    return np.dtype(f"<{'i' if detail.number(1, U8) else 'u'}{bits // 8}")
