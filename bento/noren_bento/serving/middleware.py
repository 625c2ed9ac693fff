"""The ASGI middleware that answers predictions, metrics and version itself; all else goes on to BentoML."""

from __future__ import annotations

import asyncio
import logging
import threading
import time
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

import msgspec

from noren_bento.errors import NorenError
from noren_bento.serving.answers import Answers
from noren_bento.serving.arrow.format import ARROW_TYPE
from noren_bento.serving.batch import Seen
from noren_bento.serving.columns import Columns
from noren_bento.serving.deadline import Deadline
from noren_bento.serving.door import ALWAYS, Door
from noren_bento.serving.formats import JSON, Format
from noren_bento.serving.intake import BODY_SECONDS, SMALL_BODY, Intake, Receive
from noren_bento.serving.metrics import CONTENT_TYPE
from noren_bento.serving.refusal import Refusal, too_many
from noren_bento.serving.reply import (
    Send,
    reply_headers,
    send_failure,
    send_refusal,
    send_reply,
    tell_failure,
)
from noren_bento.serving.request_id import RequestIds
from noren_bento.serving.tally import client_error, model_error
from noren_bento.serving.worker import Call, Stopped, Worker

Scope = MutableMapping[str, Any]
App = Callable[[Scope, Receive, Send], Awaitable[None]]
Headers = dict[bytes, bytes]

ANSWER_SECONDS = 30.0
"""A prediction in a thread that takes longer is answered with 504."""
MAX_WAITING = 256
"""Requests of one worker that may wait for a thread; more are answered with 429."""
WAITED_SHARE = 0.4
"""A request that has waited for a thread for this share of its time is answered with 429, not begun: what it has left
would hardly be enough, and those behind it would be late, too."""
EXPECTED_MS = b"x-envoy-expected-rq-timeout-ms"
"""How long Envoy waits for this try."""
COMPARED = b"x-noren-compared"
"""In a canary Envoy says so: what is not begun in time is then this version's failure, and the champion's to answer."""
JSON_TYPES = (b"application/json", b"application/json;charset=utf-8")
OR_ARROW = f" or {ARROW_TYPE.decode()}"
PAGES = ("/docs.json", "/metrics", "/version")

logger = logging.getLogger("noren.serving")


class Slot:
    """Where the worker is put once its model is loaded; the middleware exists before."""

    __slots__ = ("worker",)

    def __init__(self) -> None:
        self.worker: Worker | None = None


