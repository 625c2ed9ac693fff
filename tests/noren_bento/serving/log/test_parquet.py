"""The Parquet that the log writes is what Arrow's and Polars' own readers take it for."""

from __future__ import annotations

import io
from datetime import UTC, datetime
from itertools import pairwise

import numpy as np
import polars as pl
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from noren_bento.serving.log.encode import encode
from noren_bento.serving.log.parquet import Chunk, Field, Kind, join_chunks, read_table, write_table
from noren_bento.serving.log.thrift import I64, read_struct, write_struct

MOMENT = datetime(2031, 5, 17, 8, 30, 0, 250_000)
VALUES = {
    "number": [1.5, None, -0.0, 1e300],
    "integer": [2**63 - 1, -(2**63), None, 7],
    "boolean": [True, None, False, True],
    "text": ["Rome", None, "", "naïve 漢字"],
    "moment": [MOMENT.replace(tzinfo=UTC), None, MOMENT.replace(tzinfo=UTC), MOMENT.replace(tzinfo=UTC)],
    "local": [MOMENT, MOMENT, None, MOMENT],
}
FIELDS = tuple(Field(f"a {kind}", kind, optional=True) for kind in VALUES)


def chunk_of(kind: Kind, values: list[object]) -> Chunk:
    plain = {
        "integer": lambda known: np.array(known, np.int64),
        "boolean": lambda known: np.array(known, np.bool_),
        "number": lambda known: np.array(known, np.float64),
        "text": lambda known: np.array(known, object),
    }
    known = [value for value in values if value is not None]
    if kind in ("moment", "local"):
        array = np.array([value.replace(tzinfo=None) for value in known], "datetime64[us]")  # type: ignore[attr-defined]
    else:
        array = plain[kind](known)
    whole = encode(Field("", kind, optional=True), array)
    valid = np.array([value is not None for value in values])
    return Chunk(len(values), whole.values, None if valid.all() else valid)


def chunks(start: int = 0, stop: int = 4) -> list[Chunk]:
    return [chunk_of(field.kind, VALUES[field.kind][start:stop]) for field in FIELDS]


@pytest.mark.parametrize("compressed", [False, True])
def test_other_readers_see_the_same_values_and_types(compressed: bool) -> None:
    data = write_table(FIELDS, chunks(), compressed=compressed)
    expected = {f"a {kind}": values for kind, values in VALUES.items()}
    table = pq.read_table(io.BytesIO(data))
    assert table.to_pydict() == expected
    frame = pl.read_parquet(io.BytesIO(data))
    assert frame.to_dict(as_series=False) == expected
    assert [str(kind) for kind in table.schema.types] == [
        *("double", "int64", "bool", "string", "timestamp[us, tz=UTC]", "timestamp[us]")
    ]


def test_columns_that_must_have_values_have_no_levels() -> None:
    fields = [Field("n", "number"), Field("row", "small"), Field("yes", "boolean")]
    arrays = [np.arange(3.0), np.arange(3), np.array([True, False, True])]
    data = write_table(fields, [encode(field, array) for field, array in zip(fields, arrays, strict=True)])
    table = pq.read_table(io.BytesIO(data))
    assert table.to_pydict() == {"n": [0.0, 1.0, 2.0], "row": [0, 1, 2], "yes": [True, False, True]}
    assert [field.nullable for field in table.schema] == [False] * 3


@given(st.lists(st.integers(0, 4), max_size=5), st.booleans())
def test_tables_that_are_joined_hold_the_rows_of_all(cuts: list[int], compressed: bool) -> None:
    edges = [0, *sorted(cuts), 4]
    parts = [
        read_table(write_table(FIELDS, chunks(start, stop), compressed=compressed))
        for start, stop in pairwise(edges)
    ]
    joined = [join_chunks([part.chunks[place] for part in parts]) for place in range(len(FIELDS))]
    assert len({part.schema for part in parts}) == 1
    whole = pq.read_table(io.BytesIO(write_table(parts[0].fields, joined, compressed=True)))
    assert whole.to_pydict() == {f"a {kind}": values for kind, values in VALUES.items()}


def test_files_of_others_and_damaged_ones_are_not_read() -> None:
    buffer = io.BytesIO()
    pl.DataFrame({"a": [1]}).write_parquet(buffer)
    good = write_table(FIELDS, chunks())
    for data in (b"", b"PAR1", buffer.getvalue(), good[:-1], good[:40] + good[-40:]):
        with pytest.raises(ValueError, match=r"Parquet|prediction log|thrift"):
            read_table(data)


@given(st.binary(max_size=40), st.lists(st.integers(-(2**62), 2**62), max_size=20))
def test_thrift_comes_back_as_it_was_written(text: bytes, numbers: list[int]) -> None:
    fields = {1: text, 3: [I64(number) for number in numbers], 40: {2: False, 900: [b"a", text] * 9}}
    assert read_struct(write_struct(fields), 0) == (fields, len(write_struct(fields)))
