"""Parquet: flat tables as files that every reader takes, written with NumPy and nothing else.

pyarrow would do it in the same time, for 86 MB of memory more in each worker; what the log needs of the format is
little: one row group, one plain page a column, optional columns with their levels. Encoded values of two tables are
joined by concatenation, so that files grow, and small ones are merged, without decoding a value.
https://parquet.apache.org/docs/file-format/
"""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from noren_bento.serving.log.thrift import (
    I64,
    Written,
    begin_struct,
    read_struct,
    read_varint,
    varint,
    write_struct,
)

MAGIC = b"PAR1"
CREATED_BY = b"noren"
PLAIN, RLE = 0, 3
UNCOMPRESSED, GZIP = 0, 2
GZIP_WINDOW = 31
"""zlib's word for a gzip stream, which is what the codec is."""

Kind = Literal["number", "integer", "small", "boolean", "text", "moment", "local"]
TYPES: dict[Kind, int] = {
    "number": 5,
    "integer": 2,
    "small": 1,
    "boolean": 0,
    "text": 6,
    "moment": 2,
    "local": 2,
}
"""The physical type of each kind: DOUBLE, INT64, INT32, BOOLEAN, BYTE_ARRAY, and INT64 again for microseconds."""


@dataclass(frozen=True, slots=True)
class Field:
    """One column of a table."""

    name: str
    kind: Kind
    """`moment` is a time in UTC, `local` one without a zone."""
    optional: bool = False

    def element(self) -> dict[int, Any]:
        """The SchemaElement."""
        element: dict[int, Any] = {1: TYPES[self.kind], 3: int(self.optional), 4: _name(self.name)}
        if self.kind == "text":
            element |= {6: 0, 10: {1: {}}}
        elif self.kind == "moment":
            element |= {6: 10, 10: {8: {1: True, 2: {2: {}}}}}
        elif self.kind == "local":
            element |= {10: {8: {1: False, 2: {2: {}}}}}
        return element


@dataclass(frozen=True, slots=True, eq=False)
class Chunk:
    """Encoded values of one column."""

    rows: int
    values: bytes | memoryview
    """Plain encoding of those that are there; of booleans one byte each, which are packed when they are written."""
    valid: NDArray[np.bool_] | None = None
    """Which rows have a value; None: all."""


def join_chunks(chunks: Sequence[Chunk]) -> Chunk:
    """Join chunks of one column, first to last."""
    if len(chunks) == 1:
        return chunks[0]
    valid = None
    if any(chunk.valid is not None for chunk in chunks):
        valid = np.concatenate(
            [np.ones(chunk.rows, np.bool_) if chunk.valid is None else chunk.valid for chunk in chunks]
        )
    return Chunk(sum(chunk.rows for chunk in chunks), b"".join([chunk.values for chunk in chunks]), valid)


def write_table(fields: Sequence[Field], chunks: Sequence[Chunk], *, compressed: bool = False) -> bytes:
    """Return a whole Parquet file of one row group."""
    rows = chunks[0].rows
    page_rows = Written(write_struct({1: rows, 2: PLAIN, 3: RLE, 4: RLE}))
    codec = GZIP if compressed else UNCOMPRESSED
    parts: list[bytes | memoryview] = [MAGIC]
    offset, columns, total = len(MAGIC), [], 0
    for field, chunk in zip(fields, chunks, strict=True):
        page: tuple[bytes | memoryview, ...] = (_levels(field, chunk), _packed(field, chunk))
        size = sum(map(len, page))
        if compressed:
            page = (zlib.compress(b"".join(page), 1, GZIP_WINDOW),)
        stored = sum(map(len, page))
        header = write_struct({1: 0, 2: size, 3: stored, 5: page_rows})  # a data page
        sizes = {5: I64(rows), 6: I64(len(header) + size), 7: I64(len(header) + stored), 9: I64(offset)}
        meta = write_struct(sizes, begun=_begin_meta(field, codec), last=4)
        columns.append({2: I64(offset), 3: Written(meta)})
        parts += (header, *page)
        offset += len(header) + stored
        total += len(header) + size
    footer = write_struct(
        {
            1: 1,
            2: _schema(tuple(fields)),
            3: I64(rows),
            4: [{1: columns, 2: I64(total), 3: I64(rows)}],
            6: CREATED_BY,
        }
    )
    return b"".join([*parts, footer, len(footer).to_bytes(4, "little"), MAGIC])


