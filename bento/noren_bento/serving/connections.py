"""Connections: what a service does with those that send no request, or none that ends, or come in too great a number.

uvicorn has a deadline for idle connections between requests only, and no limit on headers. A request's body has its
deadline and its limit in `intake`. Answers leave in one piece, where uvicorn sends head and body one after the other.
"""

# ruff: noqa: PLC0415 -- heavy libraries are imported where they are used

from __future__ import annotations

import asyncio
import resource
from typing import Any

HEADER_SECONDS = 10.0
"""The headers of a request must be here this long after its first byte, or after the connection was made."""
MAX_HEADER_BYTES = 65_536
LINGER_SECONDS = 1.0
"""A service that ends waits so long for the next request of a connection that it has."""
MAX_CONNECTIONS = 4096
"""Of one worker; as many as Envoy opens at most."""
FEWEST_FILES = 256
"""Open files that are kept for everything else."""
BUSY = b'{"error":"There are too many connections; try again in a moment."}'
LONG = b'{"error":"The headers of a request may have 65536 bytes."}'


def limit_connections() -> None:
    """Make uvicorn, which BentoML starts in this process later, use connections that end what does not come."""
    from uvicorn import config

    most = allow_files()
    config.HTTP_PROTOCOLS["auto"] = _make_protocol(min(MAX_CONNECTIONS, most - FEWEST_FILES))  # type: ignore[assignment]


def allow_files() -> int:
    """Let this process open as many files as it may; returns how many, since each connection is one."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = MAX_CONNECTIONS + FEWEST_FILES
    if soft != resource.RLIM_INFINITY and soft < wanted:
        soft = wanted if hard == resource.RLIM_INFINITY else min(hard, wanted)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    return wanted if soft == resource.RLIM_INFINITY else soft


class Whole:
    """A transport that sends an answer's head together with its body.

    A worker that is killed between the two leaves half an answer, which no proxy can try again; and each is a call of
    the system on this side and another on the other. A head whose body takes longer is sent in the loop's next turn.
    """

    def __init__(self, transport: asyncio.Transport, loop: asyncio.AbstractEventLoop) -> None:
        self._transport, self._loop = transport, loop
        self._head = b""

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)

    def write(self, data: bytes) -> None:
        """Send what was kept and this; keep this where it is a head."""
        if self._head:
            head, self._head = self._head, b""
            self._transport.write(head + data)
        elif data.startswith(b"HTTP/1.1 "):
            self._head = data
            self._loop.call_soon(self._send_head)
        else:
            self._transport.write(data)

    def close(self) -> None:
        """Send what was kept, and end."""
        self._send_head()
        self._transport.close()

    def _send_head(self) -> None:
        if self._head:
            head, self._head = self._head, b""
            self._transport.write(head)


def _make_protocol(most: int) -> type[asyncio.Protocol]:
    from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

    class Connection(HttpToolsProtocol):
        """One connection. Waiting for headers costs a timer only where they did not come with the first bytes."""

        waiting: asyncio.TimerHandle | None = None
        leaving = False
        begun = False
        header_bytes = 0

        def connection_made(self, transport: Any) -> None:
            super().connection_made(Whole(transport, self.loop))  # type: ignore[arg-type]
            if len(self.connections) > most:
                self._end(b"429 Too Many Requests", BUSY)
            else:
                self._wait()

        def connection_lost(self, exc: Exception | None) -> None:
            self._wait_no_more()
            super().connection_lost(exc)

        def data_received(self, data: bytes) -> None:
            if self.transport.is_closing():
                return
            super().data_received(data)
            if not self.begun:
                return
            self.header_bytes += len(data)
            if self.header_bytes > MAX_HEADER_BYTES:
                self._end(b"431 Request Header Fields Too Large", LONG)
            elif self.waiting is None:
                self._wait()

        def on_message_begin(self) -> None:
            self.begun, self.header_bytes = True, 0
            super().on_message_begin()

        def on_headers_complete(self) -> None:
            self.begun = False
            if self.waiting is not None:
                self._wait_no_more()
            super().on_headers_complete()
            if self.leaving:
                self.cycle.keep_alive = False

        def shutdown(self) -> None:
            """Answer what is under way, or on its way, and say that the connection ends with it.

            uvicorn closes a connection that is between two requests at once; where the next is already sent, and
            nobody has read it yet, its client would be told nothing.
            """
            self.leaving = True
            if self.cycle is None or self.cycle.response_complete:
                self.loop.call_later(LINGER_SECONDS, self._close_idle)
            else:
                self.cycle.keep_alive = False

        def _close_idle(self) -> None:
            if self.cycle is None or self.cycle.response_complete:
                self.transport.close()

        def _wait(self) -> None:
            self.waiting = self.loop.call_later(HEADER_SECONDS, self.transport.close)

        def _wait_no_more(self) -> None:
            if self.waiting is not None:
                self.waiting.cancel()
                self.waiting = None

        def _end(self, status: bytes, body: bytes) -> None:
            self._wait_no_more()
            head = b"HTTP/1.1 %b\r\ncontent-type: application/json\r\ncontent-length: %d\r\nconnection: close\r\n\r\n"
            self.transport.write(head % (status, len(body)) + body)
            self.transport.close()

    return Connection
