from __future__ import annotations

import json
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from noren_bento.release.version import Column, Signature
from noren_bento.serving.document import write_document
from noren_bento.serving.invocations import Invocations
from noren_bento.serving.labels import read_labels
from noren_bento.serving.refusal import Refusal
from noren_bento.serving.schema import Schema

COLUMNS = (
    Column("income", "number", "float64", missing=True),
    Column("age", "integer", "int8"),
    Column("town", "text", "str", missing=True),
    Column("size", "text", "category", categories=("S", "M")),
    Column("member", "boolean", "bool"),
    Column("since", "datetime", "datetime64[ns]"),
)
ROW = {
    "income": None,
    "age": 41,
    "town": "Rome",
    "size": "S",
    "member": True,
    "since": "2020-05-17T08:30:00",
}
SIGNATURE = Signature(COLUMNS, "classification", classes=("no", "yes"), probabilities=True)
SCHEMA = Schema(SIGNATURE)
DOCUMENT: Any = write_document(
    "churn/3", SIGNATURE, SCHEMA, [ROW, {**ROW, "town": None}, ROW], max_body_bytes=10
)
TAKES = {
    "/predict": SCHEMA.decode,
    "/invocations": Invocations(SCHEMA).decode,
    "/feedback": lambda body: read_labels(body, SIGNATURE),
}


def body_of(path: str) -> Any:
    return DOCUMENT["paths"][path]["post"]["requestBody"]["content"]["application/json"]


def allows(path: str, value: Any) -> bool:
    """Whether the document allows a body."""
    validator = Draft202012Validator({**body_of(path)["schema"], "components": DOCUMENT["components"]})
    return bool(validator.is_valid(value))


def takes(path: str, value: Any) -> bool:
    """Whether the service takes it."""
    try:
        TAKES[path](json.dumps(value).encode())
    except Refusal:
        return False
    return True


@pytest.mark.parametrize("path", TAKES)
def test_the_examples_are_allowed_and_taken(path: str) -> None:
    body = body_of(path)
    values = [body["example"]] if "example" in body else [one["value"] for one in body["examples"].values()]
    for value in values:
        assert allows(path, value), value
        assert takes(path, value), value


@pytest.mark.parametrize(
    "change",
    [
        {"age": 128}, {"age": "41"}, {"age": None}, {"income": 1e39}, {"income": True}, {"town": "\0"},
        {"size": "L"}, {"member": 1}, {"since": "yesterday"}, {"more": 1}, {"income": 5}, {"town": "Öslo\n"},
        {"since": "2199-12-28T23:59:59.123456+02:00"}, {"age": -128}, {"income": -3e38},
    ],
    ids=str,
)  # fmt: skip
def test_what_the_document_allows_is_what_is_taken(change: dict[str, Any]) -> None:
    row = {**ROW, **change}
    for path, value in (("/predict", {"rows": [row]}), ("/invocations", {"dataframe_records": [row]})):
        assert allows(path, value) == takes(path, value)


def test_several_targets_are_documented_as_lists() -> None:
    signature = Signature(
        COLUMNS[1:2], "classification", targets=("a", "b"), target_classes=((0, 1), ("x", "y"))
    )
    document: Any = write_document("m/1", signature, Schema(signature), [{"age": 1}], max_body_bytes=10)
    schemas = document["components"]["schemas"]
    body = document["paths"]["/feedback"]["post"]["requestBody"]["content"]["application/json"]
    assert body["example"]["labels"] == [[0, "x"]]
    validator = Draft202012Validator({**schemas["Feedback"], "components": document["components"]})
    assert validator.is_valid({"request_id": "a", "labels": [[5, "z"], None]})
    assert not validator.is_valid({"request_id": "a", "labels": [[5]]})
    assert Draft202012Validator(schemas["Answer"]).is_valid(
        {"model": "m/1", "predictions": [[1, "y"]], "request_id": "a"}
    )
