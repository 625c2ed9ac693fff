"""Load: a small HTTP/1.1 client on uvloop that keeps its connections busy and is not the bottleneck.

A connection sends whole, ready-made requests, the next when the last is answered. Its own CPU is not counted.
"""

from __future__ import annotations

import asyncio
import gc
import itertools
import re
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import uvloop

HANG_SECONDS = 60.0
_LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)
_HEAD = b"\r\n\r\n"


@dataclass(frozen=True, slots=True)
class Answered:
    """What a client saw."""

    latencies_ms: list[float]
    seconds: float
    failed: int
    """Requests with another answer than 200; not in the latencies."""
    failure: str
    """The first of these answers."""


class NoAnswerError(Exception):
    """The server closed a connection, answered what is no answer, or did not answer."""


def request(path: str, body: bytes, headers: Mapping[str, str]) -> bytes:
    """One POST, ready to be sent."""
    lines = [f"POST {path} HTTP/1.1", "host: 127.0.0.1", f"content-length: {len(body)}"]
    lines += [f"{name}: {value}" for name, value in headers.items()]
    return "\r\n".join([*lines, "", ""]).encode() + body


def ask(
    port: int, requests: Sequence[bytes], *, connections: int, seconds: float, at_most: int | None = None
) -> Answered:
    """Send requests in turn over some connections for so long, or until so many are answered."""
    gc.collect()
    gc.disable()  # a collection here would be a slow answer there
    try:
        return uvloop.run(_ask(port, _Run(itertools.cycle(requests), seconds, at_most), connections))
    finally:
        gc.enable()


async def _ask(port: int, run: _Run, connections: int) -> Answered:
    loop = asyncio.get_running_loop()
    run.done = loop.create_future()
    run.begin(connections)
    opened = [
        await loop.create_connection(lambda: _Connection(run), "127.0.0.1", port) for _ in range(connections)
    ]
    try:
        await asyncio.wait_for(run.done, run.seconds + HANG_SECONDS)
    except TimeoutError:
        raise NoAnswerError(f"no answer within {HANG_SECONDS:.0f} s") from None
    finally:
        for transport, _ in opened:
            transport.abort()
    return Answered(run.latencies_ms, run.ended - run.began, run.failed, run.failure)


class _Run:
    """What the connections share."""

    def __init__(self, requests: Iterator[bytes], seconds: float, at_most: int | None) -> None:
        self.done: asyncio.Future[None]
        self.seconds = seconds
        self.latencies_ms: list[float] = []
        self.failed = 0
        self.failure = ""
        self.began = self.ended = 0.0
        self._requests = requests
        self._left = -1 if at_most is None else at_most
        self._busy = 0

    def begin(self, connections: int) -> None:
        self._busy = connections
        self.began = time.perf_counter()

    def next(self) -> bytes | None:
        """The next request; None when it is over."""
        if self._left == 0 or time.perf_counter() - self.began >= self.seconds:
            return None
        self._left -= 1
        return next(self._requests)

    def answered(self, taken: float, content: bytes) -> None:
        if content.startswith(b"HTTP/1.1 200"):
            self.latencies_ms.append(taken * 1000)
        else:
            self.failed += 1
            self.failure = self.failure or content[:600].decode(errors="replace")

    def leave(self) -> None:
        """A connection has nothing more to ask."""
        self.ended = time.perf_counter()
        self._busy -= 1
        if self._busy == 0 and not self.done.done():
            self.done.set_result(None)

    def fail(self, why: str) -> None:
        if not self.done.done():
            self.done.set_exception(NoAnswerError(why))


class _Connection(asyncio.Protocol):
    def __init__(self, run: _Run) -> None:
        self._run = run
        self._content = b""
        self._whole = 0
        self._began = 0.0
        self._over = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport
        self._send()

    def _send(self) -> None:
        asked = self._run.next()
        if asked is None:
            self._over = True
            self._run.leave()
            return
        self._content, self._whole = b"", 0
        self._began = time.perf_counter()
        self._transport.write(asked)  # type: ignore[attr-defined]

    def data_received(self, data: bytes) -> None:
        self._content = self._content + data if self._content else data
        if not self._whole:
            end = self._content.find(_HEAD)
            if end < 0:
                return
            length = _LENGTH.search(self._content, 0, end + 2)
            if length is None:
                self._run.fail(f"an answer without its length: {self._content[:300]!r}")
                return
            self._whole = end + len(_HEAD) + int(length[1])
        if len(self._content) >= self._whole:
            self._run.answered(time.perf_counter() - self._began, self._content)
            self._send()

    def connection_lost(self, exc: Exception | None) -> None:
        if not self._over:
            self._run.fail(f"the server closed a connection: {exc or 'without a word'}")
