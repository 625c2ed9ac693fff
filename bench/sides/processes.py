"""Processes of the benchmark: started in a group of their own, gone with all their children when the block ends."""

from __future__ import annotations

import http.client
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

import psutil

READY_SECONDS = 120.0


@contextmanager
def running(
    command: Sequence[str],
    *,
    log: Path,
    cwd: Path | None = None,
    environment: Mapping[str, str] | None = None,
) -> Iterator[subprocess.Popen[bytes]]:
    """Run a command while the block runs, in this process's folder and environment where no other are given."""
    with log.open("wb") as output:
        child = subprocess.Popen(
            command,
            cwd=cwd,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    try:
        yield child
    finally:
        end(child)


def end(child: subprocess.Popen[bytes]) -> None:
    """End a process and its descendants, which may have sessions of their own."""
    family = []
    with suppress(psutil.NoSuchProcess):
        parent = psutil.Process(child.pid)
        family = [parent, *parent.children(recursive=True)]
    child.terminate()
    for process in psutil.wait_procs(family, timeout=15)[1]:
        with suppress(psutil.NoSuchProcess):
            process.kill()
    child.wait()


def wait_ready(port: int, log: Path) -> None:
    """Wait until a service answers /readyz with 200."""
    deadline = time.monotonic() + READY_SECONDS
    while time.monotonic() < deadline:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=2)
        with suppress(OSError, http.client.HTTPException):
            connection.request("GET", "/readyz")
            if connection.getresponse().status == 200:
                connection.close()
                return
        connection.close()
        time.sleep(0.02)
    raise TimeoutError(f"no service on port {port}: {log.read_text(errors='replace')[-2000:]}")
