"""Document: a service's OpenAPI document, written from its signature and its packaged rows.

BentoML's own describes only what its `@api` methods say; this one has every route, every limit and real examples.
"""

from __future__ import annotations

from typing import Any

from noren_bento.release.version import Label, Signature
from noren_bento.serving.arrow.format import ARROW_TYPE
from noren_bento.serving.document_schemas import answer_schema, labels_schema, row_schema
from noren_bento.serving.schema import Schema

Json = dict[str, Any]
MAX_ID = 128
JSON = "application/json"
EXAMPLE_ROWS = 2


def write_document(
    version: str, signature: Signature, schema: Schema, rows: list[Json], *, max_body_bytes: int
) -> Json:
    """Return the OpenAPI document of one version; `rows` are real ones, for the examples."""
    examples = rows[:EXAMPLE_ROWS]
    arrow: Json = {ARROW_TYPE.decode(): {"schema": {"type": "string", "format": "binary"}}}
    answer = answer_schema(signature)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": version.partition("/")[0],
            "version": version.rpartition("/")[2],
            "description": f"Predictions of {version}. Bodies have at most {max_body_bytes} bytes.",
        },
        "paths": {
            "/predict": {
                "post": _operation(
                    "predict",
                    "Predict rows",
                    {JSON: _rows_body(examples), **arrow},
                    {JSON: {"schema": _ref("Answer")}, **arrow},
                    also=PREDICTING,
                )
            },
            "/invocations": {
                "post": _operation(
                    "invocations",
                    "Predict rows in one of MLflow's formats",
                    {JSON: _mlflow_body(examples, signature)},
                    {JSON: {"schema": _ref("MlflowAnswer")}},
                    also=PREDICTING,
                )
            },
            "/feedback": {
                "post": _operation(
                    "feedback",
                    "Say what turned out to be true of an answered request",
                    {JSON: {"schema": _ref("Feedback"), "example": _feedback_example(signature)}},
                    {JSON: {"schema": _ref("Taken")}},
                    also=("409", "503"),
                )
            },
            "/version": {"get": _page("version", "The version that answers", JSON, _ref("Version"))},
            "/metrics": {
                "get": _page(
                    "metrics", "What was counted, as Prometheus text", "text/plain", {"type": "string"}
                )
            },
        },
        "components": {
            "schemas": {
                "Row": row_schema(schema),
                "Rows": _object(rows=_list_of(_ref("Row"), schema)),
                "Answer": answer,
                **_mlflow_schemas(schema, answer),
                "Feedback": labels_schema(signature, schema.max_rows, MAX_ID),
                "Taken": _object(model=_TEXT, request_id=_TEXT),
                "Version": _object(model=_TEXT, digest=_TEXT, runtime=_TEXT),
                "Refused": {
                    **_object(
                        error=_TEXT, request_id=_TEXT, model=_TEXT, column=_TEXT, row={"type": "integer"}
                    ),
                    "required": ["error", "request_id"],
                },
            },
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}},
        },
        # Where the service has a token; without one it answers its own machine only.
        "security": [{}, {"token": []}],
    }


REASONS = {
    "400": "The body is no JSON, or no Arrow stream",
    "401": "The token is missing or another",
    "403": "Asked from another machine without a token, or by a page of another origin",
    "405": "Another method is taken here",
    "408": "The body did not come in time",
    "409": "The request has other labels already",
    "413": "The body has too many bytes or rows",
    "415": "Another content type is taken here",
    "421": "The Host is not this machine's",
    "422": "The body does not fit; the error names column and row",
    "429": "Too many requests are waiting",
    "500": "The model raised, or answered what is no prediction",
    "503": "The labels cannot be written now; in a canary, this request waited too long to be begun",
    "504": "The prediction took too long",
    "507": "The prediction was stopped, since its worker came to a limit",
}
COMMON = ("401", "403", "405", "421")
PREDICTING = ("503", "504", "507")
WITH_BODY = ("400", "408", "413", "415", "422", "429", "500")


