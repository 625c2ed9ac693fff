"""Ports: loopback ports that are free, and who answers on one."""

from __future__ import annotations

import http.client
import json
import os
import socket
import time

from noren_bento.serving.door import token_headers

_ANSWER_BYTES = 65_536


def free_port() -> int:
    """Return a loopback port that is free now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def is_taken(port: int) -> bool:
    """Whether no service could listen on this loopback port now."""
    with socket.socket() as probe:
        # As services bind: a connection that was closed a moment ago does not keep the port.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return True
        return False


def answers_ready(port: int, *, timeout: float = 1.0) -> bool:
    """Whether the service on this loopback port answers /readyz with 200."""
    return _get(port, "/readyz", timeout) is not None


def version_at(port: int, *, timeout: float = 1.0) -> str | None:
    """Return the version that serves on this loopback port; None where none does, or does not yet."""
    try:
        told = json.loads(_get(port, "/version", timeout) or b"null")
    except ValueError:
        return None  # another program
    return told.get("model") if isinstance(told, dict) else None


def serves(port: int, version: str) -> bool:
    """Whether this version is ready on this port, which may be another program's by now."""
    return version_at(port) == version and answers_ready(port)


def wait_ready(port: int, seconds: float) -> bool:
    """Wait until the service answers /readyz; say whether it did."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if answers_ready(port):
            return True
        time.sleep(0.05)
    return False


def _get(port: int, path: str, timeout: float) -> bytes | None:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=timeout)
    try:
        connection.request("GET", path, headers=token_headers(os.environ))
        answer = connection.getresponse()
        body = answer.read(_ANSWER_BYTES)
        return body if answer.status == http.client.OK else None
    except (OSError, http.client.HTTPException):
        return None
    finally:
        connection.close()
