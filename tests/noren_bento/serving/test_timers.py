"""BentoML's own deadline is left out: a request leaves nothing behind in the event loop."""

from __future__ import annotations

import asyncio
from typing import Any

from bentoml._internal.server.http.traffic import TimeoutMiddleware

from noren_bento.serving.timers import leave_out_timers


def test_a_request_passes_without_a_task_or_a_timer(monkeypatch: Any) -> None:
    monkeypatch.setattr(TimeoutMiddleware, "__call__", TimeoutMiddleware.__call__)  # put back afterwards
    leave_out_timers()
    inside: list[Any] = []

    async def app(*_: Any) -> None:
        inside.append(asyncio.current_task())

    async def run() -> None:
        loop = asyncio.get_running_loop()
        monkeypatch.setattr(loop, "call_later", lambda *_: inside.append("a timer"))
        await TimeoutMiddleware(app, 30.0)({"type": "http"}, None, None)  # type: ignore[arg-type]
        assert inside == [asyncio.current_task()]

    asyncio.run(run())
