"""Fault 4 and the promise that the data plane outlives the control plane: kill -9 of control, supervisor and kernel."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator

import psutil
import pytest
from jupyter_client.manager import KernelManager

from noren.handle import Release
from noren_bento.control.client import ControlClient
from noren_bento.control.processes import bring_up, look, supervisor_of
from noren_bento.home import Home
from noren_bento.settings import Settings
from tests.faults.conftest import Figure
from tests.ring.home import (
    DEPLOY,
    LONG,
    ROOT,
    clinic,
    deploy,
    deploy_elsewhere,
    running_home,
    serial_task,
    until,
)

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Settings]:
    with running_home(tmp_path_factory.mktemp("deaths")) as settings:
        deploy(settings, serial_task("m"))
        yield settings


def candidate(settings: Settings, strength: float) -> Release:
    return deploy(settings, serial_task("m", strength, LONG))


def counted(release: Release) -> int:
    """Requests of both arms that are in the evidence."""
    return sum(arm.requests for arm in release.snapshot().arms)


def pid_of(settings: Settings, name: str) -> int:
    return supervisor_of(Home(settings)).states()[name].pid


def test_killing_control_in_a_canary_stops_no_request_and_loses_no_evidence(
    settings: Settings, figure: Figure
) -> None:
    release = candidate(settings, 0.5)
    patients = clinic(settings, "m")
    until(lambda: counted(release) >= 100)
    os.kill(pid_of(settings, "control"), signal.SIGKILL)
    sent = patients.sent
    until(lambda: release.state == "canary" and patients.sent > sent + 100)
    assert bring_up(settings) == Home(settings).url
    assert (release.state, release.now.weight, release.now.step_index) == ("canary", 10, 0)
    patients.close()
    assert patients.failed == 0, patients.problems
    assert patients.answered_by[release.now.candidate] > 0
    until(lambda: counted(release) == patients.sent)
    figure(
        4,
        f"control killed in a canary: {patients.failed} of {patients.sent} requests lost, each in the evidence",
    )
    release.rollback()


def test_killing_the_supervisor_stops_no_request_and_up_finds_the_release_again(
    settings: Settings, figure: Figure
) -> None:
    release = candidate(settings, 0.25)
    patients = clinic(settings, "m")
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
    again = clinic(settings, "m")
    until(lambda: again.answered_by[release.now.candidate] > 0)
    assert (release.state, release.now.weight) == ("canary", 10)
    again.close()
    assert again.failed == 0, again.problems
    figure(
        4,
        f"supervisor and control killed: {patients.failed} of {patients.sent} requests lost, release found again",
    )
    release.rollback()


def is_control(process: psutil.Process, settings: Settings) -> bool:
    try:
        words = process.cmdline()
    except psutil.Error:
        return False
    return "noren_bento.control" in words and str(Home(settings).run) in words


def test_killing_the_kernel_in_a_canary_stops_no_request(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, figure: Figure
) -> None:
    monkeypatch.setenv("NOREN_HOME", str(settings.home))
    monkeypatch.setenv("NOREN_PORT", str(settings.port))
    manager = KernelManager()
    manager.start_kernel(cwd=str(ROOT))
    kernel = manager.blocking_client()
    kernel.start_channels()
    client = ControlClient(settings)
    before = client.release("m").id
    try:
        kernel.wait_for_ready(60)
        kernel.execute(DEPLOY.format(name="m", strength=0.125))
        until(lambda: client.release("m").id != before and client.release("m").state == "canary", 90)
        version = client.release("m").candidate
        patients = clinic(settings, "m")
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
        figure(4, f"the notebook's kernel killed: {patients.failed} of {patients.sent} requests lost")
    finally:
        kernel.stop_channels()
        manager.shutdown_kernel(now=True)
        manager.cleanup_resources()


def test_a_deploy_whose_process_dies_before_the_start_is_closed(settings: Settings) -> None:
    client = ControlClient(settings)
    before = client.release("m").id
    caller = deploy_elsewhere(settings, "m", 0.0625)
    until(lambda: client.release("m").id != before, 60)
    caller.kill()
    caller.communicate()
    until(lambda: client.release("m").state == "rolled back")
    assert "ended before the start" in client.release("m").because
