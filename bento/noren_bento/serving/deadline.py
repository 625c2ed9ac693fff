"""Deadline: cancels tasks that wait too long, with one timer for all of them; `asyncio.timeout` makes one for each."""

from __future__ import annotations

import asyncio
from typing import Any

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

    def begin(self) -> asyncio.Task[Any]:
        """Watch the running task until `end`."""
        task = asyncio.current_task()
        assert task is not None, "only called from a coroutine that runs"
        loop = task.get_loop()
        self._began[task] = loop.time()
        if self._timer is None:
            self._timer = loop.call_later(self.seconds / LOOKS, self._look, loop)
        return task

    def end(self, task: asyncio.Task[Any]) -> bool:
        """Watch it no more; returns whether it was cancelled because its time was over."""
        self._began.pop(task, None)
        if task not in self._over:
            return False
        self._over.discard(task)
        task.uncancel()
        return True

    def _look(self, loop: asyncio.AbstractEventLoop) -> None:
        now = loop.time()
        for task, began in list(self._began.items()):
            if now - began < self.seconds:
                break
            del self._began[task]
            self._over.add(task)
            task.cancel()
        self._timer = loop.call_later(self.seconds / LOOKS, self._look, loop) if self._began else None
