"""Schema: a request body becomes columns, or a Refusal that says what to correct."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Annotated, Any, Literal

import msgspec
import numpy as np
from numpy.typing import NDArray

from noren_bento.release.version import Column, Signature
from noren_bento.serving.columns import Columns, MatrixColumns, category_values
from noren_bento.serving.refusal import LARGEST, WANTED, Refusal, explain, integer_limits, read_datetime

MAX_ROWS = 10_000


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
        self.accepted: dict[str, tuple[Any, ...]] = {
            column.name: tuple(category_values(column)) for column in self.columns if column.categories
        }
        self.accepted |= closed or {}
        self._max_rows = max_rows
        self._names = signature.names()
        self._decoder = self._make_decoder()
        self._as_matrix = all(column.kind == "number" for column in self.columns)
        self._careful = any(column.categories and column.kind != "text" for column in self.columns)

    def _make_decoder(self) -> msgspec.json.Decoder[Any]:
        fields = [(f"c{place}", self._type(column)) for place, column in enumerate(self.columns)]
        rename = {f"c{place}": name for place, name in enumerate(self._names)}
        row = msgspec.defstruct("Row", fields, rename=rename, forbid_unknown_fields=True, gc=False)
        body = msgspec.defstruct("Body", [("rows", list[row])], forbid_unknown_fields=True)  # type: ignore[valid-type]
        return msgspec.json.Decoder(body)

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
            return self._decode_leniently(body)
        if not 0 < len(rows) <= self._max_rows:
            raise _refuse_count(len(rows), self._max_rows)
        if self._careful or b"\\u0000" in body or b"\\ud" in body or b"\\uD" in body:
            return self._decode_leniently(body)
        values = [msgspec.structs.astuple(row) for row in rows]
        if self._as_matrix:
            return MatrixColumns(self._names, np.array(values, dtype=np.float64))
        return self._gather(zip(*values, strict=True))

    def _decode_leniently(self, body: bytes) -> Columns:
        """Take what the fast decoder is too narrow for, such as 2.0 as a whole number; refuse the rest."""
        if refusal := explain(body, self.columns, self.accepted):
            raise refusal
        rows = json.loads(body)["rows"]
        if not 0 < len(rows) <= self._max_rows:
            raise _refuse_count(len(rows), self._max_rows)
        return self._gather([row[name] for row in rows] for name in self._names)

    def _gather(self, values: Iterable[Sequence[Any]]) -> dict[str, NDArray[Any]]:
        return {
            column.name: ARRAYS[column.kind](column.name, given)
            for column, given in zip(self.columns, values, strict=True)
        }


def _numbers(_: str, given: Sequence[Any]) -> NDArray[Any]:
    return np.array(given, dtype=np.float64)  # None becomes NaN


def _integers(_: str, given: Sequence[Any]) -> NDArray[Any]:
    if None in given:
        return np.array(given, dtype=np.float64)
    return np.array([int(value) for value in given], dtype=np.int64)


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


def _refuse_count(rows: int, limit: int) -> Refusal:
    if rows == 0:
        return Refusal('"rows" is empty; send at least one row.')
    return Refusal(f"The body has {rows} rows; at most {limit} are taken in one request.", status=413)
