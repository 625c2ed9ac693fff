from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable

import pytest

from noren_bento.serving.deadline import Deadline

SECONDS = 0.02


async def held(deadline: Deadline, cancels: Callable[[asyncio.Task[None]], object]) -> asyncio.Task[None]:
    """A task that has ended: `cancels` was asked in the very turn in which its time was over."""
    ended = asyncio.Event()

    async def wait() -> None:
        await deadline.hold(asyncio.sleep(30))

    task = asyncio.create_task(wait())
    task.add_done_callback(lambda _: ended.set())
    await asyncio.sleep(0)
    look = deadline._look

    def look_and_cancel(loop: asyncio.AbstractEventLoop) -> None:
        look(loop)
        if task.cancelling():
            cancels(task)

    deadline._look = look_and_cancel  # type: ignore[method-assign]
    # The first look was scheduled before it could be replaced; each look schedules the next.
    await ended.wait()
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
        task = await held(Deadline(SECONDS), lambda task: task.cancel())
        assert task.cancelled()

    asyncio.run(run())


def test_the_deadline_alone_is_a_timeout() -> None:
    async def run() -> None:
        task = await held(Deadline(SECONDS), lambda _: None)
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
