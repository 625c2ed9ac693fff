from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

import pytest

from noren_bento.serving.intake import HELD_BODIES, SMALL_BODY, Intake
from noren_bento.serving.refusal import Refusal

LIMIT = 4 * SMALL_BODY


def receiver(parts: Sequence[bytes], *, forever: bool = False) -> Any:
    """What uvicorn gives: one message a part; `forever` keeps the last one from coming."""
    waiting = list(parts)

    async def receive() -> dict[str, Any]:
        if not waiting:
            await asyncio.sleep(30)
        part = waiting.pop(0)
        return {"type": "http.request", "body": part, "more_body": bool(waiting) or forever}

    return receive


def refuse(intake: Intake, receive: Any, headers: dict[bytes, bytes] | None = None) -> Refusal:
    with pytest.raises(Refusal) as caught:
        asyncio.run(intake.read(headers or {}, receive))
    return caught.value


def test_a_body_is_its_parts_and_is_held_until_it_is_released() -> None:
    intake = Intake(LIMIT)
    body = asyncio.run(intake.read({}, receiver([b"a" * SMALL_BODY, b"b"])))
    assert (body, intake.held) == (b"a" * SMALL_BODY + b"b", SMALL_BODY + 1)
    intake.release(body)
    small = asyncio.run(intake.read({}, receiver([b"a", b"b"])))
    intake.release(small)
    assert (small, intake.held) == (b"ab", 0)


@pytest.mark.parametrize("parts", [[b"x" * (LIMIT + 1)], [b"x" * SMALL_BODY] * 5])
def test_a_body_over_the_limit_is_413_and_held_no_more(parts: list[bytes]) -> None:
    intake = Intake(LIMIT)
    assert refuse(intake, receiver(parts)).status == 413
    assert intake.held == 0


@pytest.mark.parametrize(
    ("length", "status"), [(b"%d" % (LIMIT + 1), 413), (b"9" * 5000, 413), (b"-1", 400), (b"x", 400)]
)
def test_a_length_is_believed_before_anything_is_read(length: bytes, status: int) -> None:
    assert refuse(Intake(LIMIT), receiver([]), {b"content-length": length}).status == status


def test_bodies_together_hold_no_more_than_some_of_the_largest() -> None:
    intake = Intake(LIMIT)
    whole = receiver([b"x" * SMALL_BODY] * 4)
    held = [asyncio.run(intake.read({}, receiver([b"x" * SMALL_BODY] * 4))) for _ in range(HELD_BODIES)]
    assert refuse(intake, whole).status == 429
    intake.release(held[0])
    assert len(asyncio.run(intake.read({}, receiver([b"x" * SMALL_BODY] * 4)))) == LIMIT


def test_a_body_that_stops_is_408_and_one_that_is_cancelled_is_cancelled() -> None:
    async def read() -> None:
        intake = Intake(LIMIT, seconds=0.05)
        with pytest.raises(Refusal) as caught:
            await intake.read({}, receiver([b"x" * SMALL_BODY], forever=True))
        assert (caught.value.status, intake.held) == (408, 0)
        task = asyncio.current_task()
        assert task is not None
        assert task.cancelling() == 0
        other = asyncio.ensure_future(Intake(LIMIT).read({}, receiver([])))
        await asyncio.sleep(0)
        other.cancel()
        with pytest.raises(asyncio.CancelledError):
            await other

    asyncio.run(read())


def test_a_client_that_goes_away_is_refused() -> None:
    async def receive() -> dict[str, Any]:
        return {"type": "http.disconnect"}

    assert refuse(Intake(LIMIT), receive).status == 400
