"""FAULTS 13 and 14 against a service itself: a prediction that never ends, and one that eats memory."""

from __future__ import annotations

import json
import subprocess
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest

from noren_bento.bento_build.environment import prepare_environment, python_of
from noren_bento.release.route import Route
from noren_bento.serving.watch import STUCK_SECONDS
from noren_bento.settings import Settings
from noren_bento.targets.temporary import serving
from noren_bento.traffic.envoy_config.clusters import Upstream
from tests.faults.conftest import Figure
from tests.noren_bento.builds import build, numbers
from tests.noren_bento.traffic.bench import running_envoy

pytestmark = pytest.mark.slow
MODULE = '''
import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin


class Hungry(ClassifierMixin, BaseEstimator):
    """On one number it spins for ever, on another it fills memory until there is none."""

    def fit(self, X, y):
        self.classes_ = np.unique(y)
        self.n_features_in_, self.feature_names_in_ = X.shape[1], np.array(list(X.columns), dtype=object)
        return self

    def predict(self, X):
        first = float(np.asarray(X)[0, 0])
        while first == 12345.5:
            pass
        held = []
        while first == 54321.5:
            held.append(np.ones(4_000_000))
        return np.zeros(len(X), dtype=int)
'''
LIMIT = 1_000_000_000
ROW = {f"n{place}": 0.5 for place in range(4)}
SPINS = ROW | {"n0": 12345.5}
EATS = ROW | {"n0": 54321.5}


