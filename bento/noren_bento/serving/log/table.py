"""Table: which columns the prediction log of a version has, and a batch's rows in them."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from noren_bento.release.version import Label, Signature
from noren_bento.serving.batch import Batch
from noren_bento.serving.columns import MatrixColumns
from noren_bento.serving.log.encode import Texts, encode
from noren_bento.serving.log.parquet import Chunk, Field, Kind

KEYS = (Field("request_id", "text"), Field("row", "small"), Field("version", "text"), Field("time", "moment"))
"""What each row has before its inputs and outputs: `request_id` and `row`, from 0, are its key."""
PARTITION = "date"
"""The day in UTC, which is in the path: a reader adds it as a column."""


class Hashes(Texts):
    """Texts as the hexadecimal BLAKE2b, of 16 bytes, that only who has the key can make or check."""

    def __init__(self, key: bytes) -> None:
        self._key = key

    def __missing__(self, value: Any) -> bytes:
        digest = hashlib.blake2b(str(value).encode(errors="replace"), key=self._key, digest_size=16)
        encoded = Texts().join([digest.hexdigest()])
        if len(self) < 4096:
            self[value] = encoded
        return encoded


@dataclass(frozen=True, slots=True)
class _Source:
    """A column of the log and where its values are."""

    field: Field
    kind: Kind
    """What the values are; where they are hashed, the field is text."""
    values: Callable[[dict[str, NDArray[Any]]], NDArray[Any]]
    texts: Texts


class Table:
    """The columns of one version's log. The same signature and settings always give the same."""

    def __init__(
        self,
        version: str,
        signature: Signature,
        *,
        drop: Sequence[str] = (),
        hashed: Sequence[str] = (),
        key: bytes = b"",
    ) -> None:
        model = version.partition("/")[0]
        dropped = {name for one in drop for name in (one, one.removeprefix(f"{model}/"))}
        hidden = {name for one in hashed for name in (one, one.removeprefix(f"{model}/"))}
        outputs = _outputs(signature)
        taken = {one.field.name for one in outputs} | {field.name for field in KEYS} | {PARTITION}
        known = [(source.field.name, source) for source in (*_inputs(signature, taken), *outputs)]
        names = {text for name, source in known for text in (name, _original(source))}
        own = [one for one in (*drop, *hashed) if one.startswith(f"{model}/")]
        self.unknown = tuple(one for one in own if not {one, one.removeprefix(f"{model}/")} & names)
        """Settings that name a column of this model which it has not: mistyped, they would protect nothing."""
        self._version = Texts().join([version])
        self._sources = [
            _hash(source, key) if {name, _original(source)} & hidden else source
            for name, source in known
            if not {name, _original(source)} & dropped
        ]
        self.fields: tuple[Field, ...] = (*KEYS, *(source.field for source in self._sources))

    def encode(self, batch: Batch, requests: NDArray[np.bool_] | None = None) -> list[Chunk]:
        """Encode a batch, or those of its requests that are marked: one chunk a field."""
        sizes = np.array(batch.sizes)
        kept = np.ones(len(sizes), np.bool_) if requests is None else requests
        rows = None if requests is None else np.repeat(kept, sizes)
        counts = sizes[kept]
        total = int(counts.sum())
        starts = np.repeat(np.cumsum(counts) - counts, counts)
        ids = [one for one, keep in zip(batch.request_ids, kept.tolist(), strict=True) if keep]
        moments = np.repeat((np.array(batch.at)[kept] * 1e6).astype("datetime64[us]"), counts)
        chunks = [
            Chunk(total, _encode_ids(ids, counts.tolist())),
            encode(KEYS[1], np.arange(total) - starts),
            Chunk(total, self._version * total),
            encode(KEYS[3], moments),
        ]
        arrays = _arrays(batch)
        for source in self._sources:
            values = source.values(arrays)
            chunks.append(_encode(source, values if rows is None else values[rows]))
        return chunks


def _encode_ids(ids: Sequence[bytes], counts: Sequence[int]) -> bytes:
    return b"".join(
        [(len(one).to_bytes(4, "little") + one) * count for one, count in zip(ids, counts, strict=True)]
    )


def _encode(source: _Source, values: NDArray[Any]) -> Chunk:
    if source.kind != source.field.kind:
        values = _as_text(values, source.kind)
    return encode(source.field, values, source.texts)


