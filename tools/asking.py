"""Asking: a model folder's version over HTTP, served by uvicorn with the middleware that a bento has."""

from __future__ import annotations

import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import uvicorn

from noren_bento.serving.answers import Answers
from noren_bento.serving.columns import Columns
from noren_bento.serving.door import Door
from noren_bento.serving.middleware import PredictMiddleware, Slot
from noren_bento.serving.rows import rows_of_columns
from noren_bento.serving.worker import Worker

START_SECONDS = 30.0
MAX_BYTES = 20_000_000


@contextmanager
def asked_over_http(folder: Path) -> Iterator[Callable[[Columns], Answers]]:
    """Serve the folder's version on a free port; gives what asks it for rows, which raises where it is not answered."""
    with tempfile.TemporaryDirectory(prefix="noren-counts-") as counts:
        slot = Slot()
        slot.worker = Worker(folder, counts=Path(counts))
        middleware: Any = PredictMiddleware(_beyond, slot, MAX_BYTES, door=Door())
        config = uvicorn.Config(middleware, port=0, log_level="warning", access_log=False, lifespan="off")
        server = uvicorn.Server(config)
        thread = threading.Thread(target=server.run)
        thread.start()
        try:
            url = f"http://127.0.0.1:{_port_of(server, thread)}"
            with httpx.Client(base_url=url, timeout=120) as client:
                yield lambda columns: _ask(client, slot, columns)
        finally:
            server.should_exit = True
            thread.join()
            slot.worker.threads.shutdown()


async def _beyond(_: Any, __: Any, send: Any) -> None:
    await send({"type": "http.response.start", "status": 404, "headers": []})
    await send({"type": "http.response.body", "body": b""})


def _port_of(server: uvicorn.Server, thread: threading.Thread) -> int:
    ends = time.monotonic() + START_SECONDS
    while not server.started:
        if not thread.is_alive() or time.monotonic() > ends:
            raise RuntimeError("uvicorn did not start")
        time.sleep(0.01)
    port: int = server.servers[0].sockets[0].getsockname()[1]
    return port


def _ask(client: httpx.Client, slot: Slot, columns: Columns) -> Answers:
    assert slot.worker is not None
    signature = slot.worker.predictor.signature
    response = client.post("/predict", json={"rows": rows_of_columns(columns, signature)})
    response.raise_for_status()
    body = response.json()
    labels = [label for classes in signature.target_classes for label in classes]
    mixed = len({type(label) for label in labels}) > 1  # which numpy would make text of
    dtype = object if mixed else np.float64 if signature.task == "regression" else None
    predictions = np.array(body["predictions"], dtype=dtype)
    numbers = {
        name: np.array(body[name], dtype=np.float64) for name in ("probabilities", "scores") if name in body
    }
    return Answers(predictions, **numbers)
