"""The state of models whose own bytes say more than what they answer by: marks and times that differ at each dump."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path
from typing import Any


def read_foreign_state(model: Any) -> dict[str, Any] | None:
    """Return what such a model answers by, as plain values; None for all other objects.

    CatBoost's own bytes hold a new identifier and the time of training at each dump; its JSON form holds them apart.
    """
    module = type(model).__module__.partition(".")[0]
    if module != "catboost" or not callable(getattr(model, "save_model", None)):
        return None
    with tempfile.TemporaryDirectory(prefix="noren-state-") as folder:
        path = Path(folder) / "model.json"
        model.save_model(str(path), format="json")
        told: dict[str, Any] = json.loads(path.read_bytes())
    classes = told.pop("model_info", {}).get("class_params")
    return told | {"class_params": classes, "parameters": model.get_params()}
