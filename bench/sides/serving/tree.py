"""A server's process tree: what it has used, what it holds, and that it is gone."""

from __future__ import annotations

import os
from contextlib import suppress

import psutil

MARK = "NOREN_BENCH_SERVING"
"""Every server inherits it, and so do its children, whatever session they are in."""
MEGABYTE = 1_000_000


def cpu_seconds(root: int) -> float:
    """User and system time of a process, its children, and those of them that have ended."""
    return sum(_cpu_seconds(process) for process in _tree(root))


def memory_mb(root: int) -> tuple[float, float]:
    """Resident megabytes of the worker, and proportional ones of the whole tree.

    The worker is the process that has used most CPU. What processes share is counted once in the tree.
    """
    tree = _tree(root)
    worker = max(tree, key=_own_seconds)
    whole = 0.0
    for process in tree:
        with suppress(psutil.Error):
            whole += process.memory_full_info().pss
    return worker.memory_info().rss / MEGABYTE, whole / MEGABYTE


def end_marked(mark: str) -> None:
    """End what still carries the mark: children whose parent died before them."""
    left = [process for process in psutil.process_iter() if _is_marked(process, mark)]
    for process in left:
        with suppress(psutil.NoSuchProcess):
            process.kill()
    psutil.wait_procs(left, timeout=10)


def _is_marked(process: psutil.Process, mark: str) -> bool:
    with suppress(psutil.Error):
        return process.pid != os.getpid() and process.environ().get(MARK) == mark
    return False


def _tree(root: int) -> list[psutil.Process]:
    parent = psutil.Process(root)
    return [parent, *parent.children(recursive=True)]


def _own_seconds(process: psutil.Process) -> float:
    with suppress(psutil.NoSuchProcess):
        times = process.cpu_times()
        return float(times.user + times.system)
    return 0.0


def _cpu_seconds(process: psutil.Process) -> float:
    with suppress(psutil.NoSuchProcess):
        times = process.cpu_times()
        return float(times.user + times.system + times.children_user + times.children_system)
    return 0.0  # it ended meanwhile: its parent has its time
