"""Fault 4 and the promise that the data plane outlives the control plane: kill -9 of control, supervisor and kernel."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest
from jupyter_client.manager import KernelManager
from sklearn.linear_model import LogisticRegression

from noren.handle import Release
from noren.ring import Task
from noren_bento.control.client import ControlClient
from noren_bento.control.processes import bring_up, look, supervisor_of
from noren_bento.errors import UnreachableError
from noren_bento.home import Home
from noren_bento.release.plan import Plan
from noren_bento.settings import Settings
from notebooks.clinic import Clinic
from tests.ring.home import deploy, quick_plan, running_home, serials

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]

LONG = quick_plan(10, 50, hold=600.0)


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Settings]:
    with running_home(tmp_path_factory.mktemp("deaths")) as settings:
        champion(settings)
        yield settings


def champion(settings: Settings) -> None:
    frame, labels = serials()
    deploy(settings, Task(LogisticRegression().fit(frame, labels), "m", (frame, labels), (frame, labels)))


def candidate(settings: Settings, strength: float, plan: Plan = LONG) -> Release:
    frame, labels = serials()
    model = LogisticRegression(C=strength).fit(frame, labels)
    return deploy(settings, Task(model, "m", (frame, labels), (frame, labels), plan=plan))


def clinic(settings: Settings) -> Clinic:
    return Clinic(f"http://127.0.0.1:{settings.port}/m/predict", serials()[0], per_second=100).open()


def until(done: Callable[[], bool], seconds: float = 30.0) -> None:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        try:
            if done():
                return
        except UnreachableError:
            pass  # it is what was killed
        time.sleep(0.1)
    raise AssertionError(f"not within {seconds} s")


def candidate_requests(release: Release) -> int:
    snapshot = release.snapshot()
    return snapshot.arms[-1].requests


def pid_of(settings: Settings, name: str) -> int:
    return supervisor_of(Home(settings)).states()[name].pid


def test_killing_control_in_a_canary_stops_no_request_and_loses_no_evidence(settings: Settings) -> None:
    release = candidate(settings, 0.5)
    patients = clinic(settings)
    until(lambda: candidate_requests(release) >= 20)
    before = candidate_requests(release)
    os.kill(pid_of(settings, "control"), signal.SIGKILL)
    sent = patients.sent
    until(lambda: release.state == "canary" and candidate_requests(release) > before)
    assert bring_up(settings) == Home(settings).url
    assert (release.state, release.now.weight, release.now.step_index) == ("canary", 10, 0)
    until(lambda: patients.sent > sent + 100)
    release.rollback()
    patients.close()
    assert patients.failed == 0, patients.problems
    assert patients.answered_by[release.now.candidate] > 0


def test_killing_the_supervisor_stops_no_request_and_up_finds_the_release_again(settings: Settings) -> None:
    release = candidate(settings, 0.25)
    patients = clinic(settings)
    supervisor = supervisor_of(Home(settings))
    os.kill(supervisor.pid(), signal.SIGKILL)
    os.kill(next(p.pid for p in psutil.process_iter() if is_control(p, settings)), signal.SIGKILL)
    sent = patients.sent
    until(lambda: patients.sent > sent + 200)
    assert not look(settings).supervisor
    assert ControlClient(settings).release("m").id == release.id, "reads work with control down"
    patients.close()
    assert patients.failed == 0, patients.problems

    bring_up(settings)
    until(lambda: all(arm.ready for arm in release.snapshot().arms))
    again = clinic(settings)
    until(lambda: again.answered_by[release.now.candidate] > 0)
    assert (release.state, release.now.weight) == ("canary", 10)
    again.close()
    assert again.failed == 0, again.problems
    release.rollback()


def is_control(process: psutil.Process, settings: Settings) -> bool:
    try:
        words = process.cmdline()
    except psutil.Error:
        return False
    return "noren_bento.control" in words and str(Home(settings).run) in words


DEPLOY = """
from sklearn.linear_model import LogisticRegression
import noren
from tests.ring.home import serials, TRIVIAL
frame, labels = serials()
model = LogisticRegression(C=0.125).fit(frame, labels)
plan = noren.Plan(steps=(noren.Step(10, 600.0), noren.Step(50, 600.0)))
noren.deploy(model, "m", train=(frame, labels), test=(frame, labels), notebooks=TRIVIAL, plan=plan)
"""


def test_killing_the_kernel_in_a_canary_stops_no_request(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NOREN_HOME", str(settings.home))
    monkeypatch.setenv("NOREN_PORT", str(settings.port))
    root = Path(__file__).parents[2]
    manager = KernelManager()
    manager.start_kernel(cwd=str(root))
    kernel = manager.blocking_client()
    kernel.start_channels()
    client = ControlClient(settings)
    before = client.release("m").id
    try:
        kernel.wait_for_ready(60)
        kernel.execute(DEPLOY)
        until(lambda: client.release("m").id != before and client.release("m").state == "canary", 90)
        version = client.release("m").candidate
        patients = clinic(settings)
        provisioner = manager.provisioner
        assert provisioner is not None
        os.kill(provisioner.process.pid, signal.SIGKILL)
        sent = patients.sent
        until(lambda: patients.sent > sent + 300)
        assert client.release("m").state == "canary"
        until(lambda: patients.answered_by[version] > 0)
        client.request("m", "roll back")
        until(lambda: client.release("m").state == "rolled back")
        patients.close()
        assert patients.failed == 0, patients.problems
    finally:
        kernel.stop_channels()
        manager.shutdown_kernel(now=True)
        manager.cleanup_resources()


def test_a_deploy_whose_process_dies_before_the_start_is_closed(settings: Settings) -> None:
    environment = {**os.environ, "NOREN_HOME": str(settings.home), "NOREN_PORT": str(settings.port)}
    script = DEPLOY.replace("C=0.125", "C=0.0625")
    client = ControlClient(settings)
    before = client.release("m").id
    caller = subprocess.Popen(
        [sys.executable, "-c", script],
        cwd=Path(__file__).parents[2],
        env=environment,
        stderr=subprocess.DEVNULL,
    )
    until(lambda: client.release("m").id != before, 60)
    caller.kill()
    caller.wait()
    until(lambda: client.release("m").state == "rolled back")
    assert "ended before the start" in client.release("m").because
