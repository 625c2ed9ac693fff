"""Flat: FlatBuffers tables, read in place and written forwards; Arrow's metadata is made of them.

The layout is that of https://flatbuffers.dev/internals/. What a table says about places is only believed as far as the
buffer goes: reading outside of it raises struct.error, IndexError or ValueError, which `stream` turns into a Refusal.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from typing import Any

U8, I16, I32, U32, I64 = (struct.Struct(f"<{code}") for code in "BhiIq")
U16 = struct.Struct("<H")
SIZES = {"B": 1, "?": 1, "h": 2, "i": 4, "I": 4, "q": 8}
LARGEST_VECTOR = 1 << 20
"""Elements; a hostile vector may refer to one table as often as it is long."""


class Table:
    """One table in a buffer."""

    __slots__ = ("buffer", "place", "slots", "vtable")

    def __init__(self, buffer: memoryview, place: int) -> None:
        self.buffer = buffer
        self.place = place
        self.vtable = place - I32.unpack_from(buffer, place)[0]
        if self.vtable < 0 or place < 0:
            raise ValueError("a table lies before its buffer")
        self.slots = (U16.unpack_from(buffer, self.vtable)[0] - 4) // 2

    @classmethod
    def root(cls, buffer: memoryview) -> Table:
        """The table that the buffer begins with."""
        return cls(buffer, U32.unpack_from(buffer, 0)[0])

    def find(self, slot: int) -> int:
        """Where a field lies; 0 where it has its default."""
        if slot >= self.slots:
            return 0
        offset = U16.unpack_from(self.buffer, self.vtable + 4 + 2 * slot)[0]
        return self.place + offset if offset else 0

    def number(self, slot: int, kind: struct.Struct, default: int = 0) -> int:
        """A scalar field."""
        place = self.find(slot)
        found: int = kind.unpack_from(self.buffer, place)[0] if place else default
        return found

    def table(self, slot: int) -> Table | None:
        """A field that is a table."""
        place = self.find(slot)
        return Table(self.buffer, place + U32.unpack_from(self.buffer, place)[0]) if place else None

    def text(self, slot: int) -> str:
        """A field that is a string; empty where there is none."""
        start, length = self.vector(slot)
        if start + length > len(self.buffer):
            raise ValueError("a string ends outside of its buffer")
        return str(self.buffer[start : start + length], "utf-8")

    def tables(self, slot: int) -> list[Table]:
        """A field that is a vector of tables."""
        start, length = self.vector(slot)
        places = range(start, start + 4 * length, 4)
        return [Table(self.buffer, place + U32.unpack_from(self.buffer, place)[0]) for place in places]

    def vector(self, slot: int) -> tuple[int, int]:
        """Where a vector's first element lies, and how many there are."""
        place = self.find(slot)
        if not place:
            return 0, 0
        start = place + U32.unpack_from(self.buffer, place)[0]
        length = U32.unpack_from(self.buffer, start)[0]
        if length > LARGEST_VECTOR:
            raise ValueError("a vector is longer than any that is taken")
        return start + 4, length


Value = Any
"""What a field of a written table holds: (struct code, number), or a str, a Node, a list of Nodes, or Structs."""


class Node:
    """A table to be written: the value of each slot, None for a default."""

    __slots__ = ("values",)

    def __init__(self, *values: Value) -> None:
        self.values = values


class Structs:
    """A vector of structs of int64, given flat."""

    __slots__ = ("length", "numbers")

    def __init__(self, numbers: Sequence[int], *, each: int) -> None:
        self.numbers = numbers
        self.length = len(numbers) // each


def write_root(node: Node) -> bytes:
    """Write a table with all that it refers to: parents before children, since offsets point forwards."""
    buffer = bytearray(4)
    U32.pack_into(buffer, 0, _write_table(buffer, node))
    _pad(buffer, 8)
    return bytes(buffer)


def _write_table(buffer: bytearray, node: Node) -> int:
    given = [(slot, value) for slot, value in enumerate(node.values) if value is not None]
    vtable = _pad(buffer, 2)
    buffer += bytes(4 + 2 * len(node.values))
    start = _pad(buffer, 8)
    buffer += I32.pack(start - vtable)
    later = []
    for slot, value in given:
        code, number = value if isinstance(value, tuple) else ("I", 0)
        place = _pad(buffer, SIZES[code])
        buffer += struct.pack(f"<{code}", number)
        U16.pack_into(buffer, vtable + 4 + 2 * slot, place - start)
        if not isinstance(value, tuple):
            later.append((place, value))
    U16.pack_into(buffer, vtable, 4 + 2 * len(node.values))
    U16.pack_into(buffer, vtable + 2, len(buffer) - start)
    for place, value in later:
        U32.pack_into(buffer, place, _write_value(buffer, value) - place)
    return start


def _write_value(buffer: bytearray, value: Value) -> int:
    if isinstance(value, Node):
        return _write_table(buffer, value)
    if isinstance(value, str):
        start = _pad(buffer, 4)
        text = value.encode()
        buffer += U32.pack(len(text)) + text + b"\0"
        return start
    if isinstance(value, Structs):
        while len(buffer) % 8 != 4:
            buffer.append(0)
        start = len(buffer)
        buffer += U32.pack(value.length) + struct.pack(f"<{len(value.numbers)}q", *value.numbers)
        return start
    start = _pad(buffer, 4)
    buffer += U32.pack(len(value)) + bytes(4 * len(value))
    for number, child in enumerate(value):
        place = start + 4 + 4 * number
        U32.pack_into(buffer, place, _write_value(buffer, child) - place)
    return start


def _pad(buffer: bytearray, size: int) -> int:
    buffer += bytes(-len(buffer) % size)
    return len(buffer)
