"""Memory: how much of it this process has, and has had at most."""

from __future__ import annotations

import resource
from pathlib import Path

PAGE = resource.getpagesize()


def peak_memory() -> int:
    """Most bytes of resident memory that this process has had: proc(5)'s VmHWM, or what getrusage says elsewhere."""
    try:
        status = Path("/proc/self/status").read_text()
    except OSError:
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss  # macOS counts bytes
    return next(1024 * int(line.split()[1]) for line in status.splitlines() if line.startswith("VmHWM:"))


def resident_memory() -> int:
    """Bytes of resident memory that this process has: the second number of proc(5)'s statm, or the peak elsewhere."""
    try:
        statm = Path("/proc/self/statm").read_bytes()
    except OSError:
        return peak_memory()
    return PAGE * int(statm.split()[1])
