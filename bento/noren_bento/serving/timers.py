"""Timers: BentoML's deadline for requests is left out, since the middleware has one of its own.

BentoML's keeps a timer, a task and a future of each request until the deadline has passed: at 5,000 requests a second
and 30 seconds that is 150,000 of each, 200 MB a worker, and a sixth of a request's CPU. It cannot be switched off in a
service's configuration, which must name a number.
"""

# ruff: noqa: PLC0415 -- heavy libraries are imported where they are used

from __future__ import annotations

from typing import Any


def leave_out_timers() -> None:
    """Let BentoML's timeout pass requests on. Where a later BentoML has it elsewhere, it stays as it is."""
    try:
        from bentoml._internal.server.http.traffic import TimeoutMiddleware
    except ImportError:
        return

    async def pass_on(self: Any, scope: Any, receive: Any, send: Any) -> None:
        await self.app(scope, receive, send)

    TimeoutMiddleware.__call__ = pass_on  # type: ignore[method-assign]
