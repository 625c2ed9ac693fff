"""Marked: the live processes of one NOREN_HOME, found by a variable in their environment, whoever started them."""

from __future__ import annotations

import os
import time
from collections.abc import Callable

import psutil

MARK = "NOREN_INSTANCE"
"""Environment variable that every process of one NOREN_HOME carries; orphans are found by it."""
CALLER = "NOREN_CALLER"
"""Environment variable of what runs for one process only: that one's id and start. While it lives, it is no orphan."""


def marked_processes(mark: str) -> list[psutil.Process]:
    """Return the live processes of this user that carry the mark."""
    found = []
    for process in psutil.process_iter():
        try:
            if process.environ().get(MARK) == mark and process.status() != psutil.STATUS_ZOMBIE:
                found.append(process)
        except psutil.Error:
            continue  # another user's, or gone since
    return found


def orphans(mark: str) -> list[psutil.Process]:
    """Return those that run for no living caller; whether a supervisord keeps them is for the caller to know."""
    return [process for process in marked_processes(mark) if not _has_caller(process)]


def this_caller() -> str:
    """Return the value of CALLER that names this process."""
    this = psutil.Process()
    return f"{this.pid} {this.create_time()}"


def end(processes: list[psutil.Process]) -> tuple[int, ...]:
    """End them, politely first, all but this one; return their ids when they are gone."""
    processes = [process for process in processes if process.pid != os.getpid()]
    for process in processes:
        _ignore_gone(process.terminate)
    _, alive = psutil.wait_procs(processes, timeout=10)
    for process in alive:
        _ignore_gone(process.kill)
    psutil.wait_procs(alive, timeout=5)
    return tuple(process.pid for process in processes)


def wait_gone(pid: int, seconds: float) -> None:
    """Wait until a process has ended."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        try:
            if psutil.Process(pid).status() == psutil.STATUS_ZOMBIE:
                return
        except psutil.NoSuchProcess:
            return
        time.sleep(0.05)


def _has_caller(process: psutil.Process) -> bool:
    try:
        pid, created = process.environ()[CALLER].split()
        # A second of tolerance: the two readings of a start time may round differently.
        return bool(abs(psutil.Process(int(pid)).create_time() - float(created)) < 1.0)
    except (KeyError, ValueError, psutil.Error):
        return False  # it names none, or none that lives


def _ignore_gone(act: Callable[[], None]) -> None:
    try:
        act()
    except psutil.NoSuchProcess:
        return
