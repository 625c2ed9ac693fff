"""Blocks of a ColumnTransformer: numbers by the steps of their scalers, all else by asking its encoders.

Encoders treat each column by itself and know finitely many values. So a column's table is made by asking the fitted
transformers what each known value, one never seen, and a missing one stand for.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from noren_bento.compile.exact.steps import read_steps
from noren_bento.compile.probes import UNSEEN, take_rows
from noren_bento.compile.refusal import PassedOverError, require_own
from noren_bento.release.version import Column, Signature
from noren_bento.serving.columns import NUMERIC, Columns, count_rows, is_missing
from noren_bento.serving.exact.program import Label, Numbers, Table
from noren_bento.serving.original import Original

SEPARATE = (
    "OneHotEncoder",
    "OrdinalEncoder",
    "TargetEncoder",
    "SimpleImputer",
    "StandardScaler",
    "MinMaxScaler",
    "MaxAbsScaler",
    "RobustScaler",
)
"""Transformers that treat each column by itself and all unseen values alike."""
MAX_CELLS = 4_000_000
"""Numbers that a table may hold; a column of more known values is left to the other engines."""


@dataclass(frozen=True, slots=True)
class Rows:
    """What makes rows for a transformer inside the model."""

    model: Any
    signature: Signature
    reference: Columns

    def take(self, count: int) -> Any:
        """The first reference rows, in the container that the model was fitted on."""
        rows = take_rows(self.reference, np.arange(min(count, count_rows(self.reference))))
        return Original(self.model, self.signature).make_input(rows)

    def vary(self, places: Sequence[int], place: int, values: Sequence[Any]) -> Any:
        """The columns at `places` of the first reference row, once a value of the column at `place`."""
        rows = take_rows(self.reference, np.zeros(len(values), dtype=np.int64))
        name = self.signature.columns[place].name
        rows[name] = _as_column(values, self.signature.columns[place])
        given = Original(self.model, self.signature).make_input(rows)
        return given.iloc[:, list(places)] if hasattr(given, "iloc") else given[:, list(places)]


def read_blocks(part: Any, signature: Signature, rows: Rows) -> tuple[tuple[Numbers | Table, ...], int]:
    """The blocks of a ColumnTransformer and the number of its features."""
    blocks: list[Numbers | Table] = []
    for name, transformer, chosen in part.transformers_:
        features = _places(part.output_indices_[name])
        places = _positions(chosen, signature)
        if (isinstance(transformer, str) and transformer == "drop") or not places or not features:
            continue
        blocks += _read_entry(transformer, places, features, signature, rows)
    width = max((stop for stop in (piece.stop for piece in part.output_indices_.values())), default=0)
    if not blocks:
        raise PassedOverError("its ColumnTransformer takes no column")
    return tuple(blocks), width


def _places(piece: slice) -> tuple[int, ...]:
    return tuple(range(piece.start, piece.stop))


def _positions(chosen: Any, signature: Signature) -> tuple[int, ...]:
    names = signature.names()
    if isinstance(chosen, str):
        return (names.index(chosen),)
    if isinstance(chosen, slice):
        return tuple(range(len(names))[chosen])
    flat = np.atleast_1d(np.asarray(chosen))
    if flat.dtype == bool:
        return tuple(np.flatnonzero(flat).tolist())
    return tuple(names.index(one) if isinstance(one, str) else int(one) for one in flat.tolist())


def _read_entry(
    transformer: Any,
    places: tuple[int, ...],
    features: tuple[int, ...],
    signature: Signature,
    rows: Rows,
) -> list[Numbers | Table]:
    encoded = [one for one in _chain(transformer) if hasattr(one, "categories_")]
    if not encoded:
        if not all(signature.columns[place].kind in NUMERIC for place in places):
            raise PassedOverError("it takes text or dates that no encoder of it knows")
        steps, width = read_steps([transformer], len(places))
        if width != len(features):
            raise PassedOverError("its ColumnTransformer leaves out columns")
        return [Numbers(places, steps, features)]
    for one in _chain(transformer):
        require_own(one)
        if type(one).__name__ not in SEPARATE:
            raise PassedOverError(f"{type(one).__name__} is not among the encoders that are computed exactly")
    return _read_tables(transformer, encoded[0].categories_, places, features, rows)


def _chain(transformer: Any) -> list[Any]:
    if isinstance(transformer, str):
        return []
    if type(transformer).__name__ == "Pipeline":
        return [inner for _, one in transformer.steps for inner in _chain(one)]
    return [transformer]


def _read_tables(
    transformer: Any,
    categories: Sequence[NDArray[Any]],
    places: tuple[int, ...],
    features: tuple[int, ...],
    rows: Rows,
) -> list[Numbers | Table]:
    if len(categories) != len(places):
        raise PassedOverError("its encoder does not see its columns one by one")
    tables: list[Numbers | Table] = []
    taken: set[int] = set()
    for place, known in zip(places, categories, strict=True):
        column = rows.signature.columns[place]
        values = _known(known, column)
        coded, refused = _ask(transformer, places, place, values, rows)
        changed = np.flatnonzero((coded != coded[0]).any(axis=0)).tolist()
        if taken.intersection(changed):
            raise PassedOverError("its encoders mix columns")
        taken.update(changed)
        if coded[:, changed].size > MAX_CELLS:
            raise PassedOverError(f"column {column.name!r} has {len(values)} known values")
        names = tuple(features[one] for one in changed)
        if names:
            tables.append(Table(place, values, names, coded[:, changed], refused))
    return [*tables, *_constants(transformer, taken, places, features, rows)]


def _constants(
    transformer: Any, taken: set[int], places: tuple[int, ...], features: tuple[int, ...], rows: Rows
) -> list[Numbers | Table]:
    """Features that no value changes, such as that of a column of one category: a table of one row alike."""
    left = [one for one in range(len(features)) if one not in taken]
    if not left:
        return []
    first = rows.reference[rows.signature.columns[places[0]].name][:1].tolist()
    row = _dense(transformer.transform(rows.vary(places, places[0], first)))[0, left]
    return [Table(places[0], (), tuple(features[one] for one in left), np.tile(row, (2, 1)))]


def _known(categories: NDArray[Any], column: Column) -> tuple[Label, ...]:
    return tuple(value for value in categories.tolist() if not is_missing(value))


def _ask(
    transformer: Any, places: tuple[int, ...], place: int, values: tuple[Label, ...], rows: Rows
) -> tuple[NDArray[np.float64], tuple[int, ...]]:
    """What the values, an unseen one and a missing one stand for, and which of the rows it raises on."""
    column = rows.signature.columns[place]
    known = _dense(transformer.transform(rows.vary(places, place, list(values))))
    refused = []
    others = []
    for number, value in enumerate((_unseen(values, column), None), start=len(values)):
        try:
            others.append(_dense(transformer.transform(rows.vary(places, place, [value]))))
        except (ValueError, TypeError):
            others.append(known[:1])
            refused.append(number)
    return np.vstack([known, *others]), tuple(refused)


def _unseen(values: tuple[Label, ...], column: Column) -> Any:
    if column.kind == "text":
        return UNSEEN
    return None if column.kind == "boolean" else max(map(float, values), default=0.0) + 1e6


def _as_column(values: Sequence[Any], column: Column) -> NDArray[Any]:
    if column.kind == "text":
        return np.array(values, dtype=object)
    array = np.array(values, dtype=np.float64)
    if np.isnan(array).any() or column.kind == "number":
        return array
    return array.astype(np.int64 if column.kind == "integer" else np.bool_)


def _dense(given: Any) -> NDArray[np.float64]:
    return np.asarray(given.toarray() if hasattr(given, "toarray") else given, dtype=np.float64)
