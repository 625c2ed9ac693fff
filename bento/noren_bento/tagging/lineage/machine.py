"""Machine: the hardware, operating system and Python that a model was tagged on."""

from __future__ import annotations

import os
import platform
import sys
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Machine:
    """Where a model was tagged. The host's name is not kept: it says nothing of the model."""

    cpu: str
    """The processor's model as the operating system calls it; its architecture where that says no more."""
    cores: int
    """Cores that this process may use."""
    memory_bytes: int
    """Main memory, or what the container is limited to; 0 where it is not known."""
    system: str
    """Operating system and architecture, such as `Linux x86_64`."""
    release: str
    """The distribution, such as `Debian GNU/Linux 12 (bookworm)`, or the kernel's release."""
    python: str


def read_machine() -> Machine:
    """Describe this machine."""
    return Machine(
        cpu=_read_cpu(),
        cores=len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1,
        memory_bytes=_read_memory(),
        system=f"{platform.system()} {platform.machine()}",
        release=_read_release(),
        python=f"{platform.python_implementation()} {platform.python_version()}",
    )


def _read_cpu() -> str:
    for line in _lines("/proc/cpuinfo"):
        name, _, value = line.partition(":")
        if name.strip() == "model name":
            return value.strip()
    return platform.processor() or platform.machine()


def _read_memory() -> int:
    try:
        installed = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (ValueError, OSError, AttributeError):
        return 0
    limits = [
        line
        for path in ("memory.max", "memory/memory.limit_in_bytes")
        for line in _lines(f"/sys/fs/cgroup/{path}")
    ]
    return min([installed, *(int(limit) for limit in limits if limit.isdecimal())])


def _read_release() -> str:
    if sys.platform == "linux":
        try:
            return platform.freedesktop_os_release()["PRETTY_NAME"]
        except (OSError, KeyError):
            return platform.release()
    return platform.platform()


def _lines(path: str) -> list[str]:
    try:
        return Path(path).read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return []
