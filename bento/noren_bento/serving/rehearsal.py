"""Rehearsal: while an image is built, its service starts once in it, becomes ready, and ends.

An image whose service does not start, or does not answer the packaged rows as the original did, is not built. And
Python compiles what the service imports, the standard library too: a container's user could keep none of it.
"""

from __future__ import annotations

import http.client
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request

READY_SECONDS = 120.0
END_SECONDS = 30.0


def main() -> None:
    """Start the service of the bento that BENTO_PATH names; exits with the reason where it does not become ready."""
    port = _free_port()
    command = [sys.executable, "-m", "bentoml", "serve", os.environ["BENTO_PATH"]]
    service = subprocess.Popen([*command, "--host", "127.0.0.1", "--port", str(port)])
    try:
        _await_ready(service, f"http://127.0.0.1:{port}/readyz")
        service.send_signal(signal.SIGTERM)
        if code := service.wait(timeout=END_SECONDS):
            sys.exit(f"The service ended with {code} when it was asked to end.")
    finally:
        service.kill()


def _free_port() -> int:
    with socket.socket() as place:
        place.bind(("127.0.0.1", 0))
        return int(place.getsockname()[1])


def _await_ready(service: subprocess.Popen[bytes], address: str) -> None:
    deadline = time.monotonic() + READY_SECONDS
    while time.monotonic() < deadline:
        if service.poll() is not None:
            sys.exit(f"The service ended with {service.returncode} before it was ready; it says why above.")
        try:
            with urllib.request.urlopen(address, timeout=3):  # noqa: S310 -- an address of this machine
                return
        except (OSError, http.client.HTTPException):
            time.sleep(0.05)  # not up yet
    sys.exit(f"The service was not ready after {READY_SECONDS:.0f} s.")


if __name__ == "__main__":
    main()
