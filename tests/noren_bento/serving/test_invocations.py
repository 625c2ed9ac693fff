from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from noren_bento.release.version import Column, Signature
from noren_bento.serving.invocations import KEPT_ORDERS, Invocations
from noren_bento.serving.mlflow_rows import FORMATS as FORMATS_OF_MLFLOW
from noren_bento.serving.refusal import Refusal
from noren_bento.serving.schema import Schema
from noren_bento.serving.worker import Worker
from tests.noren_bento.builds import numbers
from tests.noren_bento.serving.asking import ask
from tests.noren_bento.serving.folders import write_folder

COLUMNS = (
    Column("income", "number", "float64", missing=True),
    Column("age", "integer", "int8"),
    Column("town:name", "text", "str", missing=True),
    Column("since", "datetime", "datetime64[ns]"),
)
SCHEMA = Schema(Signature(COLUMNS, "regression"), max_rows=3)
INVOCATIONS = Invocations(SCHEMA)
ROWS = [
    {"income": 1.5, "age": 41, "town:name": "Rome: EUR", "since": "2020-05-17T08:30:00"},
    {"income": None, "age": 18, "town:name": None, "since": "2021-01-01T00:00:00"},
]
NAMES = list(ROWS[0])
LISTS = [list(row.values()) for row in ROWS]
BACKWARDS = {"columns": NAMES[::-1], "data": [one[::-1] for one in LISTS]}
BODIES: dict[str, Any] = {
    "split": {"dataframe_split": {"columns": NAMES, "index": [0, "a:b"], "data": LISTS}},
    "split in another order": {"dataframe_split": BACKWARDS},
    "split without columns": {"dataframe_split": {"data": LISTS}},
    "split of an array": {"dataframe_split": {"columns": [0, 1, 2, 3], "data": LISTS}},
    "records": {"dataframe_records": ROWS},
    "instances as objects": {"instances": ROWS},
    "instances as lists": {"instances": LISTS},
    "inputs as lists": {"inputs": LISTS},
    "inputs by column": {"inputs": {name: [row[name] for row in ROWS] for name in NAMES}},
    "inputs as tensors": {"inputs": {name: [[row[name]] for row in ROWS] for name in NAMES}},
    "with empty params": {"dataframe_records": ROWS, "params": {}},
}


def same(one: Any, other: Any) -> bool:
    return all(
        one[name].dtype == other[name].dtype and one[name].tolist() == pytest.approx(other[name].tolist(), nan_ok=True)
        if one[name].dtype.kind == "f"
        else one[name].tolist() == other[name].tolist()
        for name in NAMES
    )  # fmt: skip


def refuse(document: Any) -> Refusal:
    with pytest.raises(Refusal) as caught:
        INVOCATIONS.decode(json.dumps(document).encode())
    return caught.value


@pytest.mark.parametrize("name", BODIES)
def test_each_format_is_the_same_rows(name: str) -> None:
    expected = SCHEMA.decode(json.dumps({"rows": ROWS}).encode())
    assert same(INVOCATIONS.decode(json.dumps(BODIES[name]).encode()), expected)


def test_rows_in_another_order_of_columns_become_a_matrix_in_the_models() -> None:
    schema = Schema(Signature(tuple(Column(name, "number", "float64") for name in "abc"), "regression"))
    document = {"dataframe_split": {"columns": ["c", "a", "b"], "data": [[3, 1, 2], [6, 4, 5]]}}
    columns: Any = Invocations(schema).decode(json.dumps(document).encode())
    assert columns.matrix.tolist() == [[1, 2, 3], [4, 5, 6]]
    assert columns.matrix.flags.c_contiguous


def test_one_column_may_come_as_plain_values() -> None:
    invocations = Invocations(Schema(Signature((Column("x0", "number", "float64"),), "regression")))
    for what in ("instances", "inputs"):
        assert invocations.decode(json.dumps({what: [1, 2.5]}).encode())["x0"].tolist() == [1, 2.5]


def test_one_row_may_come_as_one_value_a_column() -> None:
    assert INVOCATIONS.decode(json.dumps({"inputs": ROWS[0]}).encode())["age"].tolist() == [41]


def test_orders_of_columns_are_forgotten_so_that_no_client_fills_the_memory() -> None:
    names = tuple("abcde")
    schema = Schema(Signature(tuple(Column(name, "number", "float64") for name in names), "regression"))
    invocations = Invocations(schema)
    random = np.random.default_rng(0)
    for _ in range(3 * KEPT_ORDERS):
        order = random.permutation(5)
        split = {"columns": [names[place] for place in order], "data": [order.tolist()]}
        columns: Any = invocations.decode(json.dumps({"dataframe_split": split}).encode())
        assert columns.matrix.tolist() == [[0, 1, 2, 3, 4]]
    assert len(invocations._orders) <= KEPT_ORDERS


