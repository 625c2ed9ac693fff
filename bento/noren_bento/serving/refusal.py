"""Refusal: why a request body is not taken, in words that help its sender, naming column and row."""

from __future__ import annotations

import difflib
import json
import math
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from noren_bento.errors import NorenError
from noren_bento.release.version import Column

LARGEST = 3.4e38
"""Largest magnitude of a number that is taken: what fits float32, which trees and graphs compute in."""
LARGEST_INTEGER = 2**63 - 1
INTEGER_WIDTH = re.compile(r"^(u?)int(8|16|32|64)")
YEARS = (1678, 2261)
"""What nanoseconds since 1970 hold in 64 bits, since many models were fitted on those."""
WANTED = {
    "number": "a number",
    "integer": "a whole number",
    "boolean": "true or false",
    "text": "a string",
    "datetime": "an ISO 8601 string such as 2031-05-17T08:30:00",
}


class Refusal(NorenError):  # noqa: N818 -- not an error of ours, but an answer
    """The client's fault: answered with a 4xx status, never counted against a version."""

    def __init__(
        self, error: str, *, status: int = 422, column: str | None = None, row: int | None = None
    ) -> None:
        super().__init__(error)
        self.error = error
        self.status = status
        self.column = column
        self.row = row

    def body(self) -> dict[str, object]:
        """The answer's JSON: `error`, and `column` and `row` where one is to blame."""
        named = {"column": self.column, "row": self.row}
        return {"error": self.error, **{name: value for name, value in named.items() if value is not None}}


def too_many(*, status: int = 429) -> Refusal:
    """Say that a worker has more to do than it can do in time."""
    return Refusal("Too many requests are waiting; try again in a moment.", status=status)


def explain_rows(
    rows: Sequence[Any], columns: Sequence[Column], accepted: Mapping[str, tuple[Any, ...]]
) -> Refusal | None:
    """Find the first thing that is wrong with rows, or None when every row fits."""
    known = {column.name: column for column in columns}
    for number, row in enumerate(rows):
        if refusal := _explain_row(number, row, known, accepted):
            return refusal
    return None


def _explain_row(
    number: int, row: Any, columns: Mapping[str, Column], accepted: Mapping[str, tuple[Any, ...]]
) -> Refusal | None:
    if not isinstance(row, dict):
        return Refusal(
            f"Row {number} must be an object of column and value, not {named_type(row)}.", row=number
        )
    if (twice := getattr(row, "key", None)) is not None:
        return Refusal(f"Column {quote(twice)} is given twice; send it once.", column=twice[:200], row=number)
    if (unknown := next((name for name in row if name not in columns), None)) is not None:
        return refuse_unknown(unknown, columns, row=number)
    for column in columns.values():
        if column.name not in row:
            hint = " Send null where its value is missing." if column.missing else ""
            return Refusal(f"Column {quote(column.name)} is not there.{hint}", column=column.name, row=number)
        if error := explain_value(row[column.name], column, accepted.get(column.name, ())):
            return Refusal(f"Column {quote(column.name)} {error}", column=column.name, row=number)
    return None


def refuse_unknown(name: str, known: Iterable[str], *, row: int | None = None) -> Refusal:
    """Say that the model has no such column, and which it may be."""
    names = list(known)
    near = difflib.get_close_matches(name[:200], names, n=1)
    hint = f"Did you mean {quote(near[0])}?" if near else f"The model takes: {listed(names)}."
    return Refusal(f"The model has no column {quote(name)}. {hint}", column=name[:200], row=row)


def refuse_absent(column: Column, *, row: int | None = None) -> Refusal:
    """Say that a column is not there."""
    hint = " Send null where its value is missing." if column.missing else ""
    return Refusal(f"Column {quote(column.name)} is not there.{hint}", column=column.name, row=row)


