"""For a process that is to be killed in the middle of keeping a log: kill -9 before its k-th change of a file."""

from __future__ import annotations

import os
import signal
import sys
from typing import Any

CHANGES = ("os.rename", "os.remove")


def die_at(k: int) -> None:
    """Kill this process when it is about to open a file for writing, rename or remove one for the k-th time."""
    done = 0

    def audit(event: str, arguments: tuple[Any, ...]) -> None:
        nonlocal done
        writes = event == "open" and (arguments[2] or 0) & (os.O_WRONLY | os.O_RDWR)
        if event in CHANGES or writes:
            done += 1
            if done == k:
                os.kill(os.getpid(), signal.SIGKILL)

    sys.addaudithook(audit)
