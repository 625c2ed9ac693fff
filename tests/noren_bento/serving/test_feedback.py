from __future__ import annotations

import json
import multiprocessing
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sklearn.linear_model import LogisticRegression

from noren_bento.errors import NorenError
from noren_bento.release.version import Signature
from noren_bento.serving.feedback import FeedbackStore, read_feedback
from noren_bento.serving.labels import Labels, read_labels
from noren_bento.serving.refusal import Refusal
from noren_bento.serving.worker import Worker
from tests.noren_bento.builds import numbers
from tests.noren_bento.serving.asking import ask
from tests.noren_bento.serving.folders import write_folder

CLASSES = Signature((), "classification", classes=("no", "yes"))
VALUES = Signature((), "regression")
SEVERAL = Signature((), "classification", targets=("a", "b"), target_classes=((0, 1), ("x", "y")))


@pytest.fixture
def worker(tmp_path: Path) -> Iterator[Worker]:
    X, y = numbers()
    folder = write_folder(tmp_path / "model", LogisticRegression().fit(X, y), X, y)
    worker = Worker(folder, counts=tmp_path / "counts", feedback=tmp_path / "feedback" / "churn.db")
    yield worker
    worker.close()
    worker.threads.shutdown()


def read(document: Any, signature: Signature = CLASSES) -> Labels:
    return read_labels(json.dumps(document).encode(), signature)


@pytest.mark.parametrize(
    ("labels", "signature", "expected"),
    [
        (["yes", None, "maybe"], CLASSES, ("yes", None, "maybe")),
        ([1, 2.5, None], VALUES, (1, 2.5, None)),
        ([[1, "x"], None, [None, "y"]], SEVERAL, ((1, "x"), None, (None, "y"))),
    ],
)
def test_labels_are_one_a_row(labels: Any, signature: Signature, expected: Any) -> None:
    assert read({"request_id": "abc", "labels": labels}, signature) == Labels("abc", expected)


@pytest.mark.parametrize(
    ("document", "signature", "row", "words"),
    [
        ([], CLASSES, None, "not a list"),
        ({"labels": ["yes"]}, CLASSES, None, '"request_id" must be'),
        ({"request_id": "a b", "labels": ["yes"]}, CLASSES, None, '"request_id" must be'),
        ({"request_id": "ü", "labels": ["yes"]}, CLASSES, None, '"request_id" must be'),
        ({"request_id": "\ud800", "labels": ["yes"]}, CLASSES, None, '"request_id" must be'),
        ({"request_id": "abc"}, CLASSES, None, '"labels" must be a list'),
        ({"request_id": "abc", "labels": []}, CLASSES, None, "one must be known"),
        ({"request_id": "abc", "labels": [None]}, CLASSES, None, "one must be known"),
        ({"request_id": "abc", "labels": ["yes"], "more": 1}, CLASSES, None, '"more"'),
        ({"request_id": "abc", "labels": ["yes"], "": 1}, CLASSES, None, '""'),
        ({"request_id": "abc", "labels": ["yes", 1]}, CLASSES, 1, "a string, not a number. The classes are: no, yes"),
        ({"request_id": "abc", "labels": ["\ud800"]}, CLASSES, 0, "surrogate"),
        ({"request_id": "abc", "labels": [True]}, VALUES, 0, "a number, not a boolean"),
        ({"request_id": "abc", "labels": [float("nan")]}, VALUES, 0, "send null"),
        ({"request_id": "abc", "labels": [2**64]}, VALUES, 0, "64 bits"),
        ({"request_id": "abc", "labels": [[1]]}, SEVERAL, 0, "one value for each of a, b"),
        ({"request_id": "abc", "labels": [[1, 2]]}, SEVERAL, 0, "for b must be a string"),
    ],
)  # fmt: skip
def test_what_is_no_label_is_refused_with_its_row(
    document: Any, signature: Signature, row: int | None, words: str
) -> None:
    with pytest.raises(Refusal) as caught:
        read(document, signature)
    assert (caught.value.status, caught.value.row) == (422, row)
    assert words in caught.value.error


