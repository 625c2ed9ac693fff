from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest
from sklearn.linear_model import LogisticRegression

from noren_bento.profile.window import Layout, Window
from noren_bento.serving.answers import ModelError
from noren_bento.serving.counts import read_counts
from noren_bento.serving.worker import THREADS, Worker
from tests.noren_bento.builds import numbers
from tests.noren_bento.serving.asking import BEYOND, ask
from tests.noren_bento.serving.folders import write_folder

ROW = {"n0": 1.0, "n1": 1.0, "n2": 1.0, "n3": 1.0}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    X, y = numbers()
    return write_folder(tmp_path_factory.mktemp("version") / "model", LogisticRegression().fit(X, y), X, y)


@pytest.fixture
def worker(folder: Path, tmp_path: Path) -> Iterator[Worker]:
    worker = Worker(folder, counts=tmp_path)
    yield worker
    worker.threads.shutdown()


def window(worker: Worker, tmp_path: Path) -> Window:
    worker.tally.flush()
    layout = Layout(worker.predictor.profile)
    return Window(layout, read_counts(tmp_path, layout))


def test_rows_are_answered_with_the_version_and_the_request_id(worker: Worker) -> None:
    response = ask(worker, "POST", "/predict", json={"rows": [ROW, ROW]}, headers={"x-request-id": "abc"})
    answer = response.json()
    assert response.status_code == 200
    assert (answer["model"], answer["predictions"], answer["request_id"]) == ("churn/1", [1, 1], "abc")
    assert [len(row) for row in answer["probabilities"]] == [2, 2]
    assert response.headers["x-noren-version"] == "churn/1"
    assert response.headers["x-request-id"] == "abc"


def test_a_request_without_an_id_is_given_one(worker: Worker) -> None:
    ids = {ask(worker, "POST", "/predict", json={"rows": [ROW]}).json()["request_id"] for _ in range(3)}
    assert len(ids) == 3


def test_an_id_that_would_break_a_header_or_a_log_is_replaced(worker: Worker) -> None:
    response = ask(worker, "POST", "/predict", json={"rows": [ROW]}, headers={"x-request-id": "a b" * 99})
    assert len(response.json()["request_id"]) == 32


@pytest.mark.parametrize(
    ("request_", "status"),
    [
        ({"json": {"rows": [{**ROW, "n1": "x"}]}}, 422),
        ({"json": {"rows": []}}, 422),
        ({"content": b"{", "headers": {"content-type": "application/json"}}, 400),
        ({"content": b"{}", "headers": {"content-type": "text/plain"}}, 415),
        ({"content": b"{}"}, 415),
        ({"json": {"rows": [ROW] * 100}}, 413),
    ],
)
def test_a_clients_fault_is_4xx_json_and_counted_as_its_own(
    request_: Any, status: int, worker: Worker, tmp_path: Path
) -> None:
    response = ask(worker, "POST", "/predict", **request_)
    assert response.status_code == status
    assert response.json()["error"]
    seen = window(worker, tmp_path)
    assert (seen.requests, seen.client_errors, seen.model_errors, seen.rows) == (1, 1, 0, 0)


def test_a_body_without_a_length_is_cut_off_at_the_limit(worker: Worker) -> None:
    sent = 0

    async def parts() -> AsyncIterator[bytes]:
        nonlocal sent
        for _ in range(100):
            sent += 100
            yield b" " * 100

    response = ask(worker, "POST", "/predict", content=parts(), headers={"content-type": "application/json"})
    assert response.status_code == 413
    assert response.headers["connection"] == "close"
    assert sent <= 2200


def test_a_body_that_does_not_come_is_the_clients_fault(worker: Worker) -> None:
    async def parts() -> AsyncIterator[bytes]:
        yield b"{"
        await asyncio.sleep(30)

    response = ask(worker, "POST", "/predict", content=parts(), body_seconds=0.05,
                   headers={"content-type": "application/json"})  # fmt: skip
    assert response.status_code == 408


def test_a_model_that_raises_is_500_json_and_counted_as_its_error(
    worker: Worker, tmp_path: Path, monkeypatch: Any
) -> None:
    def fail(_: Any) -> Any:
        raise ModelError("churn/1 raised ValueError: boom")

    monkeypatch.setattr(worker.predictor, "predict", fail)
    response = ask(worker, "POST", "/predict", json={"rows": [ROW]})
    assert response.status_code == 500
    assert response.json()["error"] == "churn/1 raised ValueError: boom"
    seen = window(worker, tmp_path)
    assert (seen.requests, seen.client_errors, seen.model_errors, seen.rows) == (1, 0, 1, 0)


def test_a_prediction_that_does_not_end_is_504_and_counted_as_unanswered(
    worker: Worker, tmp_path: Path, monkeypatch: Any
) -> None:
    ended = threading.Event()
    monkeypatch.setattr(worker.predictor, "predict", lambda _: ended.wait(20))
    worker.quick = False
    try:
        response = ask(worker, "POST", "/predict", json={"rows": [ROW]}, answer_seconds=0.05)
    finally:
        ended.set()
    assert response.status_code == 504
    assert response.json()["error"].startswith("churn/1 did not answer within")
    assert response.headers["x-noren-version"] == "churn/1"
    seen = window(worker, tmp_path)
    assert (seen.requests, seen.client_errors, seen.model_errors, seen.rows) == (1, 0, 1, 0)