@pytest.fixture(scope="module")
def bento(build_settings: Settings, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("modules")
    module = folder / "hungry_model.py"
    module.write_text(MODULE)
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(folder)
        from hungry_model import Hungry  # type: ignore[import-not-found]

        X, y = numbers()
        return build(Hungry().fit(X, y), "hungry", (X, y), build_settings, (module,)).path


def ask(url: str, row: dict[str, float]) -> int:
    """The status; 0 where the connection broke."""
    try:
        return httpx.post(f"{url}/predict", json={"rows": [row]}, timeout=60).status_code
    except httpx.TransportError:
        return 0


def workers_of(url: str) -> list[psutil.Process]:
    port = url.rpartition(":")[2]
    masters = [
        one
        for one in psutil.process_iter(["cmdline"])
        if f"--port {port}" in " ".join(one.info["cmdline"] or [])
    ]
    return [child for one in masters for child in one.children(recursive=True)]


@contextmanager
def behind_envoy(url: str, folder: Path, **route: Any) -> Iterator[str]:
    """The address at which Envoy, as it is shipped, has this service as a champion."""
    with running_envoy(folder) as envoy:
        upstream = Upstream("hungry/1", "127.0.0.1", int(url.rpartition(":")[2]))
        envoy.apply([Route("hungry", "hungry@1", 1, "hungry/1", **route)], {"hungry/1": upstream})
        address = f"http://127.0.0.1:{envoy.listener.port}/hungry"
        wait_until(lambda: ask(address, ROW) == 200, 10)
        yield address


def answering(url: str) -> list[psutil.Process]:
    """Workers that have loaded the model: what listens on the service's port and is not its master."""
    port = int(url.rpartition(":")[2])
    found = []
    for one in workers_of(url):
        with suppress(psutil.Error):
            if any(
                link.laddr.port == port and link.status == "ESTABLISHED" for link in one.net_connections()
            ):
                found.append(one)
    return found


class Callers:
    """Good requests, one after the other from each client, while a block runs."""

    def __init__(self, url: str, clients: int = 4) -> None:
        self.url = url
        self.clients = clients
        self.statuses: list[int] = []

    @contextmanager
    def calling(self) -> Iterator[None]:
        ended = threading.Event()

        def call() -> None:
            while not ended.is_set():
                self.statuses.append(ask(self.url, ROW))
                time.sleep(0.01)

        threads = [threading.Thread(target=call) for _ in range(self.clients)]
        for thread in threads:
            thread.start()
        try:
            yield
        finally:
            ended.set()
            for thread in threads:
                thread.join()

    @property
    def lost(self) -> int:
        return sum(status != 200 for status in self.statuses)


def wait_until(done: Any, seconds: float) -> float:
    began = time.monotonic()
    while not done():
        assert time.monotonic() - began < seconds, "waited in vain"
        time.sleep(0.1)
    return time.monotonic() - began


def test_a_worker_that_eats_memory_ends_at_its_limit_and_the_other_serves(
    bento: Path, build_settings: Settings, figure: Figure
) -> None:
    with serving(bento, settings=build_settings, workers=2, max_memory=LIMIT) as url:
        before = {one.pid for one in workers_of(url)}
        callers = Callers(url)
        most = 0
        ended = threading.Event()

        def measure() -> None:
            nonlocal most
            while not ended.wait(0.01):
                for one in workers_of(url):
                    try:
                        most = max(most, one.memory_info().rss)
                    except psutil.Error:
                        continue

        measuring = threading.Thread(target=measure)
        measuring.start()
        began = time.monotonic()
        with callers.calling():
            answer = ask(url, EATS)
            gone = time.monotonic() - began
            recovered = wait_until(lambda: len({one.pid for one in workers_of(url)} - before) > 0, 30)
            answered = len(callers.statuses)
            wait_until(lambda: len(callers.statuses) > answered + 20, 30)
        ended.set()
        measuring.join()
        figure(
            14,
            f"the service alone: ended after {gone:.2f} s at {most / 1e6:,.0f} MB of {LIMIT / 1e6:,.0f}, another "
            f"worker after {recovered:.1f} s; {callers.lost} of {len(callers.statuses)} other requests cut off",
        )
        assert answer == 507, "it is said that it was stopped"
        assert most < 2.5 * LIMIT
        assert callers.lost <= 4, (
            "at most what each client had on its way; behind Envoy those are tried again"
        )
        assert ask(url, ROW) == 200


def test_behind_envoy_a_request_that_eats_memory_ends_one_worker_and_costs_no_other_request(
    bento: Path, build_settings: Settings, tmp_path: Path, figure: Figure
) -> None:
    with (
        serving(bento, settings=build_settings, workers=2, max_memory=LIMIT) as url,
        behind_envoy(url, tmp_path, deadline_seconds=10.0) as address,
    ):
        before = {one.pid for one in workers_of(url)}
        callers = Callers(address)
        with callers.calling():
            answer = httpx.post(f"{address}/predict", json={"rows": [EATS]}, timeout=60)
            wait_until(lambda: len({one.pid for one in workers_of(url)} - before) > 0, 30)
        after = {one.pid for one in workers_of(url) if one.status() != psutil.STATUS_ZOMBIE}
        assert answer.status_code == 507, "answered, so that Envoy does not try it on the other worker"
        assert "was stopped" in answer.json()["error"]
        assert len(before - after) == 1
        assert callers.lost == 0, Counter(callers.statuses)
        figure(14, f"behind Envoy: one worker ended, 0 of {len(callers.statuses)} other requests lost")


@pytest.mark.parametrize(("kills", "clients"), [(1, 4), pytest.param(20, 24, marks=pytest.mark.soak)])
def test_behind_envoy_a_killed_worker_of_the_champion_loses_no_request(
    kills: int, clients: int, bento: Path, build_settings: Settings, tmp_path: Path, figure: Figure
) -> None:
    with (
        serving(bento, settings=build_settings, workers=2) as url,
        behind_envoy(url, tmp_path, deadline_seconds=5.0) as address,
    ):
        callers = Callers(address, clients)
        with callers.calling():
            for _ in range(kills):
                answered = len(callers.statuses)
                # Both answer: killed is one that has requests.
                wait_until(lambda: len(answering(url)) == 2, 60)
                wait_until(lambda answered=answered: len(callers.statuses) > answered + 50, 30)
                killed = answering(url)[0]
                killed.kill()
                killed.wait(10)  # or it would still be one of two, and the other the next to be killed
            answered = len(callers.statuses)
            wait_until(lambda: len(callers.statuses) > answered + 50, 30)
        assert callers.lost == 0, Counter(callers.statuses)
        figure(
            1,
            f"{kills} of the champion's workers killed behind Envoy: 0 of {len(callers.statuses)} requests lost",
        )


STUCK = """
import sys, threading
from pathlib import Path
from noren_bento.serving.watch import start_watch
from noren_bento.serving.worker import Worker

worker = Worker(Path(sys.argv[1]), counts=Path(sys.argv[2]))
start_watch(worker, None, stuck_seconds=1.0)
worker.threads.submit(worker.answer, (worker.rows, worker.rows), sys.argv[3].encode(), "1").result()
"""


def test_a_worker_whose_prediction_never_ends_ends_itself(
    bento: Path, build_settings: Settings, tmp_path: Path, figure: Figure
) -> None:
    python = python_of(prepare_environment(bento, settings=build_settings))
    body = json.dumps({"rows": [SPINS]})
    counts = tmp_path / "counts"
    counts.mkdir()
    done = subprocess.run(
        [python, "-c", STUCK, bento / "src" / "model", counts, body],
        cwd=bento / "src",
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 1
    assert "a prediction did not end within 1 s; this worker is replaced" in done.stderr
    figure(13, "the worker ends itself at its limit of time, 40 s unless a test says 1 s")


@pytest.mark.soak
def test_a_worker_whose_prediction_never_ends_is_replaced(
    bento: Path, build_settings: Settings, figure: Figure
) -> None:
    with serving(bento, settings=build_settings, workers=2) as url:
        before = {one.pid for one in workers_of(url)}
        callers = Callers(url)
        began = time.monotonic()
        with callers.calling():
            spinning = threading.Thread(target=ask, args=(url, SPINS))
            spinning.start()
            taken = wait_until(
                lambda: len({one.pid for one in workers_of(url)} - before) > 0, STUCK_SECONDS + 30
            )
            spinning.join()
        assert time.monotonic() - began < STUCK_SECONDS + 30
        figure(
            13,
            f"replaced after {taken:.1f} s; {callers.lost} of {len(callers.statuses)} other requests not answered",
        )
        assert callers.lost <= 4
        assert ask(url, ROW) == 200