class PredictMiddleware:
    """Answers `POST /predict`, `/invocations` and `/feedback`, `GET /metrics`, `/version`, `/docs.json`."""

    def __init__(
        self,
        app: App,
        slot: Slot,
        max_body_bytes: int,
        *,
        door: Door,
        body_seconds: float = BODY_SECONDS,
        answer_seconds: float = ANSWER_SECONDS,
    ) -> None:
        self._app = app
        self._slot = slot
        self._door = door
        self._intake = Intake(max_body_bytes, seconds=body_seconds)
        self._ids = RequestIds()
        self._waiting = 0
        self._deadline = Deadline(answer_seconds)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer, or pass the request on."""
        if scope["type"] != "http" or scope["path"] in ALWAYS:
            await self._app(scope, receive, send)
            return
        worker, path = self._slot.worker, scope["path"]
        headers: Headers = dict(scope["headers"])
        if (refusal := self._door.refuse(scope, headers)) is not None:
            await send_refusal(send, refusal, self._ids.of(headers), worker)
        elif worker is None:
            await self._app(scope, receive, send)
        elif format_ := worker.formats.get(path):
            await self._answer(worker, format_, headers, scope, receive, send)
        elif path == "/feedback":
            await self._take_labels(worker, headers, scope, receive, send)
        elif path in PAGES:
            await self._show(worker, path, headers, scope, send)
        else:
            await self._app(scope, receive, send)

    async def _show(self, worker: Worker, path: str, headers: Headers, scope: Scope, send: Send) -> None:
        if scope["method"] not in ("GET", "HEAD"):
            refusal = Refusal(f"{path} takes GET.", status=405)
            await send_refusal(send, refusal, self._ids.of(headers), worker)
        elif path == "/docs.json":
            await send_reply(send, 200, worker.document(self._intake.max_body_bytes), [JSON])
        elif path == "/metrics":
            page = await asyncio.get_running_loop().run_in_executor(None, worker.metrics)
            await send_reply(send, 200, page.encode(), [(b"content-type", CONTENT_TYPE.encode())])
        else:
            await send_reply(send, 200, msgspec.json.encode(worker.identity()), [JSON])

    async def _take_labels(
        self, worker: Worker, headers: Headers, scope: Scope, receive: Receive, send: Send
    ) -> None:
        request_id = self._ids.of(headers)
        body = b""
        try:
            _require_json(scope, headers)
            body = await self._intake.read(headers, receive)
            taken = await asyncio.get_running_loop().run_in_executor(None, worker.take_labels, body)
            await send_reply(send, 200, taken, reply_headers(JSON, request_id, worker))
        except Refusal as refusal:
            await send_refusal(send, refusal, request_id, worker)
        except NorenError as problem:
            logger.error("feedback is not kept: %s", problem)
            await send_refusal(send, Refusal(str(problem), status=503), request_id, worker)
        finally:
            self._intake.release(body)

    async def _answer(
        self, worker: Worker, format_: Format, headers: Headers, scope: Scope, receive: Receive, send: Send
    ) -> None:
        began = time.perf_counter()
        request_id = self._ids.of(headers)
        columns: Columns | None = None
        answers: Answers | None = None
        told: threading.Event | None = None
        error = "unanswered"
        body = b""
        try:
            formats = _choose(worker, format_, scope, headers)
            body = await self._intake.read(headers, receive)
            asked, given, content = await self._predict(worker, formats, body, headers, request_id.decode())
            columns, answers, error = asked, given, ""
            await send_reply(send, 200, content, reply_headers(formats[1].content_type, request_id, worker))
        except Refusal as refusal:
            if refusal.status < 500:
                error = client_error(refusal.status)
            await send_refusal(send, refusal, request_id, worker)
        except TimeoutError:
            late = f"{worker.version} did not answer within {self._deadline.seconds:.0f} s"
            logger.error("request %s: %s", request_id.decode(), late)
            await send_failure(send, 504, late, request_id, worker)
        except Stopped as stopped:
            told = stopped.told
            await send_failure(send, 507, str(stopped), request_id, worker)
        except Exception as problem:  # the model's, or a mistake of ours: this version did not answer
            error = model_error(problem)
            await send_failure(send, 500, tell_failure(problem, request_id, worker), request_id, worker)
        finally:
            self._intake.release(body)
            if headers.get(b"x-envoy-attempt-count", b"1") == b"1":
                latency_ms = (time.perf_counter() - began) * 1000
                worker.tally.append(Seen(latency_ms, columns, answers, error, request_id, time.time()))
            if told is not None:
                told.set()

    async def _predict(
        self,
        worker: Worker,
        formats: tuple[Format, Format],
        body: bytes,
        headers: Headers,
        request_id: str,
    ) -> tuple[Columns, Answers, bytes]:
        if worker.quick and len(body) <= SMALL_BODY:
            return worker.answer(formats, body, request_id)
        if self._waiting >= MAX_WAITING:
            raise too_many()
        loop = asyncio.get_running_loop()
        ended: asyncio.Future[None] = loop.create_future()

        def fail(stopped: Stopped) -> None:
            if ended.done():
                stopped.told.set()
            else:
                ended.set_exception(stopped)

        def end(_: object) -> None:
            if not ended.done():
                ended.set_result(None)

        call = Call(
            time.monotonic() + WAITED_SHARE * self._seconds_of(headers),
            late=too_many(status=503 if COMPARED in headers else 429),
            stop=lambda stopped: loop.call_soon_threadsafe(fail, stopped),
        )
        answer = loop.run_in_executor(worker.threads, worker.answer, formats, body, request_id, call)
        self._waiting += 1
        try:
            answer.add_done_callback(end)
            await self._deadline.hold(ended)
            return answer.result()
        finally:
            answer.cancel()  # what was not begun is not begun any more; what has ended stays as it is
            self._waiting -= 1

    def _seconds_of(self, headers: Headers) -> float:
        """How long an answer is waited for, by whoever gives up first."""
        given = headers.get(EXPECTED_MS, b"")
        return (
            min(int(given[:9]) / 1000, self._deadline.seconds) if given.isdigit() else self._deadline.seconds
        )


def _choose(worker: Worker, format_: Format, scope: Scope, headers: Headers) -> tuple[Format, Format]:
    """How the body is written, and how the answer is to be; Arrow stands beside the rows of `/predict` only."""
    if format_ is not worker.rows:
        _require_json(scope, headers)
        return format_, format_
    answer: Format = worker.arrow if ARROW_TYPE in headers.get(b"accept", b"") else format_
    if headers.get(b"content-type") == ARROW_TYPE and scope["method"] == "POST":
        return worker.arrow, answer
    _require_json(scope, headers, OR_ARROW)
    return format_, answer


def _media_type(headers: Headers) -> bytes:
    return headers.get(b"content-type", b"").replace(b" ", b"").lower()


def _require_json(scope: Scope, headers: Headers, also: str = "") -> None:
    if scope["method"] != "POST":
        raise Refusal(f"{scope['path']} takes POST.", status=405)
    if headers.get(b"content-type") not in JSON_TYPES and _media_type(headers) not in JSON_TYPES:
        raise Refusal(f"Send the body as content-type: application/json{also}.", status=415)
