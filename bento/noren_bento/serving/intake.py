"""Intake: reads a request's body, within limits of size, of time, and of what all requests together hold."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from typing import Any

from noren_bento.serving.deadline import Deadline
from noren_bento.serving.refusal import Refusal

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]

BODY_SECONDS = 10.0
"""A body must be here this long after its headers; well below ANSWER_SECONDS."""
SMALL_BODY = 16_384
"""Bytes of a body that may be decoded and answered on the event loop, by a compiled model only."""
HELD_BODIES = 8
"""Larger bodies that are being read or wait for a thread hold as much as this many of the largest, all together."""


class Intake:
    """Reads bodies. Who has read one says so with `release` when it needs the body no more."""

    def __init__(self, max_body_bytes: int, *, seconds: float = BODY_SECONDS) -> None:
        self.max_body_bytes = max_body_bytes
        self.held = 0
        """Bytes of the bodies above SMALL_BODY."""
        self._deadline = Deadline(seconds)

    async def read(self, headers: Mapping[bytes, bytes], receive: Receive) -> bytes:
        """Return the body; raises Refusal."""
        length = headers.get(b"content-length", b"0")
        if not length.isdigit():
            raise Refusal("content-length must be a number of bytes.", status=400)
        if int(length[:20]) > self.max_body_bytes:
            raise self._too_large()
        try:
            return await self._deadline.hold(self._read(receive))
        except TimeoutError:
            raise Refusal(
                f"The body was not here after {self._deadline.seconds:.0f} s.", status=408
            ) from None

    async def _read(self, receive: Receive) -> bytes:
        message = await receive()
        if message.get("more_body", False):
            return await self._read_on(message, receive)
        return self._whole(_part(message))

    def release(self, body: bytes) -> None:
        """Hold this body no more."""
        if len(body) > SMALL_BODY:
            self.held -= len(body)

    def _whole(self, body: bytes) -> bytes:
        if len(body) > self.max_body_bytes:
            raise self._too_large()
        if len(body) > SMALL_BODY:
            self.held += len(body)
        return body

    async def _read_on(self, message: Message, receive: Receive) -> bytes:
        parts = [_part(message)]
        size = len(parts[0])
        self.held += size
        try:
            while message.get("more_body", False):
                message = await receive()
                part = _part(message)
                parts.append(part)
                size += len(part)
                self.held += len(part)
                if size > self.max_body_bytes:
                    raise self._too_large()
                if self.held > HELD_BODIES * self.max_body_bytes:
                    raise Refusal(
                        "Too many large bodies are on their way; try again in a moment.", status=429
                    )
        finally:
            self.held -= size
        return self._whole(b"".join(parts))

    def _too_large(self) -> Refusal:
        return Refusal(
            f"The body is larger than {self.max_body_bytes} bytes; send its rows in several requests.",
            status=413,
        )


def _part(message: Message) -> bytes:
    if message["type"] == "http.disconnect":
        raise Refusal("The client went away before its body was here.", status=400)
    part: bytes = message.get("body", b"")
    return part
