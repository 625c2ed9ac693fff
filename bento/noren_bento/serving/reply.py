"""Reply: answers, refusals and failures as ASGI messages, each with the request's id and the version."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable

import msgspec

from noren_bento.serving.answers import ModelError
from noren_bento.serving.formats import JSON
from noren_bento.serving.intake import Message
from noren_bento.serving.refusal import Refusal
from noren_bento.serving.worker import Worker

Send = Callable[[Message], Awaitable[None]]

logger = logging.getLogger("noren.serving")


def reply_headers(
    content_type: tuple[bytes, bytes], request_id: bytes, worker: Worker
) -> list[tuple[bytes, bytes]]:
    """What each answer carries."""
    return [content_type, worker.version_header, (b"x-request-id", request_id)]


async def send_refusal(send: Send, refusal: Refusal, request_id: bytes, worker: Worker | None) -> None:
    """Send why a request is not answered; a 4xx, or 503."""
    headers = [JSON, (b"x-request-id", request_id)]
    body = {**refusal.body(), "request_id": request_id.decode()}
    if worker is not None:
        headers.append(worker.version_header)
        body["model"] = worker.version
    if refusal.status == 401:
        headers.append((b"www-authenticate", b"Bearer"))
    if refusal.status in (408, 413):
        headers.append((b"connection", b"close"))
    if refusal.status in (429, 503):
        headers.append((b"retry-after", b"1"))
    if refusal.status == 405:
        headers.append((b"allow", b"POST" if "POST" in refusal.error else b"GET"))
    await send_reply(send, refusal.status, msgspec.json.encode(body), headers)


def tell_failure(problem: Exception, request_id: bytes, worker: Worker) -> str:
    """Log why a version could not answer; returns what its caller is told."""
    unknown = not isinstance(problem, ModelError)
    logger.error("request %s: %s", request_id.decode(), problem, exc_info=unknown)
    return f"{worker.version} could not answer: {type(problem).__name__}" if unknown else str(problem)


async def send_failure(send: Send, status: int, text: str, request_id: bytes, worker: Worker) -> None:
    """Send that this version could not answer a request that fits; a 5xx."""
    failure = {"error": text, "model": worker.version, "request_id": request_id.decode()}
    await send_reply(send, status, msgspec.json.encode(failure), reply_headers(JSON, request_id, worker))


async def send_reply(send: Send, status: int, body: bytes, headers: list[tuple[bytes, bytes]]) -> None:
    """Send a whole answer."""
    headers.append((b"content-length", b"%d" % len(body)))
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
