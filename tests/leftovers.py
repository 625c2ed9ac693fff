"""Leftovers: the processes that this run of the tests started and that still live, however far from it they are now.

Every process inherits the mark in its environment: daemons in sessions of their own, services, kernels, browsers.
"""

from __future__ import annotations

import time

import psutil

SESSION = "NOREN_TEST_SESSION"
# These end with the Python that started them, and hold nothing.
_HARMLESS = ("multiprocessing.resource_tracker", "joblib.externals.loky", "tagging.preflight.child")


def wait_for_leftovers(mark: str, *, seconds: float) -> list[psutil.Process]:
    """Return what is left after at most so many seconds, in which what is ending may end."""
    deadline = time.monotonic() + seconds
    while (left := _marked(mark)) and time.monotonic() < deadline:
        psutil.wait_procs(left, timeout=0.2)
    return left


def end(processes: list[psutil.Process]) -> list[str]:
    """End them, and say what they were."""
    described = []
    for process in processes:
        try:
            described.append(f"{process.pid}: {' '.join(process.cmdline())[:200]}")
            process.kill()
        except psutil.NoSuchProcess:
            continue
    psutil.wait_procs(processes, timeout=5)
    return described


def _marked(mark: str) -> list[psutil.Process]:
    found = []
    for process in psutil.process_iter():
        try:
            if process.status() == psutil.STATUS_ZOMBIE or process.environ().get(SESSION) != mark:
                continue
            if not any(word in " ".join(process.cmdline()) for word in _HARMLESS):
                found.append(process)
        except psutil.Error:
            continue  # another user's, or gone since
    return found