def test_labels_are_taken_once_a_request(tmp_path: Path) -> None:
    stores = [FeedbackStore(tmp_path / "feedback" / "churn.db") for _ in range(2)]
    stores[0].add(Labels("abc", (1, None)), at=10.0, taken_by="churn/1")
    stores[1].add(Labels("abc", (1, None)), at=11.0, taken_by="churn/2")
    with pytest.raises(Refusal, match="has other labels already") as caught:
        stores[1].add(Labels("abc", (0, None)), at=12.0, taken_by="churn/2")
    assert caught.value.status == 409
    stores[0].add(Labels("def", ((1, "x"),)), at=13.0, taken_by="churn/1")
    found = list(read_feedback(stores[0].path))
    assert [(one.request_id, one.labels, one.at, one.taken_by) for one in found] == [
        ("abc", (1, None), 10.0, "churn/1"),
        ("def", ([1, "x"],), 13.0, "churn/1"),
    ]
    assert [one.request_id for one in read_feedback(stores[0].path, since=13)] == ["def"]
    for store in stores:
        store.close()


def write(path: Path, barrier: Any, number: int, results: Any) -> None:
    store = FeedbackStore(path)
    barrier.wait()
    kept = 0
    for request in range(50):
        try:
            store.add(Labels(f"request-{request}", (number,)), at=float(request), taken_by="churn/1")
        except Refusal:
            continue
        kept += 1
    results.put(kept)


def test_of_many_workers_with_a_fresh_file_one_is_first_for_each_request(tmp_path: Path) -> None:
    spawn = multiprocessing.get_context("spawn")
    barrier, results = spawn.Barrier(4), spawn.Queue()
    path = tmp_path / "feedback" / "churn.db"
    writers = [spawn.Process(target=write, args=(path, barrier, number, results)) for number in range(4)]
    for writer in writers:
        writer.start()
    kept = [results.get(timeout=60) for _ in writers]
    for writer in writers:
        writer.join()
    assert sum(kept) == len(list(read_feedback(path))) == 50


def test_feedback_is_answered_and_kept(worker: Worker) -> None:
    given = {"request_id": "abc", "labels": [1]}
    for _ in range(2):
        answer = ask(worker, "POST", "/feedback", json=given)
        assert (answer.status_code, answer.json()) == (200, {"model": "churn/1", "request_id": "abc"})
    assert ask(worker, "POST", "/feedback", json={**given, "labels": [0]}).status_code == 409
    assert ask(worker, "POST", "/feedback", json={**given, "labels": ["x"]}).json()["row"] == 0
    assert ask(worker, "POST", "/feedback", content=b"{}").status_code == 415
    assert ask(worker, "GET", "/feedback").headers["allow"] == "POST"
    assert [one.labels for one in read_feedback(worker.feedback.path)] == [(1,)]


def test_labels_that_cannot_be_written_are_503_and_nothing_else_breaks(worker: Worker) -> None:
    worker.feedback.path.parent.mkdir()
    worker.feedback.path.write_bytes(b"this is no database, and long enough to be seen as none" * 20)
    answer = ask(worker, "POST", "/feedback", json={"request_id": "abc", "labels": [1]})
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "1")
    assert "cannot be written" in answer.json()["error"]
    with pytest.raises(NorenError, match="cannot be read"):
        list(read_feedback(worker.feedback.path))
    row = dict.fromkeys(("n0", "n1", "n2", "n3"), 1.0)
    assert ask(worker, "POST", "/predict", json={"rows": [row]}).status_code == 200


def test_there_is_no_feedback_before_there_is_a_file(tmp_path: Path) -> None:
    assert list(read_feedback(tmp_path / "none.db")) == []
