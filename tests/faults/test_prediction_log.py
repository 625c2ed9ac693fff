"""Faults 22 and 24, a full disk and kill -9 under the prediction log; and counts that are exact over killed workers."""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

import httpx
import pytest
from sklearn.linear_model import LogisticRegression

from noren_bento.bento_build.build import Build
from noren_bento.serving.log.writer import FLUSH_SECONDS
from noren_bento.serving.watch import FLUSH_SECONDS as TALLY_SECONDS
from noren_bento.settings import Settings, load_settings
from tests.faults.conftest import Figure
from tests.faults.logged_service import ROW, Clients, Service, logged_ids, logging_service
from tests.noren_bento.builds import build, numbers
from tests.noren_bento.targets.waiting import until
from tests.stores import lay_store

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]

WINDOW_SECONDS = FLUSH_SECONDS + TALLY_SECONDS
SLACK_SECONDS = 1.0
"""For the writing itself, and for a machine on which threads wait for their turn."""


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    home = tmp_path_factory.mktemp("home")
    return load_settings(
        {"home": lay_store(home), "environments": os.environ["NOREN_ENVIRONMENTS"]}, environ={}
    )


@pytest.fixture(scope="module")
def built(settings: Settings) -> Build:
    X, y = numbers()
    return build(LogisticRegression().fit(X, y), "logged", (X, y), settings)


@pytest.mark.parametrize(
    "kills", [pytest.param(3, id="3"), pytest.param(20, id="20", marks=pytest.mark.soak)]
)
def test_kill_9_loses_at_most_one_flush_window_and_every_file_is_readable(
    built: Build, settings: Settings, tmp_path: Path, kills: int, figure: Figure
) -> None:
    log = tmp_path / "predictions" / "logged" / "1"
    lost = answered = 0
    for kill in range(kills):
        with logging_service(built, settings, tmp_path / "state", log=log) as service:
            clients = Clients(service.url, f"k{kill}").start()
            # Somewhere in a window, another place each time.
            until(partial(has_logged, log, f"k{kill}-"))
            time.sleep(WINDOW_SECONDS * kill / kills)
            killed = time.monotonic()
            service.kill_all()
            clients.stop()
        found = [one for one in logged_ids(log) if one.startswith(f"k{kill}-")]
        assert len(found) == len(set(found))
        missing = clients.answered.keys() - set(found)
        assert all(clients.answered[one] > killed - WINDOW_SECONDS - SLACK_SECONDS for one in missing)
        assert not clients.refused
        lost, answered = lost + len(missing), answered + len(clients.answered)
    assert lost < answered
    figure(
        24,
        f"{kills} kills of all workers: {lost} of {answered} rows lost, all of one window; every file readable",
    )


def has_logged(log: Path, prefix: str) -> bool:
    return any(one.startswith(prefix) for one in logged_ids(log))


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of its own of 4 MB."""
    folder = tmp_path / "disk"
    folder.mkdir()
    if os.getuid() != 0 or shutil.which("mount") is None:
        pytest.skip("only root can mount a small file system")
    command = ["mount", "-t", "tmpfs", "-o", "size=4m", "tmpfs", str(folder)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        pytest.skip(f"this machine lets nobody mount: {done.stderr.strip()}")
    yield folder
    subprocess.run(["umount", "--lazy", str(folder)], check=True)


def test_a_full_disk_costs_rows_that_are_counted_and_no_prediction(
    built: Build, settings: Settings, tmp_path: Path, small_disk: Path, figure: Figure
) -> None:
    log = small_disk / "predictions" / "logged" / "1"
    with logging_service(built, settings, tmp_path / "state", log=log) as service:
        clients = Clients(service.url, "full").start()
        until(lambda: service.counters()["noren_log_rows_total"] > 20)
        filler = fill(small_disk)
        until(lambda: service.counters()["noren_log_dropped_rows_total"] > 100)
        dropping = len(clients.answered)
        until(lambda: len(clients.answered) > dropping + 100)
        filler.unlink()
        written = service.counters()["noren_log_rows_total"]
        until(lambda: service.counters()["noren_log_rows_total"] > written + 100)
        clients.stop()
        asked = len(clients.answered)
        until(lambda: sum(service.counters()[name] for name in LOGGED_OR_DROPPED) == asked)
        counted = service.counters()
    found = logged_ids(log)
    assert (clients.refused, clients.lost) == ([], 0)
    dropped = counted["noren_log_dropped_rows_total"]
    figure(
        22, f"0 of {asked} predictions failed; {dropped:.0f} rows dropped and counted, logged again with room"
    )
    assert len(set(found)) == len(found) == counted["noren_log_rows_total"]
    assert set(found) <= clients.answered.keys()
    log_text = (tmp_path / "state" / "service.log").read_text()
    assert log_text.count("rows are dropped: OSError: [Errno 28]") <= 4
    assert "rows are written again" in log_text


LOGGED_OR_DROPPED = ("noren_log_rows_total", "noren_log_dropped_rows_total")


def fill(folder: Path) -> Path:
    filler = folder / "filler"
    with filler.open("wb") as file:
        os.posix_fallocate(file.fileno(), 0, shutil.disk_usage(folder).free)
    return filler


def test_a_service_that_is_shut_down_has_logged_every_row(
    built: Build, settings: Settings, tmp_path: Path
) -> None:
    log = tmp_path / "predictions" / "logged" / "1"
    with logging_service(built, settings, tmp_path / "state", log=log) as service:
        clients = Clients(service.url, "last").start()
        until(lambda: len(clients.answered) > 300)
        clients.stop()
    found = logged_ids(log)
    assert (len(found), set(found)) == (len(clients.answered), clients.answered.keys())


def ask(service: Service, rows: int) -> int:
    return httpx.post(f"{service.url}/predict", json={"rows": [ROW] * rows}).status_code


def test_counts_are_exact_over_two_workers_and_over_one_that_was_killed(
    built: Build, settings: Settings, tmp_path: Path
) -> None:
    log = tmp_path / "predictions" / "logged" / "1"
    with logging_service(built, settings, tmp_path / "state", log=log) as service:
        with ThreadPoolExecutor(8) as threads:
            assert set(threads.map(lambda rows: ask(service, rows), [1, 2, 3] * 100)) == {200}
        assert ask(service, 0) == 422
        assert httpx.get(f"{service.url}/predict").status_code == 405
        until(lambda: service.counters()["noren_requests_total"] == 302)
        # A worker's part of the counts is flushed: what it has counted must outlive it.
        (victim, *others) = service.workers()
        victim.kill()
        victim.wait(10)
        assert others
        assert service.counters()["noren_requests_total"] == 302
        clients = Clients(service.url, "after").start()
        until(lambda: len(clients.answered) > 200)
        clients.stop()
        until(lambda: service.counters()["noren_requests_total"] == 302 + len(clients.answered))
        found = service.counters()
        assert found["noren_rows_total"] == 600 + len(clients.answered)
        assert found["noren_client_errors_total"] == 2
        assert found["noren_model_errors_total"] == 0
        page = httpx.get(f"{service.url}/metrics").text
    assert 'noren_client_errors_total{model="logged/1",code="422"} 1' in page
    assert 'noren_client_errors_total{model="logged/1",code="405"} 1' in page
    if shutil.which("promtool"):  # where it is not, test_metrics.py says so
        done = subprocess.run(
            ["promtool", "check", "metrics"], input=page.encode(), capture_output=True, check=False
        )
        assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")
