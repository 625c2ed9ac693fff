"""Streams of pyarrow and polars, the columns that they become, and what is refused."""

from __future__ import annotations

import io
import json
from datetime import UTC, date, datetime
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from noren_bento.release.version import Column, Signature
from noren_bento.serving.arrow.columns import columns_of_stream
from noren_bento.serving.arrow.flat import Table
from noren_bento.serving.columns import MatrixColumns
from noren_bento.serving.refusal import Refusal
from noren_bento.serving.schema import Schema

COLUMNS = (
    Column("income", "number", "float64", missing=True),
    Column("age", "integer", "int8"),
    Column("rooms", "integer", "Int64", missing=True),
    Column("town", "text", "str", missing=True),
    Column("size", "text", "category", categories=("S", "M")),
    Column("floor", "integer", "category", categories=("1", "2")),
    Column("member", "boolean", "bool"),
    Column("active", "boolean", "boolean", missing=True),
    Column("since", "datetime", "datetime64[ns]", missing=True),
)
SCHEMA = Schema(Signature(COLUMNS, "regression"), max_rows=5)
ROWS: list[dict[str, Any]] = [
    {"income": 1.5, "age": 41, "rooms": 3, "town": "Róme", "size": "S", "floor": 2, "member": True,
     "active": False, "since": datetime(2020, 5, 17, 8, 30)},
    {"income": None, "age": -7, "rooms": None, "town": None, "size": "M", "floor": 1, "member": False,
     "active": None, "since": None},
    {"income": -2.25, "age": 18, "rooms": 4, "town": "a town whose name is long", "size": "S", "floor": 1,
     "member": True, "active": True, "since": datetime(1999, 12, 31, 23, 59, 59, 123456)},
]  # fmt: skip
NUMBERS = Schema(Signature(tuple(Column(name, "number", "float64") for name in "abc"), "regression"))


def stream(table: pa.Table, **options: Any) -> bytes:
    sink = io.BytesIO()
    with pa.ipc.new_stream(sink, table.schema, **options) as writer:
        writer.write_table(table)
    return sink.getvalue()


def table(*types: tuple[str, Any]) -> pa.Table:
    """The rows, with some columns of another type than pyarrow's own choice; None is a dictionary."""
    whole = pa.Table.from_pylist(ROWS)
    for name, kind in types:
        values = whole[name].dictionary_encode() if kind is None else whole[name].cast(kind)
        whole = whole.set_column(whole.column_names.index(name), name, values)
    return whole


def from_json() -> Any:
    return SCHEMA.decode(json.dumps({"rows": ROWS}, default=datetime.isoformat).encode())


def assert_same(found: Any, expected: Any) -> None:
    assert list(found) == list(expected)
    for name in expected:
        assert found[name].dtype == expected[name].dtype, name
        np.testing.assert_array_equal(found[name], expected[name], err_msg=name)


def refuse(body: bytes, schema: Schema = SCHEMA) -> Refusal:
    with pytest.raises(Refusal) as caught:
        columns_of_stream(body, schema)
    return caught.value


@pytest.mark.parametrize(
    "types",
    [
        [],
        [("income", pa.float32()), ("age", pa.int8()), ("floor", pa.uint64())],
        [("town", pa.large_string()), ("size", pa.large_string())],
        [("town", pa.string_view()), ("size", pa.string_view())],
        [("town", pa.dictionary(pa.int32(), pa.string())), ("size", pa.dictionary(pa.int8(), pa.string()))],
        [("floor", None), ("size", None)],
        [("since", pa.timestamp("us", "Europe/Rome"))],
        [("since", pa.timestamp("ns"))],
        [("rooms", pa.float64()), ("age", pa.float32())],
    ],
    ids=str,
)
def test_streams_of_pyarrow_are_the_columns_that_json_is(types: list[Any]) -> None:
    assert_same(columns_of_stream(stream(table(*types)), SCHEMA), from_json())


def test_streams_of_polars_are_the_columns_that_json_is() -> None:
    frame = pl.DataFrame(ROWS, schema_overrides={"size": pl.Categorical})
    for compat in (pl.CompatLevel.newest(), pl.CompatLevel.oldest()):
        sink = io.BytesIO()
        frame.write_ipc_stream(sink, compat_level=compat)
        assert_same(columns_of_stream(sink.getvalue(), SCHEMA), from_json())