@lru_cache(4096)
def _begin_meta(field: Field, codec: int) -> bytes:
    """What is the same in every file of a column's metadata."""
    return begin_struct({1: TYPES[field.kind], 2: [PLAIN, RLE], 3: [_name(field.name)], 4: codec})


@lru_cache(64)
def _schema(fields: tuple[Field, ...]) -> list[Any]:
    """The root and the columns; remembered, since every file of a version has them again."""
    root: dict[int, Any] = {4: b"schema", 5: len(fields)}
    return [Written(write_struct(element)) for element in (root, *(field.element() for field in fields))]


def _levels(field: Field, chunk: Chunk) -> bytes:
    """Definition levels: one run where all rows have a value, else a bit a row."""
    if not field.optional:
        return b""
    if chunk.valid is None:
        run = varint(chunk.rows << 1) + b"\x01"
    else:
        bits = np.packbits(chunk.valid, bitorder="little").tobytes()
        run = varint(len(bits) << 1 | 1) + bits
    return len(run).to_bytes(4, "little") + run


def _packed(field: Field, chunk: Chunk) -> bytes | memoryview:
    if field.kind != "boolean":
        return chunk.values
    return np.packbits(np.frombuffer(chunk.values, np.uint8), bitorder="little").tobytes()


@dataclass(frozen=True, slots=True)
class Table:
    """A file that `write_table` made, read back for merging."""

    schema: bytes
    """Equal for tables that may be joined."""
    fields: tuple[Field, ...]
    chunks: tuple[Chunk, ...]


def read_table(data: bytes) -> Table:
    """Read what `write_table` wrote; raises ValueError for any other file."""
    try:
        size = int.from_bytes(data[-8:-4], "little")
        if data[:4] != MAGIC or data[-4:] != MAGIC or size + 12 > len(data):
            raise ValueError("not a Parquet file")
        footer, _ = read_struct(data, len(data) - 8 - size)
        if footer.get(6) != CREATED_BY or len(footer[4]) != 1:
            raise ValueError("not a file of the prediction log")
        fields = tuple(map(_field_of, footer[2][1:]))
        rows = footer[3]
        places = [column[3][9] for column in footer[4][0][1]]
        codecs = [column[3][4] for column in footer[4][0][1]]
        chunks = tuple(
            _read_chunk(data, at, field, rows, codec)
            for field, at, codec in zip(fields, places, codecs, strict=True)
        )
    except (IndexError, KeyError, zlib.error) as error:
        raise ValueError(f"a damaged Parquet file: {error}") from None
    return Table(b"".join(write_struct(element) for element in footer[2][1:]), fields, chunks)


def _field_of(element: dict[int, Any]) -> Field:
    name, optional = element[4].decode(), bool(element[3])
    logical = element.get(10, {})
    if 8 in logical:
        return Field(name, "moment" if logical[8][1] else "local", optional)
    kinds: dict[int, Kind] = {5: "number", 2: "integer", 1: "small", 0: "boolean", 6: "text"}
    return Field(name, kinds[element[1]], optional)


def _read_chunk(data: bytes, at: int, field: Field, rows: int, codec: int) -> Chunk:
    header, begin = read_struct(data, at)
    page = data[begin : begin + header[3]]
    if codec == GZIP:
        page = zlib.decompress(page, GZIP_WINDOW)
    valid, values = _split_levels(page, rows) if field.optional else (None, page)
    if field.kind == "boolean":
        count = rows if valid is None else int(valid.sum())
        values = np.unpackbits(np.frombuffer(values, np.uint8), count=count, bitorder="little").tobytes()
    return Chunk(rows, values, valid)


def _split_levels(page: bytes, rows: int) -> tuple[NDArray[np.bool_] | None, bytes]:
    end = 4 + int.from_bytes(page[:4], "little")
    head, at = read_varint(page, 4)
    if head & 1 == 0:
        return None, page[end:]
    bits = np.unpackbits(np.frombuffer(page[at:end], np.uint8), count=rows, bitorder="little")
    return bits.astype(np.bool_), page[end:]


def _name(name: str) -> bytes:
    return name.encode(errors="replace")
