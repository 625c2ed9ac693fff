"""The local target with a real supervisord and a real service: readiness, ports, failed starts, retirement."""

from __future__ import annotations

import json
import os
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import psutil
import pytest

from noren_bento.bento_build.build import Build
from noren_bento.home import Home
from noren_bento.settings import load_settings
from noren_bento.targets.local import Instance, LocalTarget
from noren_bento.targets.marked import marked_processes
from noren_bento.targets.ports import free_port, is_taken, serves
from tests.noren_bento.targets.waiting import until

pytestmark = pytest.mark.slow

VERSION = "served/1"
SECRETS = ("AWS_SECRET_ACCESS_KEY", "MLFLOW_TRACKING_TOKEN", "GITHUB_TOKEN", "PIP_EXTRA_INDEX_URL")


@pytest.fixture
def target(
    tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> Iterator[LocalTarget]:
    for name in SECRETS:
        monkeypatch.setenv(name, "secret")
    folder = tmp_path_factory.mktemp("home")
    home = Home(
        load_settings({"home": folder, "environments": os.environ["NOREN_ENVIRONMENTS"], "workers": 1})
    )
    home.prepare()
    target = LocalTarget(home, retry_seconds=1)
    target.supervisor.start()
    yield target
    target.supervisor.shut_down()
    assert not marked_processes(home.mark)


def follow(target: LocalTarget, version: str, path: Path) -> Instance:
    """What control does each turn."""
    instance = target.instances().get(version)
    if instance is None or not instance.known:
        target.ensure(version, path)
        instance = target.instances()[version]
    return instance


def wait_for(
    target: LocalTarget, path: Path, holds: Callable[[Instance], bool], version: str = VERSION
) -> Instance:
    until(lambda: holds(follow(target, version, path)), 60)
    return target.instances()[version]


@contextmanager
def answering(port: int, model: str) -> Iterator[None]:
    """Another program on this port that says it is ready, and serves this model."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = json.dumps({"model": model}).encode()
            self.send_response(200)
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", port), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def processes(target: LocalTarget) -> list[psutil.Process]:
    return [
        one for one in marked_processes(target.home.mark) if one.environ().get("NOREN_VERSION") == VERSION
    ]


def test_a_service_becomes_ready_with_no_secret_of_the_caller_s_and_is_found_by_the_next_control(
    target: LocalTarget, built: Build
) -> None:
    ready = wait_for(target, built.path, lambda instance: instance.ready)
    assert (ready.problem, ready.known) == ("", True)
    serving = processes(target)
    assert len(serving) >= 2, "a master and a worker"
    for process in serving:
        assert not set(SECRETS) & process.environ().keys()
    assert LocalTarget(target.home).instances() == {VERSION: ready}

    os.kill(serving[0].pid, signal.SIGKILL)
    until(lambda: not target.instances()[VERSION].ready)
    again = wait_for(target, built.path, lambda instance: instance.ready)
    assert serves(again.upstream.port, VERSION)

    target.retire(VERSION)
    assert target.instances() == {}
    until(lambda: not processes(target))
    until(lambda: (target.sweep(), not target.supervisor.states())[1])
    assert not is_taken(again.upstream.port)


def test_a_port_that_another_program_has_taken_is_changed_and_that_program_is_never_ready(
    target: LocalTarget, built: Build
) -> None:
    target.ensure(VERSION, built.path)
    port = target.instances()[VERSION].upstream.port
    with answering(port, "other/1"):
        assert not target.instances()[VERSION].ready
        ready = wait_for(target, built.path, lambda instance: instance.ready)
        assert ready.upstream.port != port
        assert serves(port, "other/1")


def test_one_that_dies_at_once_shows_its_last_words_and_is_tried_again(
    target: LocalTarget, tmp_path: Path
) -> None:
    log = target.home.version_folder("bad/1") / "service.log"
    bad = tmp_path / "nothing"
    target.ensure("bad/1", bad)
    assert target.instances()["bad/1"].problem == "", "once can be an accident"
    shown = wait_for(target, bad, lambda instance: bool(instance.problem), "bad/1")
    assert not shown.ready
    assert "is not a bento" in shown.problem
    assert str(log) in shown.problem
    until(lambda: target.supervisor.states()["version-bad-1"].state == "FATAL", 40)
    tries = log.read_text().count("is not a bento")
    assert tries == 3
    wait_for(target, bad, lambda instance: log.read_text().count("is not a bento") > tries, "bad/1")


def test_one_that_is_left_alone_is_not_due_before_its_time(target: LocalTarget, tmp_path: Path) -> None:
    patient = LocalTarget(target.home)
    patient.ensure("bad/1", tmp_path / "nothing")
    until(lambda: target.supervisor.states()["version-bad-1"].state == "FATAL", 40)
    assert patient.instances()["bad/1"].known, "supervisord gave up just now"
    assert "is not a bento" in patient.instances()["bad/1"].problem, "also for a control that is new"
    until(lambda: not target.instances()["bad/1"].known)


def test_a_free_port_is_not_taken_until_it_is() -> None:
    port = free_port()
    assert not is_taken(port)
    with answering(port, VERSION):
        assert is_taken(port)
        assert serves(port, VERSION)
        assert not serves(port, "served/2")
    assert not serves(port, VERSION)
