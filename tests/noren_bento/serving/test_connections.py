"""An answer leaves in one piece; a head that has no body yet is not kept."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Awaitable, Callable
from typing import Any

import uvicorn
import uvloop

from noren_bento.serving.connections import Whole, _make_protocol

HEAD = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n"


class Wire:
    """What a transport was given, piece by piece."""

    def __init__(self) -> None:
        self.sent: list[bytes] = []
        self.closed = False

    def write(self, data: bytes) -> None:
        assert not self.closed
        self.sent.append(data)

    def close(self) -> None:
        self.closed = True

    def get_extra_info(self, name: str) -> str:
        return name


def after(*steps: Callable[[Any], object], turns: int = 0) -> list[bytes]:
    """What was sent when these steps and so many turns of the loop were over."""

    async def run() -> list[bytes]:
        wire = Wire()
        whole = Whole(wire, asyncio.get_running_loop())  # type: ignore[arg-type]
        for step in steps:
            step(whole)
        for _ in range(turns):
            await asyncio.sleep(0)
        return list(wire.sent)

    return asyncio.run(run())


def test_head_and_body_are_one_piece() -> None:
    assert after(lambda it: it.write(HEAD), lambda it: it.write(b"{}"), turns=2) == [HEAD + b"{}"]
    assert after(lambda it: it.write(HEAD), lambda it: it.write(b""), lambda it: it.close()) == [HEAD]


def test_what_comes_later_is_sent_as_it_comes() -> None:
    pieces = [lambda it: it.write(HEAD), lambda it: it.write(b"2"), lambda it: it.write(b"3")]
    assert after(*pieces) == [HEAD + b"2", b"3"]


def test_a_head_without_a_body_is_sent_in_the_next_turn_and_before_the_end() -> None:
    assert after(lambda it: it.write(HEAD)) == []
    assert after(lambda it: it.write(HEAD), turns=2) == [HEAD]
    assert after(lambda it: it.write(HEAD), lambda it: it.close(), turns=2) == [HEAD]


def test_all_else_is_the_transports() -> None:
    assert after(lambda it: it.write(it.get_extra_info("peername").encode())) == [b"peername"]


def test_uvicorn_sends_an_answer_in_one_piece_and_does_not_keep_the_beginning_of_a_stream() -> None:
    pieces: list[bytes] = []
    go_on: asyncio.Event

    async def app(scope: Any, receive: Any, send: Callable[[Any], Awaitable[None]]) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"2")]})
        if scope["path"] == "/stream":
            await go_on.wait()
            await send({"type": "http.response.body", "body": b"{", "more_body": True})
            await send({"type": "http.response.body", "body": b"}"})
        else:
            await send({"type": "http.response.body", "body": b"{}"})

    class Recorded(asyncio.Transport):
        def __init__(self, transport: asyncio.Transport) -> None:
            self.transport = transport

        def __getattribute__(self, name: str) -> Any:
            if name in ("write", "transport"):
                return super().__getattribute__(name)
            return getattr(self.transport, name)

        def write(self, data: Any) -> None:
            pieces.append(data)
            self.transport.write(data)

    class Recording(_make_protocol(10)):  # type: ignore[misc]
        def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
            super().connection_made(Recorded(transport))

    async def run() -> None:
        nonlocal go_on
        go_on = asyncio.Event()
        server = uvicorn.Server(uvicorn.Config(app, http=Recording, lifespan="off", log_config=None))
        with socket.create_server(("127.0.0.1", 0)) as listening:
            serving = asyncio.create_task(server._serve([listening]))
            reader, writer = await asyncio.open_connection(*listening.getsockname())
            for path in ("/", "/stream"):
                writer.write(b"GET %b HTTP/1.1\r\nhost: x\r\n\r\n" % path.encode())
                head = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 10)
                assert head.startswith(b"HTTP/1.1 200 OK")
                if path == "/stream":
                    go_on.set()
                assert await asyncio.wait_for(reader.readexactly(2), 10) == b"{}"
            writer.close()
            server.should_exit = True
            await serving

    uvloop.run(run())
    whole, head, *parts = pieces
    assert whole.startswith(b"HTTP/1.1 200 OK")
    assert whole.endswith(b"\r\n\r\n{}")
    assert head.endswith(b"\r\n\r\n")
    assert parts == [b"{", b"}"]
