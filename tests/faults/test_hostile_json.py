"""Faults 18 and 19: JSON made to break a parser is refused, and a model's NaN never becomes JSON."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.compose import TransformedTargetRegressor
from sklearn.linear_model import LinearRegression, LogisticRegression

from noren_bento.profile.window import Layout, Window
from noren_bento.serving.counts import read_counts
from noren_bento.serving.worker import Worker
from tests.faults.conftest import Figure
from tests.noren_bento.builds import people
from tests.noren_bento.serving.asking import ask
from tests.noren_bento.serving.folders import write_folder

LIMIT = 3_000_000
GOOD = '"income": 50.0, "age": 41'
DEEP = 200_000
HOSTILE = {
    "arrays in arrays": "[" * DEEP,
    "arrays in arrays, closed": "[" * DEEP + "]" * DEEP,
    "objects in objects": '{"rows":' * DEEP,
    "objects in objects, closed": '{"rows":' * DEEP + "[]" + "}" * DEEP,
    "a row of arrays": '{"rows": [' + "[" * DEEP + "]" * DEEP + "]}",
    "a value of arrays": '{"rows": [{"income": ' + "[" * DEEP + "]" * DEEP + ', "age": 41}]}',
    "a hundred thousand columns": '{"rows": [{'
    + ",".join(f'"c{place}": 1' for place in range(100_000))
    + "}]}",
    "a hundred thousand rows": '{"rows": [' + ",".join(["{}"] * 100_000) + "]}",
    "a column twice": '{"rows": [{"income": 1.0, "income": 2.0, "age": 41}]}',
    "a column ten thousand times": '{"rows": [{' + '"income": 1.0, ' * 10_000 + '"age": 41}]}',
    "rows twice": '{"rows": [], "rows": [{' + GOOD + "}]}",
    "an integer of a million digits": '{"rows": [{"income": 50.0, "age": ' + "9" * 1_000_000 + "}]}",
    "a negative one": '{"rows": [{"income": 50.0, "age": -' + "9" * 5_000 + "}]}",
    "an integer beyond 64 bits": '{"rows": [{"income": 50.0, "age": 18446744073709551616}]}',
    "a number of a million digits": '{"rows": [{"income": 0.' + "3" * 1_000_000 + 'e400, "age": 41}]}',
    "an exponent beyond floats": '{"rows": [{"income": 1e400, "age": 41}]}',
    "an exponent beyond integers": '{"rows": [{"income": 1e99999999999999999999, "age": 41}]}',
    "NaN": '{"rows": [{"income": NaN, "age": 41}]}',
    "Infinity": '{"rows": [{"income": -Infinity, "age": 41}]}',
    "half a surrogate pair": '{"rows": [{"income": "\\ud800", "age": 41}]}',
    "no end": '{"rows": [{' + GOOD,
    "something after the end": '{"rows": [{' + GOOD + "}]} {}",
    "a comma too many": '{"rows": [{' + GOOD + ",}]}",
    "nothing but spaces": " " * 1_000_000,
    "a mark of byte order": '\ufeff{"rows": [{' + GOOD + "}]}",
    "NUL": '{"rows": [{' + GOOD + "}]}\0",
    "a column called __proto__": '{"rows": [{' + GOOD + ', "__proto__": {}}]}',
    "a name of a million characters": '{"rows": [{"' + "x" * 1_000_000 + '": 1}]}',
}
"""Text that is no request, by what is wrong with it."""


def window(worker: Worker, counts: Path) -> Window:
    worker.tally.flush()
    layout = Layout(worker.predictor.profile)
    return Window(layout, read_counts(counts, layout))


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Worker, Path]]:
    X, y = people()
    X, folder = X[["income", "age"]], tmp_path_factory.mktemp("version")
    worker = Worker(
        write_folder(folder / "model", LogisticRegression().fit(X, y), X, y), counts=folder / "counts"
    )
    yield worker, folder / "counts"
    worker.threads.shutdown()


def test_hostile_json_is_refused_and_is_not_the_versions_fault(
    served: tuple[Worker, Path], figure: Figure
) -> None:
    worker, counts = served
    before = window(worker, counts)
    for route, key in (("/predict", "rows"), ("/invocations", "dataframe_records")):
        for what, text in HOSTILE.items():
            response = ask(
                worker,
                "POST",
                route,
                content=text.replace('"rows"', f'"{key}"').encode(),
                headers={"content-type": "application/json"},
                limit=LIMIT,
            )
            assert response.status_code in (400, 413, 422), (route, what, response.text[:200])
            assert len(json.loads(response.content, parse_constant=pytest.fail)["error"]) < 1000, what
    counted = window(worker, counts) - before
    assert (counted.client_errors, counted.model_errors) == (2 * len(HOSTILE), 0)
    good: dict[str, Any] = {"json": {"rows": [json.loads("{" + GOOD + "}")]}}
    assert ask(worker, "POST", "/predict", limit=LIMIT, **good).status_code == 200
    figure(18, f"{2 * len(HOSTILE)} of {2 * len(HOSTILE)} refused with 400, 413 or 422; it serves on")


@pytest.mark.filterwarnings("ignore")
def test_what_is_no_number_is_the_models_error_and_never_json(tmp_path: Path, figure: Figure) -> None:
    X = pd.DataFrame({"a": np.linspace(0.0, 1.0, 200)})
    y = np.exp(3 * X["a"].to_numpy())
    model = TransformedTargetRegressor(LinearRegression(), func=np.log, inverse_func=np.exp).fit(X, y)
    worker = Worker(write_folder(tmp_path / "model", model, X, y), counts=tmp_path / "counts")
    try:
        assert ask(worker, "POST", "/predict", json={"rows": [{"a": 0.5}]}).status_code == 200
        for rows in ([{"a": 1000.0}], [{"a": 0.5}, {"a": 1000.0}]):  # exp(3000) is no float
            for route, key in (("/predict", "rows"), ("/invocations", "dataframe_records")):
                response = ask(worker, "POST", route, json={key: rows})
                told = json.loads(response.content, parse_constant=pytest.fail)
                assert response.status_code == 500
                assert f"prediction for row {len(rows) - 1} is not a finite number" in told["error"]
        counted = window(worker, tmp_path / "counts")
    finally:
        worker.threads.shutdown()
    assert (counted.requests, counted.model_errors, counted.client_errors) == (5, 4, 0)
    figure(19, "4 of 4 answers with infinity: 500 in valid JSON, counted as the model's errors")
