"""Invocations: MLflow's four scoring formats become columns, as strictly as `/predict` takes its rows.

The formats are those of https://mlflow.org/docs/latest/ml/deployment/deploy-model-locally/#json-input.
"""

from __future__ import annotations

from typing import Any

import msgspec

from noren_bento.serving.columns import Columns
from noren_bento.serving.mlflow_rows import rows_of_document
from noren_bento.serving.schema import Schema
from noren_bento.serving.strict_json import read_json

KEPT_ORDERS = 16
"""Decoders for so many orders of columns are kept: one client seldom has more than one."""
Decoder = msgspec.json.Decoder[Any]


class _Split(msgspec.Struct, forbid_unknown_fields=True, gc=False):
    data: msgspec.Raw
    columns: list[str | int] | msgspec.UnsetType = msgspec.UNSET
    index: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET


class _Document(msgspec.Struct, forbid_unknown_fields=True, gc=False):
    dataframe_split: _Split | msgspec.UnsetType = msgspec.UNSET
    dataframe_records: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET
    inputs: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET
    instances: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET


class Invocations:
    """Decodes `dataframe_split`, `dataframe_records`, `inputs` and `instances` for one schema.

    >>> from noren_bento.release.version import Column, Signature
    >>> columns = (Column("age", "number", "float64"), Column("floor", "number", "float64"))
    >>> invocations = Invocations(Schema(Signature(columns, "regression")))
    >>> invocations.decode(b'{"dataframe_split": {"columns": ["floor", "age"], "data": [[2, 41]]}}')["age"].tolist()
    [41.0]
    >>> invocations.decode(b'{"inputs": {"age": [41, 42], "floor": [2, 3]}}')["floor"].tolist()
    [2.0, 3.0]
    """

    def __init__(self, schema: Schema) -> None:
        self._schema = schema
        self._document = msgspec.json.Decoder(_Document)
        self._records = msgspec.json.Decoder(list[schema.row])  # type: ignore[name-defined]
        lists = [
            (f"c{place}", list[kind])  # type: ignore[valid-type]
            for place, kind in enumerate(schema.types)
        ]
        rename = {f"c{place}": name for place, name in enumerate(schema.names)}
        lists_of_columns = msgspec.defstruct("Lists", lists, rename=rename, forbid_unknown_fields=True)
        self._lists = msgspec.json.Decoder(lists_of_columns)
        self._orders: dict[tuple[str, ...], tuple[Decoder, tuple[int, ...]]] = {}

    def decode(self, body: bytes) -> Columns:
        """Decode a body; raises Refusal."""
        try:
            columns = self._decode_quickly(body)
        except (msgspec.MsgspecError, RecursionError, UnicodeError):
            columns = None
        if columns is None:
            return self._schema.gather_rows(rows_of_document(read_json(body), self._schema.names))
        return columns

    def _decode_quickly(self, body: bytes) -> Columns | None:
        """What fits without a second look; None for the rest, which may still be right or deserves a reason."""
        document = self._document.decode(body)
        given = [name for name in _Document.__struct_fields__ if getattr(document, name) is not msgspec.UNSET]
        if len(given) != 1:
            return None
        content = getattr(document, given[0])
        if isinstance(content, _Split):
            return self._split(content, body)
        beginning = bytes(memoryview(content)[:40])
        if given[0] == "inputs" and beginning[:1] == b"{":
            return self._columns(content, body)
        if given[0] == "dataframe_records" or beginning.lstrip(b"[ \t\r\n")[:1] == b"{":
            rows = self._records.decode(content)
            values = [msgspec.structs.astuple(row) for row in rows]
            return self._schema.gather_values(values, body, colons=1 + len(rows) * self._schema.row_colons)
        return self._positional(content, self._schema.names, body, colons=1)

    def _split(self, split: _Split, body: bytes) -> Columns | None:
        names = self._schema.names
        given, colons = tuple(names), 2
        if isinstance(split.columns, list):
            colons += 1 + sum(name.count(":") for name in split.columns if isinstance(name, str))
            # A frame of an array's columns counts them.
            if split.columns != list(range(len(names))):
                given = tuple(str(name) for name in split.columns)
        if isinstance(split.index, msgspec.Raw):
            index = bytes(split.index)
            if index[:1] != b"[":
                return None
            colons += 1 + index.count(b":")
        return self._positional(split.data, given, body, colons=colons)

    def _columns(self, content: msgspec.Raw, body: bytes) -> Columns | None:
        lists = msgspec.structs.astuple(self._lists.decode(content))
        if len({len(one) for one in lists}) != 1:
            return None
        values = list(zip(*lists, strict=True))
        return self._schema.gather_values(values, body, colons=1 + self._schema.row_colons)

    def _positional(
        self, content: msgspec.Raw, given: tuple[str, ...], body: bytes, *, colons: int
    ) -> Columns | None:
        """Rows as lists, whose values are in the order of the given names."""
        known = self._orders.get(given) or self._learn(given)
        if known is None:
            return None
        decoder, places = known
        values = decoder.decode(content)
        if given != self._schema.names:
            values = [tuple([row[place] for place in places]) for row in values]
        return self._schema.gather_values(values, body, colons=colons)

    def _learn(self, given: tuple[str, ...]) -> tuple[Decoder, tuple[int, ...]] | None:
        names = self._schema.names
        if sorted(given) != sorted(names):
            return None
        kinds = dict(zip(names, self._schema.types, strict=True))
        row: Any = tuple.__class_getitem__(tuple(kinds[name] for name in given))
        learned = (msgspec.json.Decoder(list[row]), tuple(given.index(name) for name in names))
        if len(self._orders) >= KEPT_ORDERS:
            self._orders.pop(next(iter(self._orders)))
        self._orders[given] = learned
        return learned