def _operation(name: str, summary: str, body: Json, answer: Json, *, also: tuple[str, ...] = ()) -> Json:
    return {
        "operationId": name,
        "summary": summary,
        "parameters": [
            {
                "name": "x-request-id",
                "in": "header",
                "description": "The request's id: 1 to 128 visible ASCII characters. Given a random one without.",
                "schema": {"type": "string"},
            }
        ],
        "requestBody": {"required": True, "content": body},
        "responses": {
            "200": {"description": "Answered", "headers": _HEADERS, "content": answer},
            **{code: _refused(code) for code in sorted({*COMMON, *WITH_BODY, *also})},
        },
    }


def _page(name: str, summary: str, kind: str, schema: Json) -> Json:
    return {
        "operationId": name,
        "summary": summary,
        "responses": {
            "200": {"description": "Answered", "content": {kind: {"schema": schema}}},
            **{code: _refused(code) for code in COMMON},
        },
    }


def _refused(code: str) -> Json:
    return {"description": REASONS[code], "content": {JSON: {"schema": _ref("Refused")}}}


def _rows_body(examples: list[Json]) -> Json:
    return {"schema": _ref("Rows"), "example": {"rows": examples}}


def _mlflow_body(examples: list[Json], signature: Signature) -> Json:
    names = signature.names()
    lists = [[row[name] for name in names] for row in examples]
    values: Json = {
        "dataframe_split": {"columns": list(names), "data": lists},
        "dataframe_records": examples,
        "inputs": {name: [row[name] for row in examples[:1]] for name in names},
        "instances": examples,
    }
    return {
        "schema": {"oneOf": [_ref(name) for name in ("Split", "Records", "Inputs", "Instances")]},
        "examples": {name: {"value": {name: value}} for name, value in values.items()},
    }


def _mlflow_schemas(schema: Schema, answer: Json) -> Json:
    row = row_schema(schema)
    names = list(schema.names)
    values = {
        "type": "array",
        "prefixItems": [row["properties"][name] for name in names],
        "items": False,
        "minItems": len(names),
    }
    positional: Json = {"oneOf": [_list_of(_ref("Row"), schema), _list_of(values, schema)]}
    longest = schema.max_rows if len(names) == 1 else 1
    lists = {
        name: {"type": "array", "items": kind, "minItems": 1, "maxItems": longest}
        for name, kind in row["properties"].items()
    }
    split = _object(
        columns={"enum": [names, list(range(len(names)))]},
        index={"type": "array"},
        data=_list_of(values, schema),
    )
    if len(names) == 1:
        positional["oneOf"].append(_list_of(row["properties"][names[0]], schema))
    by_column = {
        "anyOf": [_object(**lists), _object(**row["properties"])],
        "description": "A list a column, all of one length, which may be more than one; or one value a column.",
    }
    return {
        "Split": _scored(dataframe_split={**split, "required": ["data"]}),
        "Records": _scored(dataframe_records=_list_of(_ref("Row"), schema)),
        "Instances": _scored(instances=positional),
        "Inputs": _scored(inputs={"anyOf": [by_column, positional]}),
        "MlflowAnswer": _object(predictions=answer["properties"]["predictions"]),
    }


def _scored(**content: Json) -> Json:
    """One of the formats, beside which empty `params` are taken."""
    return {
        **_object(**content, params={"type": ["object", "null"], "maxProperties": 0}),
        "required": list(content),
    }


def _feedback_example(signature: Signature) -> Json:
    def known(classes: tuple[Label, ...]) -> Label:
        return classes[0] if classes else 1.5

    if signature.targets:
        each = signature.target_classes or ((),) * len(signature.targets)
        return {"request_id": "4f1c9d", "labels": [[known(classes) for classes in each]]}
    return {"request_id": "4f1c9d", "labels": [known(signature.classes), None]}


def _list_of(items: Json, schema: Schema) -> Json:
    return {"type": "array", "items": items, "minItems": 1, "maxItems": schema.max_rows}


def _object(**properties: Json) -> Json:
    return {
        "type": "object",
        "properties": properties,
        "required": list(properties),
        "additionalProperties": False,
    }


def _ref(name: str) -> Json:
    return {"$ref": f"#/components/schemas/{name}"}


_TEXT: Json = {"type": "string"}
_HEADERS: Json = {
    "x-request-id": {"required": True, "schema": {"type": "string"}, "description": "The request's id"},
    "x-noren-version": {
        "required": True,
        "schema": {"type": "string"},
        "description": "The version that answered",
    },
}
