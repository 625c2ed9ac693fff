"""Faults 2 and 3: a candidate that raises, and is then killed, harms nobody and is rolled back by itself."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
from sklearn.linear_model import LogisticRegression

from noren.ring import Task
from noren_bento.control.client import ControlClient
from noren_bento.settings import Settings
from notebooks.clinic import Clinic
from tests.ring.fragile import Fragile
from tests.ring.home import deploy, kill_version, running_home, serials

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]


def release_champion(settings: Settings, name: str = "serial") -> None:
    frame, labels = serials()
    model = LogisticRegression().fit(frame, labels)
    deploy(settings, Task(model, name, (frame, labels), (frame, labels)))


def fragile_task(name: str = "serial") -> Task:
    import sys

    sys.path.insert(0, str(Path(__file__).parents[1] / "ring"))
    from fragile import Fragile as Own

    frame, labels = serials()
    kept = frame["serial"] % 3 != 0
    own: Fragile = Own(C=0.5).fit(frame[kept], labels[kept])
    module = Path(__file__).parents[1] / "ring" / "fragile.py"
    half = len(frame[kept]) // 2
    train = (frame[kept][:half], labels[kept][:half])
    test = (frame[kept][half:], labels[kept][half:])
    return Task(own, name, train, test, with_modules=[module])


def test_a_canary_that_raises_on_every_third_row_and_is_killed_loses_no_request(tmp_path: Path) -> None:
    with running_home(tmp_path) as settings:
        release_champion(settings)
        frame, _ = serials()
        task = fragile_task()
        client = ControlClient(settings)
        clinic = Clinic(f"http://127.0.0.1:{settings.port}/serial/predict", frame, per_second=2000)
        release = deploy(settings, task)
        clinic.open()
        began = time.monotonic()
        while not clinic.answered_by["serial/2"] and time.monotonic() - began < 20:
            time.sleep(0.005)
        killed = kill_version(settings, "serial/2")
        at_kill = time.monotonic()
        release.wait(30)
        to_zero = time.monotonic() - at_kill
        while clinic.sent < 5000 and time.monotonic() - began < 60:
            time.sleep(0.1)
        clinic.close()

        assert killed
        assert release.state == "rolled back"
        assert clinic.sent >= 5000
        assert clinic.failed == 0, clinic.problems
        assert to_zero < 10
        candidate = release.evidence.candidate
        assert candidate.failed >= 3
        assert candidate.harmed == 0
        assert release.evidence.champion.harmed == 0
        kinds = [event.kind for event in release.events]
        assert kinds[:5] == ["opened", "built", "validated", "requested", "started"]
        assert kinds[-1] == "rolled back"
        assert "failed on the candidate" in release.because
        assert client.release("serial").state == "rolled back"
        print(f"{clinic}; share at 0 after {to_zero:.2f} s; {release.because}")
