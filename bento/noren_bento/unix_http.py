"""HTTP over a unix socket: how Noren talks to Envoy's admin and to the control process, which have no port.

The standard library's client, because httpx leaks the socket when a connect fails (httpcore 1.0).
"""

from __future__ import annotations

import http.client
import socket
from pathlib import Path


class UnixConnection(http.client.HTTPConnection):
    """An HTTP connection to the socket at `path`; each of its steps may take `timeout` seconds."""

    def __init__(self, path: Path, timeout: float) -> None:
        super().__init__("localhost", timeout=timeout)
        self._path = path

    def connect(self) -> None:
        """Connect; raises OSError where nobody listens."""
        unix = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        unix.settimeout(self.timeout)
        try:
            unix.connect(str(self._path))
        except OSError:
            unix.close()
            raise
        self.sock = unix


def call(
    path: Path, target: str, *, method: str = "GET", body: bytes | None = None, timeout: float = 5.0
) -> tuple[int, bytes]:
    """Send one request to the socket at `path`; return the status and the whole body.

    Raises OSError or http.client.HTTPException when nobody answers within `timeout` seconds.
    """
    connection = UnixConnection(path, timeout)
    try:
        headers = {"content-type": "application/json"} if body is not None else {}
        connection.request(method, target, body=body, headers=headers)
        answer = connection.getresponse()
        return answer.status, answer.read()
    finally:
        connection.close()
