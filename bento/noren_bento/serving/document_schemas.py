"""JSON Schemas of what a version takes and gives: exactly what `Schema` and `Labels` take, no more and no less."""

from __future__ import annotations

from typing import Any

from noren_bento.release.version import Column, Label, Signature
from noren_bento.serving.refusal import LARGEST, integer_limits
from noren_bento.serving.schema import Schema

Json = dict[str, Any]
YEAR = "(1[7-9][0-9]{2}|2[01][0-9]{2})"
TIME = (
    rf"^{YEAR}-(0[1-9]|1[0-2])-(0[1-9]|1[0-9]|2[0-8])T([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9](\.[0-9]{{1,6}})?"
    r"(Z|[+-]([01][0-9]|2[0-3]):[0-5][0-9])?$"
)
"""ISO 8601, as narrow as a pattern can say; a service takes what Python's `datetime.fromisoformat` reads."""
LARGEST_LABEL = 2**63 - 1


def row_schema(schema: Schema) -> Json:
    """One row: an object of all columns."""
    properties = {column.name: _value(column, schema) for column in schema.columns}
    return {
        "type": "object",
        "properties": properties,
        "required": list(properties),
        "additionalProperties": False,
    }


def _value(column: Column, schema: Schema) -> Json:
    accepted = schema.accepted.get(column.name)
    if accepted:
        return {"enum": [*accepted, *([None] if column.missing else [])]}
    low, high = integer_limits(column)
    kinds: dict[str, Json] = {
        "number": {"type": "number", "minimum": -LARGEST, "maximum": LARGEST},
        "integer": {"type": "integer", "minimum": low, "maximum": high},
        "boolean": {"type": "boolean"},
        "text": {"type": "string", "pattern": "^[^\\u0000]*$"},
        "datetime": {"type": "string", "pattern": TIME},
    }
    kind = dict(kinds[column.kind])
    if column.missing:
        kind["type"] = [kind["type"], "null"]
    return kind


def answer_schema(signature: Signature) -> Json:
    """The answer of `/predict`."""
    if signature.targets:
        classes = signature.target_classes or ((),) * len(signature.targets)
        prediction: Json = {
            "type": "array",
            "prefixItems": [_label(known) for known in classes],
            "minItems": len(classes),
            "maxItems": len(classes),
        }
    else:
        prediction = _label(signature.classes)
    properties: Json = {
        "model": {"type": "string"},
        "predictions": {"type": "array", "items": prediction},
        "request_id": {"type": "string"},
    }
    if signature.probabilities:
        share = {"type": "number", "minimum": 0, "maximum": 1}
        count = len(signature.classes)
        each = {"type": "array", "items": share, "minItems": count, "maxItems": count}
        properties["probabilities"] = {
            "type": "array",
            "items": each,
            "description": f"In the order of the classes: {', '.join(map(str, signature.classes))}",
        }
    if signature.scores:
        number: Json = {"type": "number"}
        count = signature.scores
        properties["scores"] = {
            "type": "array",
            "items": number
            if count == 1
            else {"type": "array", "items": number, "minItems": count, "maxItems": count},
            "description": "What the model's decision_function gives.",
        }
    return {
        "type": "object",
        "properties": properties,
        "required": list(properties),
        "additionalProperties": False,
    }


def _label(classes: tuple[Label, ...]) -> Json:
    return {"enum": list(classes)} if classes else {"type": "number"}


def labels_schema(signature: Signature, max_rows: int, max_id: int) -> Json:
    """The body of `/feedback`."""
    if signature.targets:
        classes = signature.target_classes or ((),) * len(signature.targets)
        values = [{"anyOf": [_known(known), {"type": "null"}]} for known in classes]
        label: Json = {"type": "array", "prefixItems": values, "items": False, "minItems": len(values)}
    else:
        label = _known(signature.classes)
    labels = {
        "type": "array",
        "items": {"anyOf": [label, {"type": "null"}]},
        "contains": label,  # one must be known
        "minItems": 1,
        "maxItems": max_rows,
    }
    request_id = {"type": "string", "pattern": "^[!-~]+$", "minLength": 1, "maxLength": max_id}
    return {
        "type": "object",
        "properties": {"request_id": request_id, "labels": labels},
        "required": ["request_id", "labels"],
        "additionalProperties": False,
    }


def _known(classes: tuple[Label, ...]) -> Json:
    """A label that may be a new class, of the kind that the classes have."""
    kinds: list[Json] = []
    if any(isinstance(known, bool) for known in classes):
        kinds.append({"type": "boolean"})
    if any(isinstance(known, str) for known in classes):
        kinds.append({"type": "string"})
    if not classes or any(
        isinstance(known, int | float) and not isinstance(known, bool) for known in classes
    ):
        kinds.append(
            {"type": "number", "exclusiveMinimum": -LARGEST_LABEL, "exclusiveMaximum": LARGEST_LABEL}
        )
    return kinds[0] if len(kinds) == 1 else {"anyOf": kinds}
