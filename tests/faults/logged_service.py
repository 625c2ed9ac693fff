"""A real service that logs what it predicts, and clients that remember what it answered them."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import polars as pl
import psutil
from prometheus_client.parser import text_string_to_metric_families

from noren_bento.bento_build.build import Build
from noren_bento.settings import Settings
from noren_bento.targets.ports import free_port, wait_ready

ROW = {f"n{place}": 0.5 for place in range(4)}


@dataclass(frozen=True, slots=True)
class Service:
    """One that runs."""

    port: int
    process: subprocess.Popen[bytes]
    log: Path

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def workers(self) -> list[psutil.Process]:
        return psutil.Process(self.process.pid).children(recursive=True)

    def counters(self) -> dict[str, float]:
        """Each counter of the metrics page, summed over its labels."""
        found: dict[str, float] = defaultdict(float)
        for family in text_string_to_metric_families(httpx.get(f"{self.url}/metrics").text):
            for sample in family.samples if family.type == "counter" else ():
                found[sample.name] += sample.value
        return found

    def kill_all(self) -> None:
        """kill -9 of the master and its workers at one moment."""
        family = [psutil.Process(self.process.pid), *self.workers()]
        for one in family:
            one.suspend()  # so that none sees another's end
        for one in family:
            one.send_signal(signal.SIGKILL)
        self.process.wait()
        psutil.wait_procs(family[1:], timeout=10)


@contextmanager
def logging_service(
    built: Build, settings: Settings, state: Path, *, log: Path, workers: int = 2, **variables: str
) -> Iterator[Service]:
    """Serve a bento as the local target does, with its prediction log in this folder."""
    port = free_port()
    places = {"NOREN_HOME": str(settings.home), "NOREN_ENVIRONMENTS": str(settings.environments)}
    arguments = ["--port", str(port), "--workers", str(workers), "--state", str(state), "--log", str(log)]
    state.mkdir(parents=True, exist_ok=True)
    with (state / "service.log").open("ab") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "noren_bento.targets.launch", str(built.path), *arguments],
            env={**os.environ, **places, **variables},
            stdout=output,
            stderr=output,
            start_new_session=True,
        )
    service = Service(port, process, log)
    try:
        assert wait_ready(port, 120), (state / "service.log").read_text()
        yield service
    finally:
        if process.poll() is None:
            family = service.workers()
            process.terminate()
            process.wait(timeout=30)
            assert not psutil.wait_procs(family, timeout=20)[1]


@dataclass
class Clients:
    """Threads that ask as fast as they are answered."""

    url: str
    prefix: str
    answered: dict[str, float] = field(default_factory=dict)
    """When each request was answered with 200, by its id; monotonic."""
    refused: list[int] = field(default_factory=list)
    lost: int = 0
    _ending: threading.Event = field(default_factory=threading.Event)
    _threads: list[threading.Thread] = field(default_factory=list)

    def start(self, number: int = 4) -> Clients:
        for place in range(number):
            self._threads.append(threading.Thread(target=self._ask, args=(place,), daemon=True))
            self._threads[-1].start()
        return self

    def stop(self) -> None:
        self._ending.set()
        for thread in self._threads:
            thread.join(30)

    def _ask(self, place: int) -> None:
        with httpx.Client(base_url=self.url, timeout=10) as client:
            for number in range(10**9):
                if self._ending.is_set():
                    return
                name = f"{self.prefix}-{place}-{number}"
                try:
                    answer = client.post("/predict", json={"rows": [ROW]}, headers={"x-request-id": name})
                except httpx.HTTPError:
                    self.lost += 1
                    time.sleep(0.05)
                    continue
                if answer.status_code == httpx.codes.OK:
                    self.answered[name] = time.monotonic()
                else:
                    self.refused.append(answer.status_code)


def logged_ids(folder: Path) -> list[str]:
    """Request ids of all rows; fails where one file cannot be read."""
    found: list[Any] = []
    for path in folder.glob("date=*/*.parquet"):
        found += pl.read_parquet(path)["request_id"].to_list()
    return found
