"""Thrift's compact protocol, as far as a Parquet file needs it.

A struct is a dict from field number to value: bool, int (written as I64 where the field is an `I64`), bytes, a list of
one kind, or a struct again. https://github.com/apache/thrift/blob/master/doc/specs/thrift-compact-protocol.md
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

Struct = Mapping[int, Any]
TRUE, FALSE, I32, I64_TYPE, BINARY, LIST, STRUCT = 1, 2, 5, 6, 8, 9, 12
INTEGERS = (3, 4, I32, I64_TYPE)


class I64(int):
    """A number that the format wants as 64 bits."""


class Written(bytes):
    """A struct that is written already."""


def write_struct(fields: Struct, *, begun: bytes = b"", last: int = 0) -> bytes:
    """Write one struct; field numbers must rise. `begun` is its beginning, written already, up to the field `last`.

    >>> read_struct(write_struct({1: 5, 3: [b"a", b"b"], 9: {1: True}}), 0)
    ({1: 5, 3: [b'a', b'b'], 9: {1: True}}, 12)
    """
    parts = bytearray(begun)
    for number, value in fields.items():
        kind = _kind_of(value)
        if number - last <= 15:
            parts.append((number - last) << 4 | kind)
        else:
            parts.append(kind)
            parts += varint(_zigzag(number))
        if kind not in (TRUE, FALSE):
            parts += _write_value(value)
        last = number
    parts.append(0)
    return bytes(parts)


def _kind_of(value: Any) -> int:
    if isinstance(value, bool):
        return TRUE if value else FALSE
    if isinstance(value, int):
        return I64_TYPE if isinstance(value, I64) else I32
    if isinstance(value, bytes):
        return STRUCT if isinstance(value, Written) else BINARY
    return LIST if isinstance(value, list) else STRUCT


def _write_value(value: Any) -> bytes:
    if isinstance(value, int):
        return varint(_zigzag(value))
    if isinstance(value, bytes):
        return value if isinstance(value, Written) else varint(len(value)) + value
    if isinstance(value, list):
        kind = _kind_of(value[0]) if value else STRUCT
        size = (
            bytes([len(value) << 4 | kind]) if len(value) < 15 else bytes([0xF0 | kind]) + varint(len(value))
        )
        return size + b"".join(map(_write_value, value))
    return write_struct(value)


def begin_struct(fields: Struct) -> bytes:
    """Write the first fields of a struct that others will follow."""
    return write_struct(fields)[:-1]


def varint(number: int) -> bytes:
    """Write an unsigned number, seven bits a byte, the low ones first.

    >>> varint(300)
    b'\\xac\\x02'
    """
    parts = bytearray()
    while number > 0x7F:
        parts.append(number & 0x7F | 0x80)
        number >>= 7
    parts.append(number)
    return bytes(parts)


def _zigzag(number: int) -> int:
    return (number << 1) ^ (number >> 63)


def read_struct(data: bytes, at: int) -> tuple[dict[int, Any], int]:
    """Read one struct; return it and where it ends. Raises ValueError or IndexError where there is none."""
    fields: dict[int, Any] = {}
    number = 0
    while head := data[at]:
        at += 1
        if head >> 4:
            number += head >> 4
        else:
            raw, at = read_varint(data, at)
            number = _unzigzag(raw)
        kind = head & 0x0F
        if kind in (TRUE, FALSE):
            fields[number] = kind == TRUE
        else:
            fields[number], at = _read_value(data, at, kind)
    return fields, at + 1


def _read_value(data: bytes, at: int, kind: int) -> tuple[Any, int]:
    if kind in INTEGERS:
        raw, at = read_varint(data, at)
        return _unzigzag(raw), at
    if kind == BINARY:
        size, at = read_varint(data, at)
        return data[at : at + size], at + size
    if kind == LIST:
        inner, size = data[at] & 0x0F, data[at] >> 4
        at += 1
        if size == 15:
            size, at = read_varint(data, at)
        values = []
        for _ in range(size):
            value, at = _read_value(data, at, inner)
            values.append(value)
        return values, at
    if kind == STRUCT:
        return read_struct(data, at)
    raise ValueError(f"thrift type {kind} is not one that the log writes")


def read_varint(data: bytes, at: int) -> tuple[int, int]:
    """Read an unsigned number; return it and where it ends."""
    number = shift = 0
    while True:
        number |= (data[at] & 0x7F) << shift
        at += 1
        if data[at - 1] < 0x80:
            return number, at
        shift += 7


def _unzigzag(raw: int) -> int:
    return (raw >> 1) ^ -(raw & 1)
