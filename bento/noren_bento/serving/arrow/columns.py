"""Columns of a stream: its values as a model's columns, refused in the words and by the limits that JSON's are."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from noren_bento.release.version import Column
from noren_bento.serving.arrow.fields import Field
from noren_bento.serving.arrow.stream import Stream, Values, objects
from noren_bento.serving.columns import Columns, MatrixColumns
from noren_bento.serving.refusal import (
    LARGEST,
    WANTED,
    YEARS,
    Refusal,
    explain_value,
    integer_limits,
    quote,
    refuse_absent,
    refuse_unknown,
)
from noren_bento.serving.schema import Schema

KINDS: dict[str, tuple[str, ...]] = {
    "number": ("number",),
    "integer": ("number",),
    "boolean": ("boolean",),
    "text": ("text",),
    "datetime": ("time",),
}
"""What a column of the model takes; `null` where it takes missing values, too."""
EARLIEST, LATEST = (np.datetime64(f"{year}-01-01") for year in (YEARS[0], YEARS[1] + 1))


def columns_of_stream(body: bytes, schema: Schema) -> Columns:
    """Read a body; raises Refusal."""
    stream = Stream(body)
    places = _places(stream.fields, schema)
    batches = list(stream.batches(schema.max_rows))
    schema.require_count(sum(rows for rows, _ in batches))
    if schema.as_matrix and (matrix := _matrix(batches, places)) is not None:
        return MatrixColumns(schema.names, matrix)
    return {
        column.name: _take(_join([values[place] for _, values in batches]), column, schema)
        for column, place in zip(schema.columns, places, strict=True)
    }


def _places(fields: Sequence[Field], schema: Schema) -> list[int]:
    """Where each column of the model stands in the stream."""
    found: dict[str, int] = {}
    known = set(schema.names)
    for place, field in enumerate(fields):
        if field.name not in known:
            raise refuse_unknown(field.name, schema.names)
        if field.name in found:
            raise Refusal(
                f"Column {quote(field.name)} is given twice; send it once.", column=field.name[:200]
            )
        found[field.name] = place
    for column in schema.columns:
        if column.name not in found:
            raise refuse_absent(column)
        field = fields[found[column.name]]
        if field.kind not in KINDS[column.kind] and not (field.kind == "null" and column.missing):
            wanted = WANTED[column.kind] if column.kind != "datetime" else "a timestamp or a date"
            raise Refusal(
                f"Column {quote(column.name)} must be {wanted}, not Arrow's {field.type}.", column=column.name
            )
    return [found[name] for name in schema.names]


def _matrix(batches: list[tuple[int, list[Values]]], places: list[int]) -> NDArray[np.float64] | None:
    """Numbers side by side; None where one is missing, infinite or too large, which is looked at column by column.

    Each column lies in one piece, as it does in the body: to put its values apart takes ten times as long.
    """
    turned = np.empty((len(places), sum(rows for rows, _ in batches)))
    start = 0
    for rows, values in batches:
        for target, place in enumerate(places):
            numbers, valid = values[place]
            if valid is not None:
                return None
            turned[target, start : start + rows] = numbers
        start += rows
    # Written so that NaN fails it.
    return turned.T if turned.max() <= LARGEST and turned.min() >= -LARGEST else None


def _join(parts: list[Values]) -> Values:
    if len(parts) == 1:
        return parts[0]
    values = np.concatenate([values for values, _ in parts])
    if all(valid is None for _, valid in parts):
        return values, None
    return values, np.concatenate(
        [np.ones(len(values), dtype=np.bool_) if valid is None else valid for values, valid in parts]
    )


def _take(values: Values, column: Column, schema: Schema) -> NDArray[Any]:
    given, valid = values
    if given.dtype.kind == "f":
        numbers = ~np.isnan(given)  # how frames of numbers say that one is missing
        if not numbers.all():
            valid = numbers if valid is None else valid & numbers
    if valid is not None and valid.all():
        valid = None
    if valid is not None and not column.missing:
        raise _refuse(int(np.argmin(valid)), None, column, schema)
    there = given if valid is None else given[valid]
    wrong = _find_wrong(there, column, schema.accepted.get(column.name, ()))
    if wrong is not None:
        row = wrong if valid is None else int(np.flatnonzero(valid)[wrong])
        raise _refuse(row, there[wrong], column, schema)
    return _as_kind(given, valid, column)


def _find_wrong(values: NDArray[Any], column: Column, accepted: tuple[Any, ...]) -> int | None:
    """The first of the values that are there which is not taken."""
    match column.kind:
        case "number":
            fits = np.abs(values.astype(np.float64)) <= LARGEST
        case "integer":
            low, high = integer_limits(column)
            whole = values == np.floor(values) if values.dtype.kind == "f" else True
            fits = (values >= low) & (values < high + 1) & whole
        case "text":
            fits = np.array(["\0" not in value for value in values], dtype=bool)
        case "datetime":
            fits = (values >= EARLIEST) & (values < LATEST)
        case _:
            fits = np.ones(len(values), dtype=bool)
    if accepted:
        fits &= np.array([value in accepted for value in values.tolist()], dtype=bool)
    return None if fits.all() else int(np.argmin(fits))


def _refuse(row: int, value: Any, column: Column, schema: Schema) -> Refusal:
    plain = value.item() if isinstance(value, np.generic) and value.dtype.kind != "M" else value
    if column.kind == "datetime" and plain is not None:
        reason = f"holds {plain}; years from {YEARS[0]} to {YEARS[1]} are taken."
    else:
        reason = str(explain_value(plain, column, schema.accepted.get(column.name, ())))
    return Refusal(f"Column {quote(column.name)} {reason}", column=column.name, row=row)


def _as_kind(values: NDArray[Any], valid: NDArray[np.bool_] | None, column: Column) -> NDArray[Any]:
    """As `columns` says: what is missing is NaN, None or NaT, and whole numbers with missing ones are floats."""
    if column.kind == "text":
        return values if valid is None else objects(values.tolist(), valid)
    if column.kind == "datetime":
        times = np.full(len(values), np.datetime64("NaT"), dtype="datetime64[us]")
        times[slice(None) if valid is None else valid] = values if valid is None else values[valid]
        return times
    if valid is None and column.kind != "number":
        return values.astype(np.int64 if column.kind == "integer" else np.bool_)
    numbers = np.full(len(values), np.nan)
    numbers[slice(None) if valid is None else valid] = values if valid is None else values[valid]
    return numbers
