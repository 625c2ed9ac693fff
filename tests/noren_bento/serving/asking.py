"""Requests to the middleware in process, without BentoML and without sockets."""

from __future__ import annotations

import asyncio
from typing import Any

import httpx

from noren_bento.serving.door import Door
from noren_bento.serving.intake import BODY_SECONDS
from noren_bento.serving.middleware import ANSWER_SECONDS, PredictMiddleware, Slot
from noren_bento.serving.worker import Worker

BEYOND = 299
"""Status of what went on to BentoML."""


async def beyond(scope: Any, receive: Any, send: Any) -> None:
    """Stands for BentoML."""
    await send({"type": "http.response.start", "status": BEYOND, "headers": []})
    await send({"type": "http.response.body", "body": b""})


def ask(
    worker: Worker | None,
    method: str,
    path: str,
    *,
    limit: int = 2000,
    body_seconds: float = BODY_SECONDS,
    answer_seconds: float = ANSWER_SECONDS,
    base_url: str = "http://127.0.0.1",
    door: Door | None = None,
    **request: Any,
) -> httpx.Response:
    slot = Slot()
    slot.worker = worker

    async def run() -> httpx.Response:
        app: Any = PredictMiddleware(
            beyond,
            slot,
            limit,
            door=door or Door(),
            body_seconds=body_seconds,
            answer_seconds=answer_seconds,
        )
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url=base_url) as client:
            return await client.request(method, path, **request)

    return asyncio.run(run())
