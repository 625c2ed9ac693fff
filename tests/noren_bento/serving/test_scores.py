"""`decision_function` in the contract: what models without probabilities give beside their labels."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.base import ClassifierMixin
from sklearn.datasets import load_iris
from sklearn.ensemble import IsolationForest
from sklearn.linear_model import LogisticRegression, RidgeClassifier
from sklearn.svm import SVC, LinearSVC

from noren_bento.serving.worker import Worker
from noren_bento.tagging.signature import read_signature
from tests.noren_bento.builds import numbers
from tests.noren_bento.serving.asking import ask
from tests.noren_bento.serving.folders import write_folder


def iris() -> tuple[pd.DataFrame, np.ndarray]:
    X, y = load_iris(return_X_y=True, as_frame=True)
    return X, y.to_numpy()


class Stump(ClassifierMixin):
    """Has a decision_function that does not work."""

    def predict(self, X: Any) -> Any:
        return np.zeros(len(X), dtype=np.int64)

    def decision_function(self, _: Any) -> Any:
        raise AttributeError("not fitted for that")


@pytest.mark.parametrize(
    ("model", "data", "width"),
    [
        (LinearSVC(), numbers, 1),
        (RidgeClassifier(), iris, 3),
        (SVC(decision_function_shape="ovo"), iris, 3),
        (IsolationForest(n_estimators=5, random_state=0), numbers, 1),
        (LogisticRegression(max_iter=500), numbers, 0),
    ],
    ids=lambda one: type(one).__name__,
)
def test_a_signature_says_how_many_scores_a_row_has(
    model: Any, data: Callable[[], tuple[pd.DataFrame, np.ndarray]], width: int
) -> None:
    X, y = data()
    assert read_signature(model.fit(X, y), X, X, y).scores == width


def test_a_model_whose_scores_cannot_be_had_gives_its_labels() -> None:
    X, y = numbers()
    assert read_signature(Stump(), X, X, y).scores == 0


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(
    ("model", "data", "runtime"),
    [
        (LinearSVC(), numbers, "exact"),
        (RidgeClassifier(), iris, "exact"),
        (SVC(), numbers, "onnx"),
        (SVC(), iris, "onnx"),
        (IsolationForest(n_estimators=20, random_state=0), numbers, "arrays"),
    ],
    ids=["LinearSVC", "RidgeClassifier of three", "SVC", "SVC of three", "IsolationForest"],
)
def test_scores_are_those_of_the_original(
    model: Any, data: Callable[[], tuple[pd.DataFrame, np.ndarray]], runtime: str, tmp_path: Path
) -> None:
    X, y = data()
    folder = write_folder(tmp_path / "model", model.fit(X, y), X, y)
    worker = Worker(folder, counts=tmp_path / "counts")
    try:
        assert worker.manifest.runtime == runtime
        response = ask(worker, "POST", "/predict", json={"rows": X.to_dict("records")}, limit=10**6)
        document = ask(worker, "GET", "/docs.json").json()
    finally:
        worker.threads.shutdown()
    assert response.status_code == 200, response.text
    answer = response.json()
    assert list(answer) == ["model", "predictions", "scores", "request_id"]
    assert answer["predictions"] == model.predict(X).tolist()
    expected = model.decision_function(X)
    np.testing.assert_allclose(
        np.array(answer["scores"]),
        expected,
        rtol=1e-5 if runtime == "onnx" else 0,
        atol=1e-6 if runtime == "onnx" else 0,
    )
    (described,) = [
        one for one in document["components"]["schemas"].values() if "scores" in one.get("properties", {})
    ]
    assert ("maxItems" in described["properties"]["scores"]["items"]) == (expected.ndim == 2)
