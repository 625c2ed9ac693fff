"""Stream: the messages of an Arrow IPC stream, as values and their validity, or a Refusal.

The format is that of https://arrow.apache.org/docs/format/Columnar.html#ipc-streaming-format. Nothing is allocated
that the body does not hold: lengths are compared with its size, texts that overlap are counted.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Sequence
from functools import lru_cache
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from noren_bento.serving.arrow.fields import Field, read_field
from noren_bento.serving.arrow.flat import I16, I32, I64, U8, Table
from noren_bento.serving.refusal import Refusal

CONTINUES = 0xFFFFFFFF
SCHEMA, DICTIONARY, BATCH = 1, 2, 3
DAYS = np.dtype("<i4")
LARGEST_TEXT = 64_000_000
"""Bytes of all texts of one column: views may share what they show, so the body's size does not limit them."""
REMEMBERED_BYTES = 200_000
"""Metadata that is longer is read anew each time, so that nobody fills the memory with it."""
BROKEN = (struct.error, IndexError, ValueError, OverflowError, TypeError, KeyError)

Values = tuple[NDArray[Any], NDArray[np.bool_] | None]
"""One column of a batch, and which of its values are there; None where all are."""


class Stream:
    """One body: its fields, and its batches in their order."""

    def __init__(self, body: bytes) -> None:
        self._body = memoryview(body)
        self._place = 0
        self._dictionaries: dict[int, NDArray[Any]] = {}
        if body[:6] == b"ARROW1":
            raise Refusal("The body is an Arrow file; send the stream format.", status=400)
        try:
            message, _, _ = next(self._messages())
            read = _remember_fields if len(message.buffer) <= REMEMBERED_BYTES else _read_fields
            self.fields = read(bytes(message.buffer))
        except StopIteration:
            raise Refusal("The body is no Arrow IPC stream: it is empty.", status=400) from None
        except BROKEN as error:
            raise _broken(error) from None

    def batches(self, max_rows: int) -> Iterator[tuple[int, list[Values]]]:
        """The rows and columns of each batch; raises Refusal, also when there are more rows than this."""
        total = 0
        try:
            for message, table, data in self._messages():
                kind = message.number(1, U8)
                if kind == DICTIONARY:
                    self._learn(table, data)
                elif kind == BATCH:
                    total += table.number(0, I64)
                    if total > max_rows:
                        raise Refusal(
                            f"The body has {total} rows; at most {max_rows} are taken in one request.",
                            status=413,
                        )
                    yield _Batch(table, data).read(self.fields, self._dictionaries)
                else:
                    raise ValueError(f"message {kind} is no batch")
        except BROKEN as error:
            raise _broken(error) from None

    def _messages(self) -> Iterator[tuple[Table, Table, memoryview]]:
        """Each message, its header and its data."""
        while self._place + 8 <= len(self._body):
            mark, length = struct.unpack_from("<Ii", self._body, self._place)
            if mark != CONTINUES or length < 0:
                raise ValueError(f"byte {self._place} does not begin a message")
            start = self._place + 8
            if length == 0:
                return
            message = Table.root(self._body[start : start + length])
            header, size = message.table(2), message.number(3, I64)
            start += length
            if header is None or not 0 <= size <= len(self._body) - start:
                raise ValueError("a message is cut off")
            self._place = start + size
            yield message, header, self._body[start : self._place]

    def _learn(self, table: Table, data: memoryview) -> None:
        number, batch = table.number(0, I64), table.table(1)
        field = next((field for field in self.fields if field.dictionary == number), None)
        if batch is None or field is None:
            raise ValueError(f"dictionary {number} belongs to no column")
        if batch.number(0, I64) > len(data):
            raise ValueError(f"dictionary {number} has more values than bytes")
        plain = Field(field.name, field.kind, field.type, field.dtype)
        _, [(values, valid)] = _Batch(batch, data).read([plain], {})
        if valid is not None:
            raise ValueError(f"dictionary {number} holds nulls")
        if table.number(2, U8) and number in self._dictionaries:
            values = np.concatenate([self._dictionaries[number], values])
        self._dictionaries[number] = values


def _read_fields(metadata: bytes) -> tuple[Field, ...]:
    message = Table.root(memoryview(metadata))
    schema = message.table(2)
    if message.number(1, U8) != SCHEMA or schema is None:
        raise ValueError("its first message is no schema")
    if schema.number(0, I16):
        raise ValueError("its numbers are big-endian")
    fields = tuple(read_field(table) for table in schema.tables(1))
    # Tables may share a name's bytes, so that a few of these would make many names.
    if sum(len(field.name) for field in fields) > len(metadata):
        raise ValueError("its columns share their names")
    return fields


_remember_fields = lru_cache(16)(_read_fields)
"""A client's bodies have one schema, whose hundred columns take longer to read than a thousand rows of them."""