@pytest.mark.parametrize(
    ("document", "column", "row", "words"),
    [
        ([], None, None, "must be an object with one of dataframe_split"),
        ({}, None, None, "it has none"),
        ({"instances": LISTS, "inputs": LISTS}, None, None, "it has inputs and instances"),
        ({"rows": ROWS}, None, None, '"rows" is none of them'),
        ({"dataframe_records": ROWS, "params": {"k": 1}}, None, None, 'takes no "params"'),
        ({"dataframe_records": ROWS, "params": False}, None, None, 'takes no "params"'),
        ({"dataframe_records": {}}, None, None, "must be a list of rows, not an object"),
        ({"dataframe_records": []}, None, None, "no rows"),
        ({"dataframe_records": [{**ROWS[0], "age": "x"}]}, "age", 0, "a whole number, not a string"),
        ({"instances": {"age": [1]}}, None, None, "must be a list of rows, not an object"),
        ({"instances": [ROWS[0], {**ROWS[0], "aeg": 1}]}, "aeg", 1, 'Did you mean "age"'),
        ({"instances": [LISTS[0], LISTS[0][:2]]}, None, 1, "has 2 values for 4 columns: income, age"),
        ({"instances": [3]}, None, 0, "a list of 4 values or an object, not a number"),
        ({"inputs": {"age": [1, 2], "income": [1]}}, "income", None, "has 1 values, another has 2"),
        ({"inputs": {"age": [1, 2], "income": 1}}, "income", None, "must be a list like the others"),
        ({"inputs": {"age": [1, 2]}}, "income", 0, "is not there"),
        ({"inputs": "all"}, None, None, "must be a list of rows, not a string"),
        ({"dataframe_split": []}, None, None, "must be an object"),
        ({"dataframe_split": {"data": LISTS, "rows": 1}}, None, None, "takes columns, index and data"),
        ({"dataframe_split": {"data": LISTS, "index": {}}}, None, None, "must be a list, not an object"),
        ({"dataframe_split": {"columns": NAMES}}, None, None, '"data" must be a list of rows, not null'),
        ({"dataframe_split": {"columns": ["age", "age"], "data": []}}, "age", None, "given twice"),
        ({"dataframe_split": {"columns": "age", "data": []}}, None, None, "must be a list of names"),
        ({"dataframe_split": {"columns": NAMES, "data": [LISTS[0], {}]}}, None, 1, "a list of values"),
        ({"dataframe_split": {"columns": NAMES[:3], "data": [LISTS[0][:3]]}}, "since", 0, "is not there"),
        ({"dataframe_split": {"columns": NAMES, "data": [[1, 200, None, "2020-01-01"]]}}, "age", 0, "int8"),
    ],
)  # fmt: skip
def test_what_does_not_fit_is_refused_with_its_column_and_row(
    document: Any, column: str | None, row: int | None, words: str
) -> None:
    refusal = refuse(document)
    assert (refusal.status, refusal.column, refusal.row) == (422, column, row)
    assert words in refusal.error


def test_too_many_rows_are_413() -> None:
    assert refuse({"instances": LISTS * 2}).status == 413


anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text("age:", max_size=5),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from([*NAMES, "columns", "data"]), inner)
    ),
    max_leaves=12,
)


def take_or_refuse(content: bytes) -> tuple[Any, Refusal | None]:
    try:
        return INVOCATIONS.decode(content), None
    except Refusal as refusal:
        return {}, refusal


@given(st.dictionaries(st.sampled_from([*FORMATS_OF_MLFLOW, "params"]), anything))
def test_any_document_is_either_taken_or_refused_with_a_reason(document: Any) -> None:
    taken, refusal = take_or_refuse(json.dumps(document).encode())
    assert {len(values) for values in taken.values()} <= {1, 2, 3}
    assert refusal is None or (400 <= refusal.status < 500 and refusal.error)
    json.dumps(refusal.body() if refusal else {}, allow_nan=False)


@pytest.fixture(scope="module")
def mlflow_server(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """MLflow's own scoring server, in process, with the same fitted model."""
    import mlflow
    from fastapi.testclient import TestClient
    from mlflow.models import infer_signature
    from mlflow.pyfunc import load_model
    from mlflow.pyfunc.scoring_server import init
    from sklearn.linear_model import LogisticRegression

    X, y = numbers()
    model = LogisticRegression().fit(X, y)
    path = tmp_path_factory.mktemp("mlflow") / "model"
    mlflow.sklearn.save_model(model, path, signature=infer_signature(X, y))
    return TestClient(init(load_model(str(path)))), model


@pytest.mark.filterwarnings("ignore")  # mlflow's, starlette's and httpx's own
def test_answers_are_those_of_mlflows_own_server(mlflow_server: Any, tmp_path: Path) -> None:
    client, model = mlflow_server
    X, y = numbers()
    worker = Worker(write_folder(tmp_path / "model", model, X, y, steps=()), counts=tmp_path / "counts")
    head = X.head(5)
    for document in (
        {"dataframe_split": head.to_dict(orient="split")},
        {"dataframe_records": head.to_dict(orient="records")},
        {"inputs": head.to_dict(orient="list")},
        {"instances": head.to_dict(orient="records")},
    ):
        theirs = client.post("/invocations", json=document)
        ours = ask(worker, "POST", "/invocations", json=document, headers={"x-request-id": "abc"})
        assert theirs.status_code == ours.status_code == 200, theirs.text
        assert ours.json() == theirs.json()
        assert (ours.headers["x-noren-version"], ours.headers["x-request-id"]) == ("churn/1", "abc")
        assert ours.headers["content-type"] == theirs.headers["content-type"]
    worker.threads.shutdown()
