"""A graph's second session, for bulk."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from sklearn.ensemble import RandomForestClassifier, RandomForestRegressor
from sklearn.neural_network import MLPClassifier
from sklearn.svm import SVC

from noren_bento.compile.onnx import Form, convert
from noren_bento.serving import graph
from noren_bento.serving.columns import MatrixColumns
from noren_bento.serving.graph import BULK_ROWS, Graph, bulk_threads
from noren_bento.tagging.signature import read_signature
from tests.noren_bento.builds import numbers


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(
    "model",
    [
        RandomForestClassifier(120, random_state=0),
        RandomForestRegressor(120, random_state=0),
        MLPClassifier((64, 32), random_state=0),
        SVC(),
    ],
    ids=lambda model: type(model).__name__,
)
@pytest.mark.parametrize("threads", [2, 4])
def test_bulk_is_answered_with_several_threads_as_with_one_to_the_last_bit(
    model: Any, threads: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    X, y = numbers(columns=12)
    signature = read_signature(model.fit(X, y), X, X, y)
    content = convert(model, signature, Form("matrix", "float64"))
    monkeypatch.setattr(graph, "bulk_threads", lambda _: 1)
    one = Graph(content, signature)
    monkeypatch.setattr(graph, "bulk_threads", lambda _: threads)
    many = Graph(content, signature)
    assert many._bulk is not many._session
    asked = np.random.default_rng(1).normal(size=(1000, 12))
    for rows in (1, BULK_ROWS - 1, BULK_ROWS, 257, 1000):
        columns = MatrixColumns(signature.names(), asked[:rows])
        expected, given = one.predict(columns), many.predict(columns)
        assert (given.predictions == expected.predictions).all()
        for name in ("probabilities", "scores"):
            left, right = getattr(expected, name), getattr(given, name)
            assert (left is None) == (right is None)
            assert left is None or (left == right).all()


def test_a_worker_takes_the_cores_that_the_others_leave_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(graph.os, "sched_getaffinity", lambda _: set(range(8)), raising=False)
    assert [bulk_threads({"NOREN_WORKERS": str(workers)}) for workers in (1, 2, 4, 8, 16)] == [4, 4, 2, 1, 1]