def test_a_mistake_of_our_own_is_500_json_without_its_details(worker: Worker, monkeypatch: Any) -> None:
    monkeypatch.setattr(worker.rows, "encode", lambda *_: 1 / 0)
    response = ask(worker, "POST", "/predict", json={"rows": [ROW]})
    assert response.status_code == 500
    assert response.json()["error"] == "churn/1 could not answer: ZeroDivisionError"


def test_second_attempts_of_envoy_are_not_counted_again(worker: Worker, tmp_path: Path) -> None:
    for attempt in ("1", "2", "3"):
        ask(worker, "POST", "/predict", json={"rows": [ROW]}, headers={"x-envoy-attempt-count": attempt})
    assert window(worker, tmp_path).requests == 1


def test_too_many_waiting_requests_are_turned_away(worker: Worker, monkeypatch: Any) -> None:
    monkeypatch.setattr("noren_bento.serving.middleware.MAX_WAITING", 0)
    worker.quick = False
    response = ask(worker, "POST", "/predict", json={"rows": [ROW]})
    assert response.status_code == 429
    assert response.headers["retry-after"] == "1"


def test_a_large_body_is_answered_in_a_thread(worker: Worker) -> None:
    rows = [ROW] * 1000
    response = ask(worker, "POST", "/predict", limit=10**6, content=json.dumps({"rows": rows}),
                   headers={"content-type": "application/json; charset=utf-8"})  # fmt: skip
    assert len(response.json()["predictions"]) == 1000


@pytest.mark.parametrize(
    ("method", "path", "allow"), [("GET", "/predict", "POST"), ("POST", "/version", "GET")]
)
def test_the_wrong_method_is_405_and_says_which(method: str, path: str, allow: str, worker: Worker) -> None:
    response = ask(worker, method, path)
    assert (response.status_code, response.headers["allow"]) == (405, allow)


def test_version_and_metrics_are_answered(worker: Worker) -> None:
    assert ask(worker, "GET", "/version").json() == {
        "model": "churn/1",
        "digest": "ab" * 32,
        "runtime": "exact",
    }
    ask(worker, "POST", "/predict", json={"rows": [ROW]})
    page = ask(worker, "GET", "/metrics")
    assert 'noren_requests_total{model="churn/1"} 1' in page.text


def test_everything_else_goes_on_to_bentoml(worker: Worker) -> None:
    assert ask(worker, "GET", "/readyz").status_code == BEYOND
    assert ask(None, "POST", "/predict", json={"rows": [ROW]}).status_code == BEYOND


@pytest.mark.parametrize(("compared", "status"), [(False, 429), (True, 503)])
def test_a_request_that_has_waited_too_long_for_a_thread_is_not_begun(
    compared: bool, status: int, worker: Worker, monkeypatch: Any, tmp_path: Path
) -> None:
    """In a canary it is the version's failure, which Envoy has the champion answer, as it would be a late answer."""
    begun: list[Any] = []
    monkeypatch.setattr(worker.predictor, "predict", begun.append)
    worker.quick = False
    free = threading.Event()
    threads = [worker.threads.submit(free.wait, 20) for _ in range(THREADS)]
    threading.Timer(0.3, free.set).start()
    # Envoy waits for 100 ms, and no thread is free for 300.
    headers = {"x-envoy-expected-rq-timeout-ms": "100", **({"x-noren-compared": "1"} if compared else {})}
    response = ask(worker, "POST", "/predict", json={"rows": [ROW]}, headers=headers)
    assert all(thread.result() for thread in threads)
    assert (response.status_code, begun) == (status, [])
    assert response.headers["retry-after"] == "1"
    counted = window(worker, tmp_path)
    assert (counted.client_errors, counted.model_errors) == (int(not compared), int(compared))


def test_the_caller_of_a_prediction_that_is_stopped_is_answered_with_507(
    worker: Worker, tmp_path: Path, monkeypatch: Any
) -> None:
    begun, ended = threading.Event(), threading.Event()

    def predict(_: Any) -> Any:
        begun.set()
        ended.wait(20)
        raise ValueError("nobody waits for this any more")

    def stop() -> None:
        begun.wait(20)
        worker.stop_longest("was stopped", seconds=20)
        ended.set()

    monkeypatch.setattr(worker.predictor, "predict", predict)
    worker.quick = False
    stopping = threading.Thread(target=stop)
    stopping.start()
    response = ask(worker, "POST", "/predict", json={"rows": [ROW]})
    stopping.join()
    assert response.status_code == 507
    assert response.json()["error"].startswith("churn/1 was stopped after")
    assert window(worker, tmp_path).model_errors == 1
