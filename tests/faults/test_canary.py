"""Faults 2 and 3: a candidate that raises, hangs or is killed harms nobody and is rolled back by itself."""

from __future__ import annotations

import importlib
from collections.abc import Iterator

import pytest

from noren.ring import Task
from noren_bento.settings import Settings
from tests.faults.conftest import Figure
from tests.ring.home import ROOT, clinic, deploy, kill_version, running_home, serial_task, serials, until

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]
MODULE = ROOT / "tests" / "ring" / "fragile.py"


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Settings]:
    with running_home(tmp_path_factory.mktemp("canary"), workers=2) as settings:
        deploy(settings, serial_task("serial"))
        yield settings


@pytest.fixture(autouse=True)
def users_own_module(monkeypatch: pytest.MonkeyPatch) -> None:
    """The module by the name under which the user imports it and the bento carries it."""
    monkeypatch.syspath_prepend(MODULE.parent)


def stumbling(kind: str) -> Task:
    """A model that was never shown the rows on which it stumbles."""
    frame, labels = serials()
    kept = frame["serial"] % 3 != 0
    frame, labels = frame[kept], labels[kept]
    model = getattr(importlib.import_module(MODULE.stem), kind)(C=0.5).fit(frame, labels)
    half = len(frame) // 2
    return Task(
        model, "serial", (frame[:half], labels[:half]), (frame[half:], labels[half:]), with_modules=[MODULE]
    )


def test_a_canary_that_raises_on_every_third_row_and_is_killed_loses_no_request(
    settings: Settings, figure: Figure
) -> None:
    release = deploy(settings, stumbling("Fragile"))
    candidate = release.now.candidate
    patients = clinic(settings, "serial", per_second=2000)
    until(lambda: patients.answered_by[candidate] > 0)
    killed = kill_version(settings, candidate)
    release.wait(10)
    until(lambda: patients.sent >= 5000, 90)
    patients.close()

    assert killed
    assert release.state == "rolled back"
    assert patients.failed == 0, patients.problems
    assert release.evidence.candidate.failed >= 3
    assert release.evidence.candidate.harmed == release.evidence.champion.harmed == 0
    kinds = [event.kind for event in release.events]
    assert kinds[:5] == ["opened", "built", "validated", "requested", "started"]
    assert kinds[-1] == "rolled back"
    assert "failed on the candidate" in release.because
    figure(2, f"killed with -9 under 8 clients: {patients.failed} of {patients.sent} requests lost")
    arm = release.evidence.candidate
    figure(
        3,
        f"raises: rolled back after {arm.failed} failures in {arm.requests} of its requests; 0 users harmed",
    )


def test_a_canary_that_hangs_on_every_third_row_is_rolled_back_and_every_request_is_answered(
    settings: Settings, figure: Figure
) -> None:
    release = deploy(settings, stumbling("Sleepy"))
    patients = clinic(settings, "serial")
    release.wait(60)
    answered = patients.sent
    until(lambda: patients.sent >= answered + 100)
    patients.close()

    assert release.state == "rolled back"
    assert patients.failed == 0, patients.problems
    assert release.evidence.candidate.failed >= 3
    assert release.evidence.candidate.harmed == release.evidence.champion.failed == 0
    assert release.events[-1].who == "noren"
    assert "failed on the candidate" in release.because
    arm = release.evidence.candidate
    figure(
        3, f"hangs: rolled back after {arm.failed} failures in {arm.requests} of its requests; 0 users harmed"
    )
