"""A home of its own for tests of the whole ring: real MLflow, real services, real Envoy; nothing left at the end."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import psutil
from sklearn.linear_model import LogisticRegression

from noren.handle import Release
from noren.ring import Ring, Task
from noren_bento.control.processes import bring_down, bring_up
from noren_bento.errors import UnreachableError
from noren_bento.home import Home
from noren_bento.release.plan import Plan, Step
from noren_bento.settings import Settings, load_settings
from noren_bento.targets.ports import free_port
from noren_bento.targets.supervisor import marked_processes
from notebooks.clinic import Clinic
from tests.stores import lay_store

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
TRIVIAL = (HERE / "trivial.ipynb",)
SHARED_DATA = HERE.parents[2] / "shared" / "data"
SERIALS = 3000


@contextmanager
def running_home(folder: Path, **arguments: object) -> Iterator[Settings]:
    """Settings of a fresh home that runs; brought down at the end, with proof that nothing is left.

    One worker a version, unless asked: each takes two seconds of CPU to start.
    """
    settings = load_settings(
        {"home": lay_store(folder / "home"), "port": free_port(), "workers": 1, **arguments}
    )
    bring_up(settings)
    try:
        yield settings
    finally:
        bring_down(settings)
    left = marked_processes(Home(settings).mark)
    assert not left, f"still running: {[process.cmdline() for process in left]}"


def serials(count: int = SERIALS) -> tuple[pd.DataFrame, np.ndarray]:
    """Rows with a serial number and a label that two columns explain."""
    random = np.random.default_rng(0)
    frame = pd.DataFrame(random.normal(size=(count, 3)), columns=["a", "b", "c"])
    frame["serial"] = np.arange(count, dtype=float)
    return frame, np.where(frame["a"] + frame["b"] > 0, "yes", "no")


def serial_task(name: str, strength: float = 1.0, plan: Plan | None = None) -> Task:
    """A good model of the serials; another strength is another version."""
    frame, labels = serials()
    model = LogisticRegression(C=strength).fit(frame, labels)
    return Task(model, name, (frame, labels), (frame, labels), plan=plan)


def deploy(settings: Settings, task: Task) -> Release:
    return Ring(settings).deploy(replace(task, notebooks=task.notebooks or TRIVIAL))


def quick_plan(*weights: int, hold: float = 3.0) -> Plan:
    """The shipped limits with shorter holds, for tests that are about something else than time."""
    return Plan(steps=tuple(Step(weight, hold) for weight in weights or (10, 50)))


LONG = quick_plan(10, 50, hold=600.0)
"""For a canary that has to stay one while something else is tested."""

DEPLOY = """
import noren
from tests.ring.home import LONG, TRIVIAL, serial_task
task = serial_task({name!r}, {strength})
noren.deploy(task.model, task.name, train=task.train, test=task.test, notebooks=TRIVIAL, plan=LONG)
"""


def deploy_elsewhere(settings: Settings, name: str, strength: float) -> subprocess.Popen[str]:
    """Begin to deploy in a process of its own; what it tells comes through its stderr."""
    environment = {**os.environ, "NOREN_HOME": str(settings.home), "NOREN_PORT": str(settings.port)}
    command = [sys.executable, "-c", DEPLOY.format(name=name, strength=strength)]
    return subprocess.Popen(command, cwd=ROOT, env=environment, stderr=subprocess.PIPE, text=True)


def wait_for_stage(caller: subprocess.Popen[str], stage: str) -> None:
    """Return when a process that deploys tells that this stage has begun."""
    assert caller.stderr is not None
    told = []
    for line in caller.stderr:
        if line.strip() == f"noren: {stage} …":
            return
        told.append(line)
    raise AssertionError(f"it ended before {stage!r}: {''.join(told)}")


def clinic(settings: Settings, name: str, *, per_second: float = 100.0) -> Clinic:
    """Traffic of serials to a released model, from now on."""
    url = f"http://127.0.0.1:{settings.port}/{name}/predict"
    return Clinic(url, serials()[0], per_second=per_second).open()


def until(done: Callable[[], bool], seconds: float = 30.0) -> None:
    """Wait for a condition with a deadline, also while control is away."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        try:
            if done():
                return
        except UnreachableError:
            pass  # it is what was killed
        time.sleep(0.1)
    raise AssertionError(f"not within {seconds:.0f} s")


def kill_version(settings: Settings, version: str) -> list[int]:
    """kill -9 every process of a version's service; return their ids."""
    pids = []
    for process in marked_processes(Home(settings).mark):
        try:
            if process.environ().get("NOREN_VERSION") == version:
                os.kill(process.pid, signal.SIGKILL)
                pids.append(process.pid)
        except (psutil.Error, ProcessLookupError):
            continue  # gone with its parent
    return pids
