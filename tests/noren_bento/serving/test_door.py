from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from sklearn.linear_model import LogisticRegression

from noren_bento.errors import NorenError
from noren_bento.serving.door import KEPT, Door, door_of, token_headers
from noren_bento.serving.worker import Worker
from tests.noren_bento.builds import numbers
from tests.noren_bento.serving.asking import BEYOND, ask
from tests.noren_bento.serving.folders import write_folder

TOKEN = "a-token-that-is-long-enough"
ROUTES = [
    ("POST", "/predict"),
    ("POST", "/invocations"),
    ("POST", "/feedback"),
    ("GET", "/metrics"),
    ("GET", "/version"),
    ("GET", "/docs.json"),
    ("GET", "/"),
    ("GET", "/schema.json"),
]
LOCAL = {"server": ("127.0.0.1", 3000)}


@pytest.fixture(scope="module")
def worker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Worker]:
    folder = tmp_path_factory.mktemp("door")
    X, y = numbers()
    worker = Worker(
        write_folder(folder / "model", LogisticRegression().fit(X, y), X, y), counts=folder / "counts"
    )
    yield worker
    worker.threads.shutdown()


@pytest.mark.parametrize(("method", "path"), ROUTES)
@pytest.mark.parametrize(
    ("request_", "door", "status"),
    [
        ({}, Door(TOKEN), 401),
        ({"headers": {"authorization": f"Bearer {TOKEN}x"}}, Door(TOKEN), 401),
        ({"headers": {"authorization": TOKEN}}, Door(TOKEN), 401),
        ({"headers": {"cookie": f"token={TOKEN}"}}, Door(TOKEN), 401),
        ({"base_url": "http://10.1.2.3"}, Door(), 403),
        ({"base_url": "http://10.1.2.3", "headers": {"host": "localhost"}}, Door(), 403),
        ({"headers": {"host": "rebound.example.org"}}, Door(), 421),
        ({"headers": {"host": "127.0.0.1.example.org:80"}}, Door(), 421),
        ({"headers": {"host": "localhost@example.org"}}, Door(), 421),
        ({"headers": {"host": ""}}, Door(), 421),
        ({"headers": {"origin": "https://example.org"}}, Door(), 403),
        ({"headers": {"origin": "null"}}, Door(), 403),
    ],
)
def test_strangers_are_refused_on_every_route(
    method: str, path: str, request_: dict[str, Any], door: Door, status: int, worker: Worker
) -> None:
    answer = ask(worker, method, path, door=door, **request_)
    assert (answer.status_code, answer.headers["content-type"]) == (status, "application/json")
    assert answer.json()["error"]
    assert (answer.headers.get("www-authenticate") == "Bearer") == (status == 401)


@pytest.mark.parametrize(
    ("request_", "door"),
    [
        ({}, Door()),
        ({"headers": {"host": "localhost:8620", "origin": "http://localhost:8888"}}, Door()),
        ({"headers": {"host": "[::1]:3000"}}, Door()),
        ({"base_url": "http://10.1.2.3"}, Door(is_open=True)),
        (
            {"base_url": "http://10.1.2.3", "headers": {"authorization": f"Bearer {TOKEN}"}},
            Door(TOKEN),
        ),
        ({"headers": {**token_headers({"NOREN_TOKEN": TOKEN}), "host": "models.example.org"}}, Door(TOKEN)),
    ],
)
def test_who_may_is_let_in(request_: dict[str, Any], door: Door, worker: Worker) -> None:
    assert ask(worker, "GET", "/version", door=door, **request_).status_code == 200


@pytest.mark.parametrize("path", ["/livez", "/readyz"])
def test_whoever_asks_whether_it_lives_needs_no_token(path: str, worker: Worker) -> None:
    assert ask(worker, "GET", path, base_url="http://10.1.2.3", door=Door(TOKEN)).status_code == BEYOND


def test_the_door_stands_before_the_model_is_loaded() -> None:
    assert ask(None, "POST", "/predict", json={}, door=Door(TOKEN)).status_code == 401


def test_strangers_are_not_counted(worker: Worker) -> None:
    before = len(worker.tally._seen)
    ask(worker, "POST", "/predict", json={}, door=Door(TOKEN))
    assert len(worker.tally._seen) == before


def test_a_unix_socket_is_this_machine() -> None:
    for server in (None, ("/run/noren.sock", None)):
        assert Door().refuse({"server": server}, {b"host": b"localhost"}) is None


def test_hosts_that_were_let_in_do_not_fill_the_memory() -> None:
    door = Door()
    for port in range(3 * KEPT):
        assert door.refuse(LOCAL, {b"host": b"localhost:%d" % (port + 1)}) is None
    assert len(door._let_in) <= KEPT


def test_a_door_is_read_from_the_environment() -> None:
    assert door_of({}).refuse(LOCAL, {b"host": b"localhost"}) is None
    assert door_of({"NOREN_OPEN": "1"}).refuse(LOCAL, {b"host": b"example.org"}) is None
    assert door_of({"NOREN_OPEN": "0"}).refuse(LOCAL, {b"host": b"example.org"}) is not None
    assert door_of({"NOREN_TOKEN": TOKEN}).refuse(LOCAL, {b"host": b"localhost"}) is not None
    for token in ("short", "a token with spaces in it", "ümläut-ümläut-ümläut"):
        with pytest.raises(NorenError, match="NOREN_TOKEN has"):
            door_of({"NOREN_TOKEN": token})
