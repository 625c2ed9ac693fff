"""The MLmodel file, in which MLflow looks for the signature that it shows."""

# ruff: noqa: PLC0415 -- heavy libraries are imported where they are used

from __future__ import annotations

import platform
from pathlib import Path
from typing import Any

from noren_bento.release.version import Column, ModelVersion, Signature

TYPES = {
    "number": "double",
    "integer": "long",
    "boolean": "boolean",
    "text": "string",
    "datetime": "datetime",
}


def write_mlmodel(version: ModelVersion, folder: Path) -> None:
    """Write MLmodel into a version's folder."""
    from mlflow.models import Model

    form, file = (
        ("skops", "model.skops") if (folder / "model.skops").is_file() else ("cloudpickle", "model.pkl")
    )
    pinned = dict(one.split("==", 1) for one in version.requirements)
    flavors: dict[str, Any] = {
        "python_function": {
            "loader_module": "mlflow.sklearn",
            "model_path": file,
            "predict_fn": "predict",
            "python_version": platform.python_version(),
        },
        "sklearn": {
            "pickled_model": file,
            "serialization_format": form,
            "sklearn_version": pinned.get("scikit-learn", ""),
        },
    }
    model = Model(flavors=flavors, signature=_read_signature(version.signature))
    model.save(str(folder / "MLmodel"))


def _read_signature(signature: Signature) -> Any:
    from mlflow.models import ModelSignature
    from mlflow.types import ColSpec, Schema

    inputs = Schema([_column_spec(ColSpec, column) for column in signature.columns])
    kinds = {str: "string", bool: "boolean", int: "long", float: "double"}
    given = "double" if signature.task == "regression" else "long"
    if signature.classes:
        given = kinds[type(signature.classes[0])]
    if not signature.targets:
        return ModelSignature(inputs=inputs, outputs=Schema([ColSpec(given, "prediction")]))
    each = [given] * len(signature.targets)
    if signature.target_classes:
        each = [kinds[type(classes[0])] for classes in signature.target_classes]
    outputs: list[Any] = [ColSpec(kind, name) for kind, name in zip(each, signature.targets, strict=True)]
    return ModelSignature(inputs=inputs, outputs=Schema(outputs))


def _column_spec(kind: Any, column: Column) -> Any:
    return kind(TYPES[column.kind], column.name, required=not column.missing)
