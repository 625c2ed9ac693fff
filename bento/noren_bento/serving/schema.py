"""Schema: a request body becomes columns, or a Refusal that says what to correct."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import chain
from typing import Annotated, Any, Literal

import msgspec
import numpy as np
from numpy.typing import NDArray

from noren_bento.release.version import Column, Signature
from noren_bento.serving.columns import Columns, MatrixColumns, category_values
from noren_bento.serving.refusal import (
    LARGEST,
    WANTED,
    Refusal,
    explain_rows,
    integer_limits,
    named_type,
    quote,
    read_datetime,
)
from noren_bento.serving.strict_json import read_json, require_unrepeated

MAX_ROWS = 10_000
LONG = 8_192


class Schema:
    """Decodes `{"rows": [{column: value, …}, …]}` for one signature. Strict: nothing is coerced or ignored.

    >>> schema = Schema(Signature((Column("age", "number", "float64"),), "regression"))
    >>> schema.decode(b'{"rows": [{"age": 41}]}')["age"].tolist()
    [41.0]
    >>> schema.decode(b'{"rows": [{"age": "41"}]}')
    Traceback (most recent call last):
    noren_bento.serving.refusal.Refusal: Column "age" must be a number, not a string.
    """

    def __init__(
        self,
        signature: Signature,
        *,
        closed: Mapping[str, tuple[str, ...]] | None = None,
        max_rows: int = MAX_ROWS,
    ) -> None:
        self.columns = signature.columns
        self.classes = signature.classes
        self.accepted: dict[str, tuple[Any, ...]] = {
            column.name: tuple(category_values(column)) for column in self.columns if column.categories
        }
        self.accepted |= closed or {}
        self.max_rows = max_rows
        self.names = signature.names()
        self.types = tuple(self._type(column) for column in self.columns)
        self.row: type[Any] = self._make_row()
        body = msgspec.defstruct("Body", [("rows", list[self.row])], forbid_unknown_fields=True)  # type: ignore[name-defined]
        self._decoder: msgspec.json.Decoder[Any] = msgspec.json.Decoder(body)
        self.as_matrix = all(column.kind == "number" for column in self.columns)
        self._whole = not any(column.missing for column in self.columns)
        self._careful = any(column.categories and column.kind != "text" for column in self.columns)
        self._texts = [
            place for place, column in enumerate(self.columns) if column.kind in ("text", "datetime")
        ]
        self.row_colons = len(self.names) + sum(name.count(":") for name in self.names)
        """Colons in the JSON of one row, those in its texts left out."""

    def _make_row(self) -> type[Any]:
        fields = [(f"c{place}", kind) for place, kind in enumerate(self.types)]
        rename = {f"c{place}": name for place, name in enumerate(self.names)}
        return msgspec.defstruct("Row", fields, rename=rename, forbid_unknown_fields=True, gc=False)

    def _type(self, column: Column) -> Any:
        low, high = integer_limits(column)
        integer = Annotated[int, msgspec.Meta(ge=low, le=high)]
        number = Annotated[float, msgspec.Meta(ge=-LARGEST, le=LARGEST)]
        kinds: dict[str, Any] = {
            "number": number,
            "integer": integer,
            "boolean": bool,
            "text": str,
            "datetime": str,
        }
        kind = kinds[column.kind]
        if column.kind == "text" and column.name in self.accepted:
            kind = Literal[self.accepted[column.name]]
        return kind | None if column.missing else kind

    def decode(self, body: bytes) -> Columns:
        """Decode a body; raises Refusal."""
        try:
            rows = self._decoder.decode(body).rows
        except (msgspec.MsgspecError, RecursionError, UnicodeError):
            return self.gather_rows(_rows_of(read_json(body)))
        values = [msgspec.structs.astuple(row) for row in rows]
        columns = self.gather_values(values, body, colons=1 + len(rows) * self.row_colons)
        return self.gather_rows(_rows_of(read_json(body))) if columns is None else columns

    def gather_values(self, values: Sequence[tuple[Any, ...]], body: bytes, *, colons: int) -> Columns | None:
        """Columns of rows that were decoded by `types`; None where only a second, slower look can tell.

        `colons` is how many the body has when no key is given twice. A decoder keeps the last of two and says nothing.
        """
        self.require_count(len(values))
        # Looked for by one byte first: two are looked for forty times slower where one of them is in every key.
        if self._careful or (b"\\" in body and _ODD.search(body)):
            return None
        found = count_byte(body, b":")
        if found != colons and not self._explains(found - colons, values):
            return None
        if self.as_matrix:
            return MatrixColumns(self.names, self._gather_matrix(values))
        return self._gather(zip(*values, strict=True))

    def _gather_matrix(self, values: Sequence[tuple[Any, ...]]) -> NDArray[np.float64]:
        if self._whole:
            flat = np.fromiter(chain.from_iterable(values), np.float64, len(values) * len(self.names))
            return flat.reshape(-1, len(self.names))
        return np.array(values, dtype=np.float64)  # None becomes NaN

    def _explains(self, colons: int, values: Sequence[tuple[Any, ...]]) -> bool:
        """Whether so many colons stand in the texts."""
        texts = (row[place] for row in values for place in self._texts)
        return bool(colons == sum(text.count(":") for text in texts if text is not None))

    def gather_rows(self, rows: Sequence[Any]) -> Columns:
        """Columns of rows as JSON has them; takes 2.0 as a whole number, raises Refusal for what does not fit."""
        self.require_count(len(rows))
        if refusal := explain_rows(rows, self.columns, self.accepted):
            raise refusal
        return self._gather([row[name] for row in rows] for name in self.names)

    def require_count(self, rows: int) -> None:
        """Raise Refusal for no rows, and for too many."""
        if rows == 0:
            raise Refusal("The body has no rows; send at least one.")
        if rows > self.max_rows:
            raise Refusal(
                f"The body has {rows} rows; at most {self.max_rows} are taken in one request.", status=413
            )

    def _gather(self, values: Iterable[Sequence[Any]]) -> dict[str, NDArray[Any]]:
        return {
            column.name: ARRAYS[column.kind](column.name, given)
            for column, given in zip(self.columns, values, strict=True)
        }


_ODD = re.compile(rb"\\u(?:0000|[dD][89a-fA-F]|003[aA])")
"""Escapes of NUL, of half a surrogate pair and of a colon."""


def count_byte(body: bytes, byte: bytes) -> int:
    """How often a byte is in a body. NumPy needs microseconds more for a short one, and a tenth for a long one.

    >>> count_byte(b'{"a": {"b": 1}}', b":")
    2
    """
    if len(body) < LONG:
        return body.count(byte)
    return int(np.count_nonzero(np.frombuffer(body, np.uint8) == byte[0]))


def _rows_of(document: Any) -> list[Any]:
    if not isinstance(document, dict) or "rows" not in document:
        raise Refusal('The body must be {"rows": [{column: value, …}, …]}; it has no "rows".')
    if unknown := [name for name in document if name != "rows"]:
        raise Refusal(f'The body holds {quote(unknown[0])} beside "rows"; only "rows" is taken.')
    require_unrepeated(document)
    rows = document["rows"]
    if not isinstance(rows, list):
        raise Refusal(f'"rows" must be a list of objects, not {named_type(rows)}.')
    return rows


def _numbers(_: str, given: Sequence[Any]) -> NDArray[Any]:
    return np.array(given, dtype=np.float64)  # None becomes NaN


def _integers(_: str, given: Sequence[Any]) -> NDArray[Any]:
    if None in given:
        return np.array(given, dtype=np.float64)
    return np.array(given, dtype=np.int64)


def _booleans(_: str, given: Sequence[Any]) -> NDArray[Any]:
    return np.array(given, dtype=np.float64 if None in given else np.bool_)


def _texts(_: str, given: Sequence[Any]) -> NDArray[Any]:
    return np.array(given, dtype=object)


def _datetimes(name: str, given: Sequence[Any]) -> NDArray[Any]:
    moments = [None if text is None else read_datetime(text) for text in given]
    for row, (text, moment) in enumerate(zip(given, moments, strict=True)):
        if text is not None and moment is None:
            raise Refusal(f'Column "{name}" must be {WANTED["datetime"]}.', column=name, row=row)
    return np.array(moments, dtype="datetime64[us]")


ARRAYS: dict[str, Callable[[str, Sequence[Any]], NDArray[Any]]] = {
    "number": _numbers,
    "integer": _integers,
    "boolean": _booleans,
    "text": _texts,
    "datetime": _datetimes,
}
