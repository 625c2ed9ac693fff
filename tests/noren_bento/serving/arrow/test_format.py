"""Arrow at `/predict`, as a client sees it."""

from __future__ import annotations

import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from sklearn.linear_model import LogisticRegression

from noren_bento.serving.worker import Worker
from tests.noren_bento.builds import numbers
from tests.noren_bento.serving.asking import ask
from tests.noren_bento.serving.folders import write_folder

ROW = {"n0": 1.0, "n1": 1.0, "n2": 1.0, "n3": 1.0}


@pytest.fixture
def worker(tmp_path: Path) -> Iterator[Worker]:
    X, y = numbers()
    folder = write_folder(tmp_path / "model", LogisticRegression().fit(X, y), X, y, steps=("sklearn",))
    worker = Worker(folder, counts=tmp_path / "counts")
    yield worker
    worker.threads.shutdown()


def test_arrow_goes_in_and_out_where_it_is_asked_for(worker: Worker) -> None:
    sink = io.BytesIO()
    rows = pa.Table.from_pylist([ROW, dict.fromkeys(ROW, -1.0)])
    with pa.ipc.new_stream(sink, rows.schema) as writer:
        writer.write_table(rows)
    arrow = "application/vnd.apache.arrow.stream"
    given = {"content": sink.getvalue(), "headers": {"content-type": arrow, "x-request-id": "abc"}}
    as_json = ask(worker, "POST", "/predict", **given)
    assert (as_json.headers["content-type"], as_json.json()["predictions"]) == ("application/json", [1, 0])
    given["headers"]["accept"] = f"{arrow}, */*"
    for request in (given, {"json": {"rows": rows.to_pylist()}, "headers": {"accept": arrow}}):
        answer = ask(worker, "POST", "/predict", **request)
        table = pa.ipc.open_stream(answer.content).read_all()
        assert (answer.headers["content-type"], answer.headers["x-noren-version"]) == (arrow, "churn/1")
        assert table["predictions"].to_pylist() == [1, 0]
        assert table["probabilities"].to_pylist() == as_json.json()["probabilities"]
    assert ask(worker, "POST", "/invocations", **given).status_code == 415
    refused = ask(worker, "POST", "/predict", content=b"?", headers={"content-type": arrow, "accept": arrow})
    assert (refused.status_code, refused.headers["content-type"]) == (400, "application/json")


def as_stream(table: pa.Table) -> bytes:
    sink = io.BytesIO()
    with pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table)
    return sink.getvalue()


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("steps", [("exact",), ("onnx",), ("arrays",), ("sklearn",)], ids="".join)
@pytest.mark.parametrize("container", ["frame", "array"])
def test_columns_that_lie_in_one_piece_are_answered_to_the_bit(
    steps: Any, container: str, tmp_path: Path
) -> None:
    """BLAS adds in another order where a matrix lies otherwise; Arrow's columns lie otherwise than JSON's rows."""
    X, y = numbers(columns=23)
    frame = X if container == "frame" else X.set_axis([f"x{place}" for place in range(23)], axis=1)
    given = X if container == "frame" else np.ascontiguousarray(X)
    model = LogisticRegression().fit(given, y)
    worker = Worker(
        write_folder(tmp_path / "model", model, frame, y, steps=steps, given=given),
        counts=tmp_path / "counts",
    )
    try:
        columns = worker.arrow.decode(as_stream(pa.Table.from_pandas(frame, preserve_index=False)))
        answers = worker.predictor.predict(columns)
    finally:
        worker.threads.shutdown()
    assert worker.manifest.runtime == steps[0]
    expected = model.predict_proba(given)
    if steps == ("onnx",):
        np.testing.assert_allclose(answers.probabilities, expected, atol=1e-12)
    else:
        assert (answers.probabilities == expected).all()