def explain_value(value: Any, column: Column, accepted: Sequence[Any] = ()) -> str | None:
    """Say what is wrong with one value, or None when it is taken."""
    if value is None:
        return None if column.missing else "must have a value; null is not taken here."
    if isinstance(value, float) and not math.isfinite(value):
        null = "send null where a value is missing" if column.missing else "a missing value is not taken here"
        return f"holds {value}, which is not JSON; {null}."
    if error := KINDS[column.kind](value):
        return error
    if column.kind == "integer" and not (limits := integer_limits(column))[0] <= value <= limits[1]:
        return f"holds {_short(value)}; {column.dtype} takes {limits[0]} to {limits[1]}."
    if accepted and value not in accepted:
        return f"holds {quote(str(value))}, which the model does not know. It takes: {listed(accepted)}."
    return None


def _explain_number(value: Any) -> str | None:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return f"must be {WANTED['number']}, not {named_type(value)}."
    return f"holds {_short(value)}; at most ±{LARGEST:g} is taken." if abs(value) > LARGEST else None


def _explain_integer(value: Any) -> str | None:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return f"must be {WANTED['integer']}, not {named_type(value)}."
    return None if value == int(value) else f"must be {WANTED['integer']}, not {value}."


def integer_limits(column: Column) -> tuple[int, int]:
    """The smallest and the largest whole number that the column's dtype holds.

    >>> integer_limits(Column("age", "integer", "int8"))
    (-128, 127)
    """
    width = INTEGER_WIDTH.search(column.dtype.lower())
    if width is None:
        return -LARGEST_INTEGER, LARGEST_INTEGER
    bits = int(width[2])
    if width[1]:
        return 0, min(2**bits - 1, LARGEST_INTEGER)
    return -(2 ** (bits - 1)), 2 ** (bits - 1) - 1


def _explain_boolean(value: Any) -> str | None:
    return None if isinstance(value, bool) else f"must be {WANTED['boolean']}, not {named_type(value)}."


def _explain_text(value: Any) -> str | None:
    if not isinstance(value, str):
        return f"must be {WANTED['text']}, not {named_type(value)}."
    if "\0" in value or any("\ud800" <= letter <= "\udfff" for letter in value):
        return "holds a character that is no text (NUL or half a surrogate pair)."
    return None


def _explain_datetime(value: Any) -> str | None:
    if isinstance(value, str) and read_datetime(value) is not None:
        return None
    return (
        f"must be {WANTED['datetime']}, not {quote(value) if isinstance(value, str) else named_type(value)}."
    )


KINDS: dict[str, Callable[[Any], str | None]] = {
    "number": _explain_number,
    "integer": _explain_integer,
    "boolean": _explain_boolean,
    "text": _explain_text,
    "datetime": _explain_datetime,
}


def read_datetime(text: str) -> datetime | None:
    """Read an ISO 8601 date and time as naive UTC; None where it is none."""
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    offset = moment.utcoffset()
    if not YEARS[0] <= moment.year <= YEARS[1]:
        return None
    return moment.replace(tzinfo=None) - offset if offset is not None else moment


def named_type(value: Any) -> str:
    """What JSON calls the type of a value."""
    names = {
        bool: "a boolean",
        int: "a number",
        float: "a number",
        str: "a string",
        list: "a list",
        dict: "an object",
    }
    return "null" if value is None else names.get(type(value), type(value).__name__)


def quote(text: str) -> str:
    """A name or value of the client's, shortened, as one line of ASCII."""
    return json.dumps(text[:80] + "…" if len(text) > 80 else text, ensure_ascii=True)


def listed(names: Sequence[Any]) -> str:
    """Names in a sentence, the first twelve."""
    return ", ".join(str(name) for name in names[:12]) + (
        f" and {len(names) - 12} more" if len(names) > 12 else ""
    )


def _short(value: float) -> str:
    return f"{value:.6g}" if isinstance(value, float) else f"a number of {len(str(abs(value)))} digits"
