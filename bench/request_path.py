"""CPU of one single-row request inside the service: the middleware's own, beside decoding, predicting and encoding.

In process and without HTTP: a request as Envoy sends it, from the ASGI call to the last message of its answer, with the
door, the limits and the tally on. The model is a logistic regression of four columns.
"""

from __future__ import annotations

import gc
import json
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import uvloop
from sklearn.linear_model import LogisticRegression

from noren_bento.serving.door import Door
from noren_bento.serving.middleware import PredictMiddleware, Slot
from noren_bento.serving.worker import Worker
from tests.noren_bento.builds import numbers
from tests.noren_bento.serving.folders import write_folder

REQUESTS = 2_000
ROUNDS = 15
BODY = json.dumps({"rows": [{"n0": 1.25, "n1": -0.5, "n2": 0.125, "n3": 2.0}]}).encode()
HEADERS = [
    (b"host", b"127.0.0.1:8620"),
    (b"accept", b"*/*"),
    (b"accept-encoding", b"gzip, deflate"),
    (b"user-agent", b"python-httpx/0.28.1"),
    (b"content-length", str(len(BODY)).encode()),
    (b"content-type", b"application/json"),
    (b"x-forwarded-for", b"127.0.0.1"),
    (b"x-forwarded-proto", b"http"),
    (b"x-request-id", b"0d0c7a5e-5c2b-9f0c-8a51-7a52d6f0b6a1"),
    (b"x-envoy-attempt-count", b"1"),
]
SCOPE = {
    "type": "http",
    "method": "POST",
    "path": "/predict",
    "headers": HEADERS,
    "server": ("127.0.0.1", 3000),
}


def microseconds(work: Callable[[], None]) -> float:
    began = time.process_time()
    work()
    return 1e6 * (time.process_time() - began) / REQUESTS


async def ask(app: PredictMiddleware) -> None:
    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": BODY, "more_body": False}

    async def send(message: Any) -> None:
        assert message.get("status", 200) == 200

    for _ in range(REQUESTS):
        await app(dict(SCOPE), receive, send)


def answer(worker: Worker) -> None:
    for _ in range(REQUESTS):
        worker.answer((worker.rows, worker.rows), BODY, "0" * 32)


def main() -> None:
    """Print the least of all rounds: what is above it is the machine's."""
    X, y = numbers()
    with tempfile.TemporaryDirectory() as work:
        folder = write_folder(Path(work) / "model", LogisticRegression().fit(X, y), X, y)
        worker = Worker(folder, counts=Path(work) / "counts")
        slot = Slot()
        slot.worker = worker
        gc.collect()
        gc.freeze()
        whole, inner = [], []
        for _ in range(ROUNDS):
            app = PredictMiddleware(_nobody, slot, 10_000_000, door=Door())
            whole.append(microseconds(lambda app=app: uvloop.run(ask(app))))
            worker.tally.flush()
            inner.append(microseconds(lambda: answer(worker)))
        worker.threads.shutdown()
    print("| | CPU µs |\n|---|---|")
    print(f"| whole request | {min(whole):.1f} |\n| of it decode, predict, encode | {min(inner):.1f} |")
    print(f"| of it the middleware's own | {min(whole) - min(inner):.1f} |")


async def _nobody(*_: Any) -> None:
    raise AssertionError("the middleware answers itself")


if __name__ == "__main__":
    main()
