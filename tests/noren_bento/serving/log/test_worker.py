"""What a worker logs of what it is asked, whichever way it was asked."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import polars as pl
import pyarrow as pa
import pytest
from sklearn.compose import make_column_transformer
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder

from noren_bento.serving.log.settings import LogSettings
from noren_bento.serving.worker import Worker
from tests.noren_bento.builds import people
from tests.noren_bento.serving.asking import ask
from tests.noren_bento.serving.folders import write_folder

ROWS = [
    {"income": 51.5, "age": 30, "home-town": "Rome"},
    {"income": 20.0, "age": 60, "home-town": None},
]


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    X, y = people()
    towns = make_pipeline(
        SimpleImputer(strategy="constant", fill_value="none"), OneHotEncoder(handle_unknown="ignore")
    )
    pipeline = make_pipeline(
        make_column_transformer((towns, ["home-town"]), remainder="passthrough"),
        LogisticRegression(max_iter=2000),
    )
    return write_folder(tmp_path_factory.mktemp("version") / "model", pipeline.fit(X, y), X, y)


@pytest.fixture
def worker(model: Path, tmp_path: Path) -> Iterator[Worker]:
    log = LogSettings(tmp_path / "predictions" / "churn" / "1")
    worker = Worker(model, counts=tmp_path / "counts", log=log)
    yield worker
    worker.close()
    worker.threads.shutdown()


def logged(worker: Worker, tmp_path: Path) -> list[dict[str, Any]]:
    worker.close()
    files = sorted((tmp_path / "predictions" / "churn" / "1").glob("*/*.parquet"))
    return [row for path in files for row in pl.read_parquet(path).to_dicts()]


def test_each_row_is_logged_as_it_was_asked_and_answered(worker: Worker, tmp_path: Path) -> None:
    answer = ask(worker, "POST", "/predict", json={"rows": ROWS}, headers={"x-request-id": "r1"}).json()
    found = logged(worker, tmp_path)
    assert [{name: row[name] for name in ROWS[0]} for row in found] == ROWS
    assert [row["prediction"] for row in found] == answer["predictions"]
    assert [[row["probability_no"], row["probability_yes"]] for row in found] == answer["probabilities"]
    assert [(row["request_id"], row["row"], row["version"]) for row in found] == [
        ("r1", 0, "churn/1"),
        ("r1", 1, "churn/1"),
    ]


def test_mlflows_formats_are_logged_alike(worker: Worker, tmp_path: Path) -> None:
    body = {"dataframe_records": ROWS}
    response = ask(worker, "POST", "/invocations", json=body, headers={"x-request-id": "r2"})
    assert response.status_code == 200
    found = logged(worker, tmp_path)
    assert [{name: row[name] for name in ROWS[0]} for row in found] == ROWS
    assert {row["request_id"] for row in found} == {"r2"}


def test_arrow_bodies_are_logged_alike(worker: Worker, tmp_path: Path) -> None:
    table = pa.Table.from_pylist(ROWS)
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema) as stream:
        stream.write_table(table)
    kind = {"content-type": "application/vnd.apache.arrow.stream", "x-request-id": "r3"}
    response = ask(worker, "POST", "/predict", content=sink.getvalue().to_pybytes(), headers=kind)
    assert response.status_code == 200, response.text
    found = logged(worker, tmp_path)
    assert [{name: row[name] for name in ROWS[0]} for row in found] == ROWS
    assert {row["request_id"] for row in found} == {"r3"}


def test_refused_requests_and_other_versions_retries_are_not_logged(worker: Worker, tmp_path: Path) -> None:
    assert ask(worker, "POST", "/predict", json={"rows": []}).status_code == 422
    retry = {"x-envoy-attempt-count": "2"}
    assert ask(worker, "POST", "/predict", json={"rows": ROWS}, headers=retry).status_code == 200
    assert ask(worker, "POST", "/predict", json={"rows": ROWS[:1]}).status_code == 200
    assert len(logged(worker, tmp_path)) == 1


def test_a_worker_without_a_folder_logs_nothing(model: Path, tmp_path: Path) -> None:
    worker = Worker(model, counts=tmp_path / "counts")
    assert ask(worker, "POST", "/predict", json={"rows": ROWS}).status_code == 200
    assert logged(worker, tmp_path) == []
    assert 'noren_log_rows_total{model="churn/1"} 0' in worker.metrics()
    worker.threads.shutdown()
