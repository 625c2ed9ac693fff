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
    match field.kind:
        case "text":
            encoded = (Texts() if texts is None else texts).join(values.tolist())
        case "number":
            encoded = np.ascontiguousarray(values, dtype="<f8").tobytes()
        case "small":
            encoded = values.astype("<i4").tobytes()
        case "boolean":
            encoded = values.astype(np.bool_).tobytes()
        case "integer":
            encoded = values.astype("<i8").tobytes()
        case "moment" | "local":
            encoded = values.astype("datetime64[us]").astype("<i8").tobytes()
    return Chunk(rows, encoded, valid)


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
