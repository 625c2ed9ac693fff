"""Subject: the data, the models and the question that both sides share."""

from __future__ import annotations

import http.client
import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from sklearn.datasets import load_breast_cancer
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

NAME = "tumour"
MODELS = ("logistic", "forest")
ANSWER_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class Fitted:
    """A fitted model with its data, as a notebook holds them before it deploys."""

    model: Any
    train: tuple[pd.DataFrame, np.ndarray]
    test: tuple[pd.DataFrame, np.ndarray]


def fit(kind: str, number: int) -> Fitted:
    """Fit the model of one round; each number gives another model, so that nothing is found in a cache."""
    data = load_breast_cancer(as_frame=True)
    y = data.target_names[data.target].astype(object)
    X_train, X_test, y_train, y_test = train_test_split(data.data, y, test_size=0.3, random_state=0)
    if kind == "forest":
        model: Any = RandomForestClassifier(n_estimators=100, random_state=number)
    else:
        model = make_pipeline(StandardScaler(), LogisticRegression(C=0.5 + number / 100))
    return Fitted(model.fit(X_train, y_train), (X_train, y_train), (X_test, y_test))


def await_answer(port: int, path: str, body: bytes, *, is_wanted: Callable[[Any, bytes], bool]) -> None:
    """Ask through Envoy, one request after the other, until a wanted answer comes."""
    deadline = time.monotonic() + ANSWER_SECONDS
    while time.monotonic() < deadline:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
        try:
            connection.request("POST", path, body, {"content-type": "application/json"})
            answer = connection.getresponse()
            content = answer.read()
            if answer.status == 200 and is_wanted(answer, content):
                return
        except (OSError, http.client.HTTPException):
            time.sleep(0.01)  # not up yet
        finally:
            connection.close()
        time.sleep(0.002)
    raise TimeoutError(f"the wanted version did not answer on port {port} within {ANSWER_SECONDS:.0f} s")


def rows_of(frame: pd.DataFrame) -> list[dict[str, Any]]:
    """The first row as JSON has it."""
    return json.loads(frame.head(1).to_json(orient="records"))  # type: ignore[no-any-return]