def _as_text(values: NDArray[Any], kind: Kind) -> NDArray[Any]:
    """The values as plain objects, None where missing, so that one value always gives one text."""
    valid = encode(Field("", kind, optional=True), values).valid
    objects = np.full(len(values), None, dtype=object)
    known = values if valid is None else values[valid]
    if kind in ("integer", "boolean"):
        known = known.astype(np.int64 if kind == "integer" else np.bool_)
    objects[slice(None) if valid is None else valid] = known.tolist()
    return objects


def _arrays(batch: Batch) -> dict[str, NDArray[Any]]:
    """Inputs by name, and under names that no input can have the outputs."""
    columns = batch.columns
    if isinstance(columns, MatrixColumns):
        arrays: dict[str, NDArray[Any]] = dict(zip(columns.names, columns.matrix.T, strict=True))
    else:
        arrays = dict(columns)
    arrays |= {f"\0{name}": values for name, values in batch.answers.outputs().items()}
    if batch.answers.probabilities is not None:
        arrays["\0probabilities"] = batch.answers.probabilities
    if batch.answers.scores is not None:
        arrays["\0scores"] = batch.answers.scores
    return arrays


def _inputs(signature: Signature, taken: set[str]) -> list[_Source]:
    kinds: dict[str, Kind] = {"datetime": "local"}
    folded = {name.casefold() for name in taken}
    names = {column.name for column in signature.columns}
    sources = []
    for column in signature.columns:
        kind: Kind = kinds.get(column.kind, column.kind)  # type: ignore[arg-type]  # the other kinds are equal
        if column.kind == "datetime" and "," in column.dtype:
            kind = "moment"
        stored = column.name
        while stored.casefold() in folded or (stored != column.name and stored in names):
            stored = f"input_{stored}"
        field = Field(stored, kind, optional=column.missing or kind == "text")
        sources.append(_Source(field, kind, _Input(column.name), Texts()))
    return sources


def _outputs(signature: Signature) -> list[_Source]:
    if signature.targets:
        of_each = signature.target_classes or ((),) * len(signature.targets)
        known = [(f"prediction_{place}", classes) for place, classes in enumerate(of_each)]
    else:
        known = [("prediction", signature.classes)]
    sources = []
    for name, classes in known:
        kind = _prediction_kind(signature, classes)
        sources.append(_Source(Field(name, kind), kind, _Input(f"\0{name}"), Texts()))
    if signature.probabilities:
        for place, label in enumerate(signature.classes):
            field = Field(f"probability_{label}", "number")
            sources.append(_Source(field, "number", _Place("\0probabilities", place), Texts()))
    if signature.scores == 1:
        sources.append(_Source(Field("score", "number"), "number", _Input("\0scores"), Texts()))
    else:
        for place in range(signature.scores):
            field = Field(f"score_{place}", "number")
            sources.append(_Source(field, "number", _Place("\0scores", place), Texts()))
    return sources


def _prediction_kind(signature: Signature, classes: Sequence[Label]) -> Kind:
    if not classes:
        return "number" if signature.task == "regression" else "integer"
    kinds: dict[type, Kind] = {bool: "boolean", int: "integer", float: "number"}
    types = {type(label) for label in classes}
    return kinds.get(types.pop(), "text") if len(types) == 1 else "text"


def _hash(source: _Source, key: bytes) -> _Source:
    field = Field(source.field.name, "text", optional=True)
    return _Source(field, "text" if source.kind == "text" else source.kind, source.values, Hashes(key))


def _original(source: _Source) -> str:
    """What the model calls it; for an output its name in the log."""
    return source.values.name.removeprefix("\0") if isinstance(source.values, _Input) else source.field.name


@dataclass(frozen=True, slots=True)
class _Input:
    """One array by its name."""

    name: str

    def __call__(self, arrays: dict[str, NDArray[Any]]) -> NDArray[Any]:
        return arrays[self.name]


@dataclass(frozen=True, slots=True)
class _Place:
    """One column of the probabilities or scores."""

    name: str
    place: int

    def __call__(self, arrays: dict[str, NDArray[Any]]) -> NDArray[Any]:
        values: NDArray[Any] = arrays[self.name][:, self.place]
        return values