class _Batch:
    """One record batch: the places of its buffers, taken in the order of the fields."""

    def __init__(self, table: Table, data: memoryview) -> None:
        if table.find(3):
            raise Refusal("The body's buffers are compressed; send them uncompressed.", status=415)
        self._data = data
        self._rows = table.number(0, I64)
        if self._rows < 0:
            raise ValueError("a batch has less than no rows")
        start, length = table.vector(1)
        self._nodes = iter(np.frombuffer(table.buffer, "<i8", 2 * length, start).reshape(-1, 2).tolist())
        start, length = table.vector(2)
        self._buffers = iter(np.frombuffer(table.buffer, "<i8", 2 * length, start).reshape(-1, 2).tolist())
        start, length = table.vector(4)
        self._views = iter(np.frombuffer(table.buffer, "<i8", length, start).tolist() if length else [])

    def read(
        self, fields: Sequence[Field], dictionaries: dict[int, NDArray[Any]]
    ) -> tuple[int, list[Values]]:
        try:
            return self._rows, [self._column(field, dictionaries) for field in fields]
        except StopIteration:
            raise ValueError("a batch has too few buffers") from None

    def _column(self, field: Field, dictionaries: dict[int, NDArray[Any]]) -> Values:
        rows, nulls = next(self._nodes)
        if rows != self._rows:
            raise ValueError(f"column {field.name[:80]!r} has another length than its batch")
        if field.kind == "null" and field.dictionary is None:
            return np.full(rows, None, dtype=object), np.zeros(rows, dtype=np.bool_)
        bits = self._take()
        valid = _bits(bits, rows) if nulls and len(bits) else None
        if field.dictionary is not None:
            return self._look_up(field, rows, valid, dictionaries)
        if field.kind == "boolean":
            return _bits(self._take(), rows), valid
        if field.kind != "text":
            numbers = self._numbers(field.dtype, rows)
            return (
                numbers.astype("M8[D]") if field.type == "date" and field.dtype == DAYS else numbers
            ), valid
        return (self._texts(field, rows, valid) if field.dtype else self._viewed(rows, valid)), valid

    def _take(self) -> memoryview:
        offset, length = next(self._buffers)
        if offset < 0 or length < 0 or offset + length > len(self._data):
            raise ValueError("a buffer lies outside of its message")
        return self._data[offset : offset + length]

    def _numbers(self, dtype: Any, rows: int) -> NDArray[Any]:
        buffer = self._take()
        # Without rows there need not even be a buffer.
        return np.frombuffer(buffer, dtype, rows) if rows else np.empty(0, dtype)

    def _look_up(
        self,
        field: Field,
        rows: int,
        valid: NDArray[np.bool_] | None,
        dictionaries: dict[int, NDArray[Any]],
    ) -> Values:
        places = self._numbers(field.index, rows)
        values = dictionaries.get(field.dictionary or 0, np.empty(0, dtype=object))
        if valid is not None:
            places = np.where(valid, places, 0)
        if rows and not (len(values) or (valid is not None and not valid.any())):
            raise ValueError(f"the dictionary of column {field.name[:80]!r} is not there")
        if not len(values):
            return np.full(rows, None, dtype=object), valid
        if rows and (places.min() < 0 or places.max() >= len(values)):
            raise ValueError(f"column {field.name[:80]!r} points outside of its dictionary")
        return values[places], valid

    def _texts(self, field: Field, rows: int, valid: NDArray[np.bool_] | None) -> NDArray[Any]:
        offsets, data = self._take(), bytes(self._take())
        ends = np.frombuffer(offsets, field.dtype, rows + 1) if rows else np.zeros(1, dtype=np.int64)
        if ends[0] < 0 or ends[-1] > len(data) or (np.diff(ends) < 0).any():
            raise ValueError(f"the texts of column {field.name[:80]!r} lie outside of their buffer")
        places = ends.tolist()
        if data.isascii():
            text = data.decode("ascii")
            return objects([text[a:b] for a, b in pairwise(places)], valid)
        there = [True] * rows if valid is None else valid.tolist()
        spans = zip(there, pairwise(places), strict=True)
        return objects([data[a:b].decode() if given else None for given, (a, b) in spans], valid)

    def _viewed(self, rows: int, valid: NDArray[np.bool_] | None) -> NDArray[Any]:
        views = self._take()
        data = [self._take() for _ in range(next(self._views))]
        if 16 * rows > len(views):
            raise ValueError("there are fewer views than rows")
        there = np.ones(rows, dtype=np.bool_) if valid is None else valid
        lengths = np.frombuffer(views, "<i4", 4 * rows).reshape(-1, 4)[:, 0] if rows else np.empty(0)
        if (lengths[there] < 0).any() or lengths[there].sum(dtype=np.int64) > LARGEST_TEXT:
            raise ValueError("the texts of a column are longer than any that are taken")
        return objects(
            [_view(views, 16 * row, data) if given else None for row, given in enumerate(there.tolist())],
            valid,
        )


def _view(views: memoryview, place: int, data: list[memoryview]) -> str:
    length = I32.unpack_from(views, place)[0]
    if length <= 12:
        return str(views[place + 4 : place + 4 + length], "utf-8")
    number, offset = struct.unpack_from("<ii", views, place + 8)
    if number < 0 or offset < 0 or offset + length > len(data[number]):
        raise ValueError("a text lies outside of its buffer")
    return str(data[number][offset : offset + length], "utf-8")


def objects(values: list[Any], valid: NDArray[np.bool_] | None) -> NDArray[Any]:
    """An array of objects, with None for what is not valid."""
    found = np.array([*values, None], dtype=object)[:-1]  # the None keeps NumPy from looking into the values
    if valid is not None:
        found[~valid] = None
    return found


def _bits(buffer: memoryview, rows: int) -> NDArray[np.bool_]:
    if 8 * len(buffer) < rows:
        raise ValueError("a bitmap is too short")
    return np.unpackbits(np.frombuffer(buffer, np.uint8), count=rows, bitorder="little").view(np.bool_)


def _broken(error: Exception) -> Refusal:
    what = str(error) if type(error) is ValueError else "its metadata is damaged"
    return Refusal(f"The body is no Arrow IPC stream that is taken: {what}.", status=400)