def test_streams_of_pandas_are_the_columns_that_json_is() -> None:
    frame = pd.DataFrame(ROWS)  # None becomes NaN in `income` and `rooms`
    assert_same(columns_of_stream(stream(pa.Table.from_pandas(frame)), SCHEMA), from_json())


def test_columns_may_stand_in_any_order_and_rows_in_several_batches() -> None:
    given = pa.Table.from_pylist(ROWS).select([column.name for column in COLUMNS[::-1]])
    body = stream(pa.concat_tables([given.slice(0, 1), given.slice(1, 0), given.slice(1)]))
    assert_same(columns_of_stream(body, SCHEMA), from_json())


def test_a_slice_and_dictionaries_that_grow_are_read() -> None:
    given = table(("size", pa.dictionary(pa.int8(), pa.string()))).slice(1)
    halves = [given.slice(0, 1), given.slice(1)]
    body = stream(pa.concat_tables(halves), options=pa.ipc.IpcWriteOptions(emit_dictionary_deltas=True))
    assert columns_of_stream(body, SCHEMA)["size"].tolist() == ["M", "S"]


def test_numbers_become_one_matrix() -> None:
    given = pa.table(
        {"c": [5, 6], "a": pa.array([1.5, 2.5], pa.float32()), "b": pa.array([3, 4], pa.uint8())}
    )
    columns = columns_of_stream(stream(given), NUMBERS)
    assert isinstance(columns, MatrixColumns)
    assert columns.matrix.tolist() == [[1.5, 3, 5], [2.5, 4, 6]]


@pytest.mark.parametrize(
    ("changes", "column", "row", "words"),
    [
        ({"income": [1.0, np.inf, 2.0]}, "income", 1, "holds inf"),
        ({"income": [1.0, 1e39, 2.0]}, "income", 1, "at most"),
        ({"income": ["1", "2", "3"]}, "income", None, "must be a number, not Arrow's utf8"),
        ({"age": [1, 2, None]}, "age", 2, "null is not taken here"),
        ({"age": [1, 2, 128]}, "age", 2, "int8 takes -128 to 127"),
        ({"age": [1.0, 2.5, 3.0]}, "age", 1, "a whole number, not 2.5"),
        ({"age": pa.array([1, 2, 2**64 - 1], pa.uint64())}, "age", 2, "int8 takes"),
        ({"rooms": [None, 1e300, 3.0]}, "rooms", 1, "Int64 takes"),
        ({"town": ["a", None, "b\0"]}, "town", 2, "no text"),
        ({"size": ["S", "L", "M"]}, "size", 1, '"L", which the model does not know'),
        ({"floor": [1, 2, 3]}, "floor", 2, "does not know"),
        ({"member": [1, 0, 1]}, "member", None, "must be true or false, not Arrow's int64"),
        ({"since": [date(1, 1, 1), None, None]}, "since", 0, "years from 1678 to 2261"),
        ({"since": pa.array([2**62, 1, 2], pa.timestamp("s"))}, "since", 0, "years from 1678"),
        ({"since": ["2020-01-01", None, None]}, "since", None, "a timestamp or a date, not Arrow's utf8"),
        ({"town": [[1], [], []]}, "town", None, "must be a string, not Arrow's list"),
        ({"size": [None, None, None]}, "size", None, "not Arrow's null"),
        ({"incom": [1, 2, 3]}, "incom", None, 'Did you mean "income"?'),
        ({"__index_level_0__": [1, 2, 3]}, "__index_level_0__", None, "The model takes: income"),
    ],
)  # fmt: skip
def test_a_wrong_column_is_refused_with_its_name_and_row(
    changes: dict[str, Any], column: str, row: int | None, words: str
) -> None:
    given = pa.Table.from_pylist(ROWS)
    for name, values in changes.items():
        place = given.column_names.index(name) if name in given.column_names else given.num_columns
        rest = given.drop_columns([name]) if name in given.column_names else given
        given = rest.add_column(place, name, values if isinstance(values, pa.Array) else pa.array(values))
    refusal = refuse(stream(given))
    assert (refusal.status, refusal.column, refusal.row) == (422, column, row)
    assert words in refusal.error


def test_missing_columns_doubled_columns_and_counts_are_refused() -> None:
    given = pa.Table.from_pylist(ROWS)
    assert refuse(stream(given.drop_columns(["age"]))).column == "age"
    doubled = given.append_column("age", given["age"])
    assert "twice" in refuse(stream(doubled)).error
    assert "no rows" in refuse(stream(given.slice(0, 0))).error
    assert refuse(stream(pa.concat_tables([given, given]))).status == 413


