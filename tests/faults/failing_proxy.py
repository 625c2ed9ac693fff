"""A proxy in front of an MLflow server, which from its k-th request on hangs, answers 503, or resets connections."""

from __future__ import annotations

import http.server
import socket
import struct
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Literal

import httpx

Mode = Literal["hang", "503", "reset"]
ENDLESS = 10**9


class FailingProxy:
    """Counts requests, and fails all from the k-th on until it is told otherwise."""

    def __init__(self, upstream: str) -> None:
        self.upstream = upstream
        self.mode: Mode = "hang"
        self._client = httpx.Client(timeout=60)
        self._lock = threading.Lock()
        self._ended = threading.Event()
        self.recover()

    def fail_from(self, k: int, mode: Mode) -> None:
        """Begin to fail at the k-th request from now."""
        self.recover()
        self.mode, self._left = mode, k

    def recover(self) -> None:
        """Answer again, for as long as nothing else is said."""
        self.requests, self._left, self.failed_at = 0, ENDLESS, 0.0

    def _may_pass(self) -> bool:
        with self._lock:
            self.requests += 1
            self._left -= 1
            if self._left <= 0 and not self.failed_at:
                self.failed_at = time.monotonic()
            return self._left > 0

    def serve(self, handler: http.server.BaseHTTPRequestHandler) -> None:
        """Hand one request on, or fail it."""
        if self._may_pass():
            self._forward(handler)
        elif self.mode == "hang":
            self._ended.wait(300)
            handler.close_connection = True
        elif self.mode == "503":
            handler.send_response(503)
            handler.send_header("Retry-After", "3600")
            handler.send_header("Content-Length", "0")
            handler.end_headers()
        else:
            # A close without lingering sends RST, as a machine does that has gone and come back.
            handler.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            handler.close_connection = True

    def _forward(self, handler: http.server.BaseHTTPRequestHandler) -> None:
        body = handler.rfile.read(int(handler.headers.get("Content-Length") or 0))
        headers = {
            name: value
            for name, value in handler.headers.items()
            if name.lower() not in ("host", "connection")
        }
        answer = self._client.request(
            handler.command, self.upstream + handler.path, content=body, headers=headers
        )
        handler.send_response(answer.status_code)
        handler.send_header("Content-Type", answer.headers.get("Content-Type", "application/octet-stream"))
        handler.send_header("Content-Length", str(len(answer.content)))
        handler.end_headers()
        handler.wfile.write(answer.content)

    def close(self) -> None:
        """Let go of all requests that hang."""
        self._ended.set()
        self._client.close()


@contextmanager
def failing_proxy(upstream: str) -> Iterator[tuple[FailingProxy, str]]:
    """Run the proxy; gives it and its address."""
    proxy = FailingProxy(upstream)

    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def handle_any(self) -> None:
            try:
                proxy.serve(self)
            except (BrokenPipeError, ConnectionResetError):
                self.close_connection = True  # the caller has given up waiting

        do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = do_HEAD = handle_any

        def log_message(self, format: str, *args: Any) -> None:
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield proxy, f"http://127.0.0.1:{server.server_port}"
    finally:
        proxy.close()
        server.shutdown()
        thread.join()
        server.server_close()
