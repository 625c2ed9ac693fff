from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from noren_bento.release.version import Column, Signature
from noren_bento.serving.refusal import Refusal
from noren_bento.serving.schema import Schema

COLUMNS = (
    Column("income", "number", "float64"),
    Column("age", "integer", "int8"),
    Column("town", "text", "str", missing=True),
    Column("size", "text", "category", categories=("S", "M")),
    Column("floor", "integer", "category", categories=("1", "2")),
    Column("member", "boolean", "bool"),
    Column("since", "datetime", "datetime64[ns]", missing=True),
)
ROW = {
    "income": 1.5,
    "age": 41,
    "town": "Rome",
    "size": "S",
    "floor": 2,
    "member": True,
    "since": "2020-05-17T08:30:00",
}
SCHEMA = Schema(Signature(COLUMNS, "regression"), closed={"town": ("Rome", "Oslo")}, max_rows=3)


def body(**changes: Any) -> bytes:
    return json.dumps({"rows": [ROW, {**ROW, **changes}]}).encode()


def refuse(content: bytes) -> Refusal:
    with pytest.raises(Refusal) as caught:
        SCHEMA.decode(content)
    return caught.value


def test_a_body_that_fits_becomes_columns_of_the_right_types() -> None:
    columns = SCHEMA.decode(body(town=None, since=None))
    assert columns["income"].tolist() == [1.5, 1.5]
    assert columns["age"].dtype == np.int64
    assert columns["town"].tolist() == ["Rome", None]
    assert columns["floor"].tolist() == [2, 2]
    assert columns["member"].dtype == np.bool_
    assert columns["since"][0] == np.datetime64("2020-05-17T08:30:00")
    assert np.isnat(columns["since"][1])


def test_a_whole_number_may_be_written_with_a_point() -> None:
    columns = SCHEMA.decode(body(age=40.0))
    assert columns["age"].tolist() == [41, 40]
    assert columns["age"].dtype == np.int64


def test_a_time_with_an_offset_is_read_as_utc() -> None:
    assert SCHEMA.decode(body(since="2020-05-17T08:30:00+02:00"))["since"][1] == np.datetime64(
        "2020-05-17T06:30"
    )


@pytest.mark.parametrize(
    ("changes", "column", "words"),
    [
        ({"income": "1"}, "income", "must be a number, not a string"),
        ({"income": None}, "income", "null is not taken here"),
        ({"income": True}, "income", "not a boolean"),
        ({"income": float("nan")}, "income", "not JSON"),
        ({"income": 1e39}, "income", "at most"),
        ({"income": 10**400}, "income", "401 digits"),
        ({"income": [1]}, "income", "not a list"),
        ({"age": 41.5}, "age", "a whole number, not 41.5"),
        ({"age": 128}, "age", "int8 takes -128 to 127"),
        ({"age": 2**70}, "age", "int8 takes"),
        ({"age": "41"}, "age", "not a string"),
        ({"town": "Bonn"}, "town", '"Bonn", which the model does not know. It takes: Rome, Oslo'),
        ({"town": 3}, "town", "must be a string"),
        ({"town": "Ro\0me"}, "town", "no text"),
        ({"town": "\ud800"}, "town", "no text"),
        ({"size": "L"}, "size", "does not know"),
        ({"floor": 3}, "floor", "does not know"),
        ({"member": 1}, "member", "true or false"),
        ({"since": "yesterday"}, "since", 'ISO 8601 string such as 2031-05-17T08:30:00, not "yesterday"'),
        ({"since": "0001-01-01"}, "since", "ISO 8601"),
        ({"incom": 1}, "incom", 'Did you mean "income"?'),
        ({"": 1}, "", 'no column ""'),
    ],
)  # fmt: skip
def test_a_wrong_value_is_refused_with_its_column_and_row(
    changes: dict[str, Any], column: str, words: str
) -> None:
    refusal = refuse(body(**changes))
    assert (refusal.status, refusal.column, refusal.row) == (422, column, 1)
    assert words in refusal.error


def test_a_column_that_is_not_there_is_named() -> None:
    refusal = refuse(
        json.dumps({"rows": [{key: value for key, value in ROW.items() if key != "age"}]}).encode()
    )
    assert (refusal.column, refusal.row) == ("age", 0)


@pytest.mark.parametrize(
    ("content", "status", "words"),
    [
        (b"", 400, "not JSON"),
        (b"{", 400, "not JSON"),
        (b"\xff\xfe", 400, "not JSON"),
        (b"[" * 200_000, 400, "nested"),
        (b"[]", 422, '"rows"'),
        (b'{"row": []}', 422, 'no "rows"'),
        (b'{"rows": {}}', 422, "must be a list"),
        (b'{"rows": []}', 422, "no rows"),
        (b'{"rows": [3]}', 422, "Row 0 must be an object"),
        (b'{"rows": [], "more": 1}', 422, "more"),
        (json.dumps({"rows": [ROW] * 4}).encode(), 413, "at most 3"),
    ],
)
def test_a_body_that_is_no_list_of_rows_is_refused(content: bytes, status: int, words: str) -> None:
    refusal = refuse(content)
    assert refusal.status == status
    assert words in refusal.error


def test_a_column_that_is_given_twice_is_refused_with_its_row() -> None:
    refusal = refuse(json.dumps({"rows": [ROW, ROW]}).encode()[:-3] + b', "age": 42}]}')
    assert (refusal.status, refusal.column, refusal.row) == (422, "age", 1)
    assert "twice" in refusal.error


def test_a_column_that_is_given_twice_is_seen_though_the_decoder_keeps_the_last() -> None:
    schema = Schema(Signature((Column("a:b", "number", "float64"), Column("t", "text", "str")), "regression"))
    assert schema.decode(rb'{"rows": [{"a:b": 1, "t": "x: y"}]}')["t"].tolist() == ["x: y"]
    for twice in (
        rb'{"rows": [{"a:b": 1, "a:b": 2, "t": "x"}]}',
        rb'{"rows": [{"a:b": 1, "a:b": 2, "t": "\u003A\u003a"}]}',
        rb'{"rows": [{"a:b": 1, "t": "x", "t": "y:"}]}',
        rb'{"rows": [], "rows": [{"a:b": 1, "t": "x"}]}',
    ):
        with pytest.raises(Refusal, match="twice"):
            schema.decode(twice)


def test_utf_16_and_a_byte_order_mark_are_no_json() -> None:
    for content in (json.dumps({"rows": [ROW]}).encode("utf-16"), b"\xef\xbb\xbf" + body()):
        assert refuse(content).status == 400


anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.sampled_from(list(ROW.values())),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(list(ROW)), inner, max_size=7)
    ),
    max_leaves=10,
)


def take_or_refuse(content: bytes) -> tuple[Any, Refusal | None]:
    try:
        return SCHEMA.decode(content), None
    except Refusal as refusal:
        return {}, refusal


@given(st.fixed_dictionaries(dict.fromkeys(ROW, anything)) | anything)
def test_any_row_is_either_taken_or_refused_with_a_reason(row: Any) -> None:
    taken, refusal = take_or_refuse(json.dumps({"rows": [row]}).encode())
    assert all(len(values) == 1 for values in taken.values())
    assert refusal is None or (400 <= refusal.status < 500 and refusal.error)
    json.dumps(refusal.body() if refusal else {}, allow_nan=False)


@given(st.binary(max_size=200))
def test_any_bytes_are_refused(content: bytes) -> None:
    assert refuse(content).status in (400, 422)
