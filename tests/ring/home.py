"""A home of its own for tests of the whole ring: real MLflow, real services, real Envoy; nothing left at the end."""

from __future__ import annotations

import os
import signal
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import psutil

from noren.handle import Release
from noren.ring import Ring, Task
from noren_bento.control.processes import bring_down, bring_up
from noren_bento.home import Home
from noren_bento.release.plan import Plan, Step
from noren_bento.settings import Settings, load_settings
from noren_bento.targets.supervisor import marked_processes

HERE = Path(__file__).parent
TRIVIAL = (HERE / "trivial.ipynb",)
SHARED_DATA = HERE.parents[2] / "shared" / "data"
SERIALS = 3000


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def running_home(folder: Path) -> Iterator[Settings]:
    """Settings of a fresh home that runs; brought down at the end, with proof that nothing is left."""
    settings = load_settings({"home": folder / "home", "port": free_port()})
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


def deploy(settings: Settings, task: Task) -> Release:
    return Ring(settings).deploy(replace(task, notebooks=task.notebooks or TRIVIAL))


def quick_plan(*weights: int, hold: float = 3.0) -> Plan:
    """The shipped limits with shorter holds, for tests that are about something else than time."""
    return Plan(steps=tuple(Step(weight, hold) for weight in weights or (10, 50)))


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
