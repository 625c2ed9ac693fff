from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable

import pytest

from noren_bento.serving.deadline import Deadline

SECONDS = 0.02


class Watched(Deadline):
    """Says of each task whose time is over, in that very turn of the loop."""

    def __init__(self, over: Callable[[asyncio.Task[None]], object]) -> None:
        super().__init__(SECONDS)
        self._told = over

    def _look(self, loop: asyncio.AbstractEventLoop) -> None:
        before = set(self._over)
        super()._look(loop)
        for task in self._over - before:
            self._told(task)


async def held(over: Callable[[asyncio.Task[None]], object]) -> asyncio.Task[None]:
    """A task that has ended because its time was over."""
    task = asyncio.create_task(Watched(over).hold(asyncio.sleep(30)))
    await asyncio.wait([task])
    return task


def test_what_takes_too_long_is_a_timeout_and_leaves_the_task_uncancelled() -> None:
    async def run() -> int:
        deadline = Deadline(SECONDS)
        with pytest.raises(TimeoutError):
            await deadline.hold(asyncio.sleep(30))
        task = asyncio.current_task()
        assert task is not None
        assert await deadline.hold(asyncio.sleep(0, "in time")) == "in time"
        return task.cancelling()

    assert asyncio.run(run()) == 0


def test_a_cancellation_in_the_turn_of_the_deadline_is_a_cancellation() -> None:
    async def run() -> None:
        task = await held(lambda task: task.cancel())
        assert task.cancelled()

    asyncio.run(run())


def test_the_deadline_alone_is_a_timeout() -> None:
    async def run() -> None:
        task = await held(lambda _: None)
        assert isinstance(task.exception(), TimeoutError)

    asyncio.run(run())


def test_a_task_that_was_cancelled_before_and_goes_on_still_has_its_deadline() -> None:
    async def run() -> None:
        async def goes_on() -> str:
            with contextlib.suppress(asyncio.CancelledError):
                await asyncio.sleep(30)
            # Not uncancelled: it counts as cancelled once, to the end.
            try:
                await Deadline(SECONDS).hold(asyncio.sleep(30))
            except TimeoutError:
                return "late"
            return "in time"

        task = asyncio.create_task(goes_on())
        await asyncio.sleep(0)
        task.cancel()
        assert await task == "late"

    asyncio.run(run())
