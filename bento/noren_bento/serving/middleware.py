"""The ASGI middleware that answers predict, metrics and version itself; all else goes on to BentoML."""

from __future__ import annotations

import asyncio
import logging
import os
import re
import time
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

import msgspec

from noren_bento.serving.answers import Answers, ModelError
from noren_bento.serving.batch import Seen
from noren_bento.serving.columns import Columns
from noren_bento.serving.metrics import CONTENT_TYPE
from noren_bento.serving.refusal import Refusal
from noren_bento.serving.tally import client_error, model_error
from noren_bento.serving.worker import SMALL_BODY, Worker

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

BODY_SECONDS = 10.0
"""A body must be here this long after its headers; well below the time in which BentoML answers 504."""
MAX_WAITING = 256
"""Requests of one worker that may wait for a thread; more are answered with 429."""
REQUEST_ID = re.compile(rb"[\x21-\x7e]{1,128}")
JSON_TYPES = (b"application/json", b"application/json;charset=utf-8")

logger = logging.getLogger("noren.serving")


class Slot:
    """Where the worker is put once its model is loaded; the middleware exists before."""

    __slots__ = ("worker",)

    def __init__(self) -> None:
        self.worker: Worker | None = None


class PredictMiddleware:
    """Answers `POST /predict`, `GET /metrics` and `GET /version`."""

    def __init__(self, app: App, slot: Slot, max_body_bytes: int) -> None:
        self._app = app
        self._slot = slot
        self._max_body_bytes = max_body_bytes
        self._waiting = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer, or pass the request on."""
        worker = self._slot.worker
        path = scope["path"] if scope["type"] == "http" and worker is not None else ""
        if worker is None or path not in ("/predict", "/metrics", "/version"):
            await self._app(scope, receive, send)
        elif path == "/predict":
            await self._answer(worker, scope, receive, send)
        elif scope["method"] not in ("GET", "HEAD"):
            await _send_refusal(send, Refusal(f"{path} takes GET.", status=405), b"", worker.version)
        elif path == "/metrics":
            page = await asyncio.get_running_loop().run_in_executor(None, worker.metrics)
            await _send(send, 200, page.encode(), [(b"content-type", CONTENT_TYPE.encode())])
        else:
            await _send(send, 200, msgspec.json.encode(worker.identity()), [JSON])

    async def _answer(self, worker: Worker, scope: Scope, receive: Receive, send: Send) -> None:
        began = time.perf_counter()
        headers = dict(scope["headers"])
        given = headers.get(b"x-request-id", b"")
        request_id = given if REQUEST_ID.fullmatch(given) else os.urandom(16).hex().encode()
        columns: Columns | None = None
        answers: Answers | None = None
        error = "unanswered"
        try:
            body = await self._read(scope, headers, receive)
            asked, given_answers = await self._predict(worker, body)
            content = worker.encode(given_answers, request_id.decode())
            columns, answers, error = asked, given_answers, ""
            await _send(send, 200, content, _headers(request_id, worker.version))
        except Refusal as refusal:
            error = client_error(refusal.status)
            await _send_refusal(send, refusal, request_id, worker.version)
        except (
            Exception
        ) as problem:  # the model's, or a mistake of ours: either way this version did not answer
            error = model_error(problem)
            unknown = not isinstance(problem, ModelError)
            logger.error("request %s: %s", request_id.decode(), problem, exc_info=unknown)
            text = f"{worker.version} could not answer: {type(problem).__name__}" if unknown else str(problem)
            failure = {"error": text, "model": worker.version, "request_id": request_id.decode()}
            await _send(send, 500, msgspec.json.encode(failure), _headers(request_id, worker.version))
        finally:
            if headers.get(b"x-envoy-attempt-count", b"1") == b"1":
                latency_ms = (time.perf_counter() - began) * 1000
                worker.tally.append(Seen(latency_ms, columns, answers, error, request_id, time.time()))

    async def _predict(self, worker: Worker, body: bytes) -> tuple[Columns, Answers]:
        if worker.quick and len(body) <= SMALL_BODY:
            return worker.predict(body)
        if self._waiting >= MAX_WAITING:
            raise Refusal("Too many requests are waiting; try again in a moment.", status=429)
        self._waiting += 1
        try:
            return await asyncio.get_running_loop().run_in_executor(worker.threads, worker.predict, body)
        finally:
            self._waiting -= 1

    async def _read(self, scope: Scope, headers: dict[bytes, bytes], receive: Receive) -> bytes:
        if scope["method"] != "POST":
            raise Refusal("/predict takes POST.", status=405)
        kind = headers.get(b"content-type", b"").replace(b" ", b"").lower()
        if kind not in JSON_TYPES:
            raise Refusal("Send the body as content-type: application/json.", status=415)
        if int(headers.get(b"content-length", b"0")) > self._max_body_bytes:
            raise self._too_large()
        try:
            async with asyncio.timeout(BODY_SECONDS):
                return await self._read_parts(receive)
        except TimeoutError:
            raise Refusal(f"The body was not here after {BODY_SECONDS:.0f} s.", status=408) from None

    async def _read_parts(self, receive: Receive) -> bytes:
        message = await receive()
        if not message.get("more_body", False):
            return _part(message)
        parts, size = [_part(message)], len(_part(message))
        while message.get("more_body", False):
            message = await receive()
            parts.append(_part(message))
            size += len(parts[-1])
            if size > self._max_body_bytes:
                raise self._too_large()
        return b"".join(parts)

    def _too_large(self) -> Refusal:
        return Refusal(f"The body is larger than {self._max_body_bytes} bytes.", status=413)


JSON = (b"content-type", b"application/json")


def _part(message: Message) -> bytes:
    if message["type"] == "http.disconnect":
        raise Refusal("The client went away before its body was here.", status=400)
    part: bytes = message.get("body", b"")
    return part


def _headers(request_id: bytes, version: str) -> list[tuple[bytes, bytes]]:
    return [JSON, (b"x-noren-version", version.encode()), (b"x-request-id", request_id)]


async def _send_refusal(send: Send, refusal: Refusal, request_id: bytes, version: str) -> None:
    headers = _headers(request_id, version)
    if refusal.status in (408, 413):
        headers.append((b"connection", b"close"))
    if refusal.status == 429:
        headers.append((b"retry-after", b"1"))
    if refusal.status == 405:
        headers.append((b"allow", b"POST" if b"POST" in refusal.error.encode() else b"GET"))
    body = {**refusal.body(), "model": version, "request_id": request_id.decode()}
    await _send(send, refusal.status, msgspec.json.encode(body), headers)


async def _send(send: Send, status: int, body: bytes, headers: list[tuple[bytes, bytes]]) -> None:
    headers.append((b"content-length", str(len(body)).encode()))
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
