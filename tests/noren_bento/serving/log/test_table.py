"""What of a request is in the log, under which name and type."""

from __future__ import annotations

import hashlib
import io
from datetime import UTC, datetime
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest

from noren_bento.release.version import Column, Signature
from noren_bento.serving.answers import Answers
from noren_bento.serving.batch import Batch
from noren_bento.serving.columns import Columns, MatrixColumns
from noren_bento.serving.log.parquet import write_table
from noren_bento.serving.log.table import Table

AT = 1_700_000_000.25
COLUMNS = (
    Column("income", "number", "float64", missing=True),
    Column("age", "integer", "Int64", missing=True),
    Column("member", "boolean", "bool"),
    Column("home-town", "text", "object", missing=True),
    Column("Time", "datetime", "datetime64[ns]", missing=True),
    Column("seen", "datetime", "datetime64[ns, UTC]"),
)
SIGNATURE = Signature(COLUMNS, "classification", classes=("no", "yes"), probabilities=True)
INPUTS: dict[str, Any] = {
    "income": np.array([1.5, np.nan]),
    "age": np.array([41, np.nan]),
    "member": np.array([True, False]),
    "home-town": np.array(["Rome", None], dtype=object),
    "Time": np.array(["2031-05-17T08:30", "NaT"], dtype="datetime64[us]"),
    "seen": np.array(["2031-05-17T08:30", "2031-05-17T09:30"], dtype="datetime64[us]"),
}
ANSWERS = Answers(np.array(["yes", "no"], dtype=object), np.array([[0.25, 0.75], [0.5, 0.5]]))


def batch(columns: Columns, answers: Answers, sizes: tuple[int, ...] = (2,)) -> Batch:
    ids = tuple(f"r{place}".encode() for place in range(len(sizes)))
    return Batch(columns, answers, sizes, ids, tuple(AT + place for place in range(len(sizes))))


def read(table: Table, given: Batch, requests: Any = None) -> dict[str, list[Any]]:
    data = write_table(table.fields, table.encode(given, requests))
    found: dict[str, list[Any]] = pq.read_table(io.BytesIO(data)).to_pydict()
    return found


def test_a_row_has_its_key_its_inputs_and_its_outputs() -> None:
    moment = datetime(2031, 5, 17, 8, 30)
    assert read(Table("churn/3", SIGNATURE), batch(INPUTS, ANSWERS)) == {
        "request_id": ["r0", "r0"],
        "row": [0, 1],
        "version": ["churn/3", "churn/3"],
        "time": [datetime(2023, 11, 14, 22, 13, 20, 250_000, UTC)] * 2,
        "income": [1.5, None],
        "age": [41, None],
        "member": [True, False],
        "home-town": ["Rome", None],
        "input_Time": [moment, None],
        "seen": [moment.replace(tzinfo=UTC), moment.replace(hour=9, tzinfo=UTC)],
        "prediction": ["yes", "no"],
        "probability_no": [0.25, 0.5],
        "probability_yes": [0.75, 0.5],
    }


@pytest.mark.parametrize(
    ("scores", "expected"),
    [
        (np.array([-0.5, 2.0]), {"score": [-0.5, 2.0]}),
        (np.array([[1.0, 2.0], [3.0, 4.0]]), {"score_0": [1.0, 3.0], "score_1": [2.0, 4.0]}),
    ],
)
def test_scores_are_logged(scores: np.ndarray, expected: dict[str, list[float]]) -> None:
    names = ("score", "age")
    signature = Signature(
        tuple(Column(name, "number", "float64") for name in names),
        "classification",
        classes=("no", "yes"),
        scores=scores.size // len(scores),
    )
    answers = Answers(np.array(["yes", "no"], dtype=object), scores=scores)
    columns = MatrixColumns(names, np.array([[1.0, 2.0], [3.0, 4.0]]))
    found = read(Table("churn/3", signature), batch(columns, answers))
    assert {
        name: values for name, values in found.items() if name.startswith("score_") or name == "score"
    } == (expected if "score" in expected else {"score": [1.0, 3.0], **expected})
    assert ("input_score" in found) == ("score" in expected)