def test_a_column_of_nulls_alone_is_missing_values() -> None:
    rows = [{**row, "income": None, "town": None, "since": None, "active": None} for row in ROWS]
    columns = columns_of_stream(stream(pa.Table.from_pylist(rows)), SCHEMA)
    assert np.isnan(columns["income"]).all()
    assert np.isnat(columns["since"]).all()
    assert columns["town"].tolist() == [None] * 3


@pytest.mark.parametrize("codec", ["lz4", "zstd"])
def test_compressed_buffers_are_refused_with_what_to_do(codec: str) -> None:
    body = stream(pa.Table.from_pylist(ROWS), options=pa.ipc.IpcWriteOptions(compression=codec))
    refusal = refuse(body)
    assert (refusal.status, "send them uncompressed" in refusal.error) == (415, True)


def test_what_is_no_stream_is_400() -> None:
    sink = io.BytesIO()
    given = pa.Table.from_pylist(ROWS)
    with pa.ipc.new_file(sink, given.schema) as writer:
        writer.write_table(given)
    assert "send the stream format" in refuse(sink.getvalue()).error
    whole = stream(given)
    for body in (b"", b"{}", b"\xff" * 64, whole[:100], whole[:-400], whole[8:]):
        assert refuse(body).status in (400, 422)


SIZES = pa.dictionary(pa.int8(), pa.string())
WHOLE = stream(table()), stream(table(("town", pa.string_view()), ("size", SIZES)))


@given(st.data())
def test_a_damaged_stream_is_taken_or_refused_but_never_fails(data: st.DataObject) -> None:
    body = bytearray(data.draw(st.sampled_from(WHOLE)))
    for _ in range(data.draw(st.integers(1, 4))):
        place = data.draw(st.integers(0, len(body) - 1))
        body[place] = data.draw(st.integers(0, 255))
    try:
        taken = columns_of_stream(bytes(body), SCHEMA)
    except Refusal as refusal:
        taken = {}
        json.dumps(refusal.body(), allow_nan=False)
    assert all(len(values) <= 5 for values in taken.values())


@given(
    st.lists(
        st.tuples(
            st.none() | st.floats(-1e30, 1e30),
            st.integers(-128, 127),
            st.none()
            | st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=20),
            st.none() | st.datetimes(datetime(1700, 1, 1), datetime(2200, 1, 1)),
        ),
        min_size=1,
        max_size=5,
    ),
    st.sampled_from(
        [pa.string(), pa.large_string(), pa.string_view(), pa.dictionary(pa.int32(), pa.string())]
    ),
)
def test_any_rows_are_the_same_in_arrow_as_in_json(rows: list[Any], text: Any) -> None:
    columns = (COLUMNS[0], COLUMNS[1], COLUMNS[3], COLUMNS[8])
    schema = Schema(Signature(columns, "regression"))
    names = [column.name for column in columns]
    kinds = (pa.float64(), pa.int64(), text, pa.timestamp("us"))
    arrays = [pa.array(values, kind) for values, kind in zip(zip(*rows, strict=True), kinds, strict=True)]
    whole = json.dumps(
        {"rows": [dict(zip(names, row, strict=True)) for row in rows]}, default=datetime.isoformat
    )
    assert_same(columns_of_stream(stream(pa.table(arrays, names)), schema), schema.decode(whole.encode()))


def test_times_with_a_zone_are_read_as_utc() -> None:
    given = pa.table({"since": pa.array([datetime(2020, 1, 1, 12, tzinfo=UTC)], pa.timestamp("ms", "UTC"))})
    schema = Schema(Signature((COLUMNS[8],), "regression"))
    assert columns_of_stream(stream(given), schema)["since"][0] == np.datetime64("2020-01-01T12:00")


def test_columns_that_share_the_bytes_of_a_long_name_are_refused_before_they_fill_memory() -> None:
    body = bytearray(stream(pa.table({"x" * 5000: [1.0], "b": [2.0]})))
    metadata = memoryview(body)[8 : 8 + int.from_bytes(body[4:8], "little")]
    schema = Table.root(metadata).table(2)
    assert schema is not None
    start, length = schema.vector(1)
    assert length == 2
    first = start + int.from_bytes(metadata[start : start + 4], "little")
    metadata[start + 4 : start + 8] = (first - start - 4).to_bytes(4, "little", signed=True)
    with pytest.raises(Refusal, match="its columns share their names") as refused:
        columns_of_stream(bytes(body), SCHEMA)
    assert refused.value.status == 400
