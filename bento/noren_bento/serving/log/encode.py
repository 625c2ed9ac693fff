"""Encode: the arrays of a request's columns and answers as the values of a Parquet column."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from noren_bento.serving.log.parquet import Chunk, Field

REMEMBERED = 4096
"""Texts whose encoding is remembered: categories come again and again."""
SLICE = 2000
_length = struct.Struct("<I").pack


class Texts(dict[Any, bytes]):
    """The plain encoding of each text: its length, then its UTF-8. What is no text is written as Python prints it."""

    def __missing__(self, value: Any) -> bytes:
        text = str(value).encode(errors="replace")
        encoded = _length(len(text)) + text
        if len(self) < REMEMBERED:
            self[value] = encoded
        return encoded

    def join(self, values: Sequence[Any]) -> bytes:
        """Encode texts one behind the other. In slices: between two of them the event loop may have its turn."""
        slices = (values[start : start + SLICE] for start in range(0, len(values), SLICE))
        return b"".join([b"".join(map(self.__getitem__, one)) for one in slices])


def encode(field: Field, values: NDArray[Any], texts: Texts | None = None) -> Chunk:
    """Encode one array; missing are None, NaN and NaT, which an optional field leaves out."""
    rows = len(values)
    valid = _valid(values) if field.optional else None
    if valid is not None:
        values = values[valid]
    encoded: bytes | memoryview
    match field.kind:
        case "text":
            encoded = (Texts() if texts is None else texts).join(values.tolist())
        case "number":
            encoded = _bytes_of(np.ascontiguousarray(values, dtype="<f8"))
        case "small":
            encoded = _bytes_of(values.astype("<i4"))
        case "boolean":
            encoded = _bytes_of(values.astype(np.bool_))
        case "integer":
            encoded = _bytes_of(values.astype("<i8"))
        case "moment" | "local":
            encoded = _bytes_of(values.astype("datetime64[us]").astype("<i8"))
    return Chunk(rows, encoded, valid)


def _bytes_of(values: NDArray[Any]) -> memoryview:
    """The array's own memory: a copy of a million values takes as long as to encode them."""
    return values.view(np.uint8).data


def _valid(values: NDArray[Any]) -> NDArray[np.bool_] | None:
    """Which values are there; None: all."""
    if values.dtype.kind == "f":
        valid = ~np.isnan(values)
    elif values.dtype.kind == "M":
        valid = ~np.isnat(values)
    elif values.dtype.kind == "O":
        valid = np.array([value is not None for value in values.tolist()], dtype=np.bool_)
    else:
        return None
    return None if valid.all() else valid