def test_of_several_requests_those_that_are_chosen_are_written() -> None:
    signature = Signature((Column("a", "number", "float64"), Column("b", "number", "float64")), "regression")
    columns = MatrixColumns(("a", "b"), np.arange(12.0).reshape(6, 2))
    given = batch(columns, Answers(np.arange(6.0)), sizes=(1, 3, 2))
    found = read(Table("price/1", signature), given, np.array([True, False, True]))
    assert found["request_id"] == ["r0", "r2", "r2"]
    assert found["row"] == [0, 0, 1]
    assert (found["a"], found["b"]) == ([0.0, 8.0, 10.0], [1.0, 9.0, 11.0])
    assert found["prediction"] == [0.0, 4.0, 5.0]
    assert [moment.second for moment in found["time"]] == [20, 22, 22]


@pytest.mark.parametrize(
    ("signature", "predictions", "expected"),
    [
        (Signature((), "clustering"), np.array([1, 0], np.int32), {"prediction": [1, 0]}),
        (
            Signature((), "classification", classes=(False, True)),
            np.array([True, False]),
            {"prediction": [True, False]},
        ),
        (
            Signature((), "classification", classes=(1, "a")),
            np.array([1, "a"], object),
            {"prediction": ["1", "a"]},
        ),
        (Signature((), "regression"), np.array([1.5, 2.5], np.float32), {"prediction": [1.5, 2.5]}),
        (
            Signature((), "regression", targets=("low", "high")),
            np.array([[1.0, 2.0], [3.0, 4.0]]),
            {"prediction_0": [1.0, 3.0], "prediction_1": [2.0, 4.0]},
        ),
        (
            Signature((), "classification", targets=("a", "b"), target_classes=((0, 1), ("x", "y"))),
            np.array([[0, "x"], [1, "y"]], object),
            {"prediction_0": [0, 1], "prediction_1": ["x", "y"]},
        ),
    ],
)
def test_predictions_have_the_type_of_the_models_classes_or_values(
    signature: Signature, predictions: Any, expected: dict[str, list[Any]]
) -> None:
    found = read(Table("m/1", signature), batch({}, Answers(predictions)))
    assert {name: values for name, values in found.items() if name.startswith("prediction")} == expected


def test_columns_that_must_not_be_stored_are_not_there() -> None:
    table = Table("churn/3", SIGNATURE, drop=("income", "churn/Time", "other/age", "probability_no"))
    found = read(table, batch(INPUTS, ANSWERS))
    assert not {"income", "Time", "input_Time", "probability_no"} & found.keys()
    assert {"age", "probability_yes"} <= found.keys()


def test_hashed_columns_have_a_keyed_hash_in_place_of_each_value() -> None:
    key = b"k" * 32
    table = Table("churn/3", SIGNATURE, hashed=("home-town", "churn/age", "Time"), key=key)
    found = read(table, batch(INPUTS, ANSWERS))

    def digest(text: str) -> str:
        return hashlib.blake2b(text.encode(), key=key, digest_size=16).hexdigest()

    assert found["home-town"] == [digest("Rome"), None]
    assert found["age"] == [digest("41"), None]
    assert found["input_Time"] == [digest("2031-05-17 08:30:00"), None]
    complete = {**INPUTS, "age": np.array([41, 7])}
    assert read(table, batch(complete, ANSWERS))["age"] == [digest("41"), digest("7")]
    other = read(Table("churn/4", SIGNATURE, hashed=("age",), key=b"x" * 32), batch(INPUTS, ANSWERS))
    assert other["age"] != found["age"]


def test_a_name_of_this_models_that_is_no_column_of_it_is_said() -> None:
    drop = ("churn/emial", "emial", "other/emial", "churn/age", "churn/input_Time", "churn/Time")
    assert Table("churn/3", SIGNATURE, drop=drop, hashed=("churn/phone",)).unknown == (
        "churn/emial",
        "churn/phone",
    )


def test_what_is_both_dropped_and_hashed_is_dropped() -> None:
    table = Table("churn/3", SIGNATURE, drop=("age",), hashed=("age",), key=b"k")
    assert "age" not in {field.name for field in table.fields}


def test_no_two_columns_have_one_name_even_where_case_is_not_looked_at() -> None:
    names = ("time", "input_time", "DATE", "prediction", "probability_1", "Row", "input_Row", "version")
    columns = tuple(Column(name, "number", "float64") for name in names)
    signature = Signature(columns, "classification", classes=(0, 1), probabilities=True)
    stored = [field.name.casefold() for field in Table("m/1", signature).fields]
    assert len(set(stored)) == len(stored) == 4 + len(names) + 3
    assert "date" not in stored
