"""Answer: predictions, probabilities and scores as an Arrow IPC stream of one batch, under the names that JSON has."""

from __future__ import annotations

import json
import struct
from typing import Any

import numpy as np
from numpy.typing import NDArray

from noren_bento.serving.answers import Answers
from noren_bento.serving.arrow.flat import Node, Structs, write_root
from noren_bento.serving.arrow.stream import BATCH, CONTINUES, SCHEMA

VERSION = 4
"""MetadataVersion V5."""
INT, FLOAT, UTF8, BOOL, FIXED_SIZE_LIST = 2, 3, 5, 6, 16


def write_answers(answers: Answers, *, model: str, request_id: str, classes: tuple[Any, ...] = ()) -> bytes:
    """Write `predictions`, and `probabilities` or `scores`; the schema's metadata says who answered what.

    `classes` are the labels of the probabilities, in their order; the metadata has them as JSON.
    """
    columns = [("predictions", answers.predictions)]
    if answers.probabilities is not None:
        columns.append(("probabilities", answers.probabilities))
    if answers.scores is not None:
        columns.append(("scores", answers.scores))
    about = [Node("model", model), Node("request_id", request_id)]
    if answers.probabilities is not None and classes:
        about.append(Node("classes", json.dumps(classes)))
    fields = [_field(name, values) for name, values in columns]
    body = _Body(len(answers.predictions))
    for _, values in columns:
        body.add(values)
    batch = Node(("q", body.rows), Structs(body.nodes, each=2), Structs(body.places, each=2))
    return b"".join(
        (
            _message(SCHEMA, Node(("h", 0), fields, about), b""),
            _message(BATCH, batch, bytes(body.data)),
            struct.pack("<Ii", CONTINUES, 0),
        )
    )


def _message(kind: int, header: Node, body: bytes) -> bytes:
    metadata = write_root(Node(("h", VERSION), ("B", kind), header, ("q", len(body))))
    return struct.pack("<Ii", CONTINUES, len(metadata)) + metadata + body


def _field(name: str, values: NDArray[Any]) -> Node:
    if values.ndim == 2:
        listed = Node(("i", values.shape[1]))
        return Node(
            name, ("?", False), ("B", FIXED_SIZE_LIST), listed, None, [_field("item", values[:, :1].ravel())]
        )
    match values.dtype.kind:
        case "b":
            number, detail = BOOL, Node()
        case "i" | "u":
            number, detail = INT, Node(("i", 64), ("?", True))
        case "f":
            number, detail = FLOAT, Node(("h", 2))
        case _:
            number, detail = UTF8, Node()
    return Node(name, ("?", False), ("B", number), detail, None, [])


class _Body:
    """Buffers of a batch, one behind the other, each at a multiple of eight."""

    def __init__(self, rows: int) -> None:
        self.rows = rows
        self.nodes: list[int] = []
        self.places: list[int] = []
        self.data = bytearray()

    def add(self, values: NDArray[Any]) -> None:
        self.nodes += [len(values), 0]
        self._put(b"")  # nothing is null
        if values.ndim == 2:
            self.add(np.ascontiguousarray(values).ravel())
        elif values.dtype.kind == "b":
            self._put(np.packbits(values, bitorder="little").tobytes())
        elif values.dtype.kind in "iu":
            self._put(values.astype("<i8", copy=False).tobytes())
        elif values.dtype.kind == "f":
            self._put(values.astype("<f8", copy=False).tobytes())
        else:
            texts = [str(value).encode() for value in values.tolist()]
            ends = np.cumsum([0, *map(len, texts)], dtype="<i4")
            self._put(ends.tobytes())
            self._put(b"".join(texts))

    def _put(self, buffer: bytes) -> None:
        self.places += [len(self.data), len(buffer)]
        self.data += buffer + bytes(-len(buffer) % 8)
