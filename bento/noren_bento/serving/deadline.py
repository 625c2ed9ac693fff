"""Deadline: cancels tasks that wait too long, with one timer for all of them; `asyncio.timeout` makes one for each."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from typing import Any, TypeVar

T = TypeVar("T")

LOOKS = 4
"""So often within a deadline is looked: a task waits a quarter longer at most."""


class Deadline:
    """Cancels a task that has begun to wait and has not ended it within some seconds."""

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self._began: dict[asyncio.Task[Any], float] = {}
        """The oldest is the first."""
        self._over: set[asyncio.Task[Any]] = set()
        self._timer: asyncio.TimerHandle | None = None

    async def hold(self, awaited: Awaitable[T]) -> T:
        """Return what is awaited; raises TimeoutError where it takes too long.

        A task that somebody else cancels as well, even in the same turn of the loop, is cancelled.
        """
        task = self._begin()
        before = task.cancelling()
        try:
            return await awaited
        except asyncio.CancelledError:
            if self._end(task, before):
                raise TimeoutError from None
            raise
        finally:
            self._end(task, before)

    def _begin(self) -> asyncio.Task[Any]:
        task = asyncio.current_task()
        assert task is not None, "only called from a coroutine that runs"
        loop = task.get_loop()
        self._began[task] = loop.time()
        if self._timer is None:
            self._timer = loop.call_later(self.seconds / LOOKS, self._look, loop)
        return task

    def _end(self, task: asyncio.Task[Any], before: int) -> bool:
        """Watch it no more; returns whether it was cancelled for no other reason than that its time was over."""
        self._began.pop(task, None)
        if task not in self._over:
            return False
        self._over.discard(task)
        return task.uncancel() <= before

    def _look(self, loop: asyncio.AbstractEventLoop) -> None:
        now = loop.time()
        for task, began in list(self._began.items()):
            if now - began < self.seconds:
                break
            del self._began[task]
            self._over.add(task)
            task.cancel()
        self._timer = loop.call_later(self.seconds / LOOKS, self._look, loop) if self._began else None
