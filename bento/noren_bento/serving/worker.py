"""Worker: what one service process holds: the predictor, the schema, the tally and the watch."""

from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import msgspec

from noren_bento.profile.window import Layout
from noren_bento.serving.answers import Answers
from noren_bento.serving.columns import Columns
from noren_bento.serving.counts import CountFile, read_counts, read_peak
from noren_bento.serving.manifest import Manifest
from noren_bento.serving.metrics import render_metrics
from noren_bento.serving.predictor import Predictor, load_predictor, read_replay
from noren_bento.serving.schema import Schema
from noren_bento.serving.tally import Tally

SMALL_BODY = 16_384
"""Bytes of a body that may be decoded and answered on the event loop, by a compiled model only."""
QUICK_MS = 1.0
"""A compiled model whose single row takes longer than this answers in a thread, too."""
THREADS = 2


class Worker:
    """Loads and warms a model folder, answers bodies, and counts what it saw in a file of its own."""

    def __init__(self, folder: Path, *, counts: Path) -> None:
        self._folder = folder
        self._counts = counts
        self.predictor: Predictor = load_predictor(folder)
        self.manifest: Manifest = self.predictor.manifest
        self.version = self.predictor.version
        self.schema = Schema(self.predictor.signature, closed=self.manifest.closed)
        self._layout = Layout(self.predictor.profile)
        self.tally = Tally(self._layout, CountFile(counts, self._layout))
        self.threads = ThreadPoolExecutor(THREADS, thread_name_prefix="predict")
        self.running: dict[int, float] = {}
        self.quick = self._warm() < QUICK_MS and self.manifest.runtime == "onnx"

    def _warm(self) -> float:
        """Answer the first replay row a few times; return the milliseconds of the last."""
        rows = read_replay(self._folder)[:1]
        taken = 0.0
        body = msgspec.json.encode({"rows": rows})
        for _ in range(3 if rows else 0):
            began = time.perf_counter()
            self.predictor.predict(self.schema.decode(body))
            taken = (time.perf_counter() - began) * 1000
        return taken

    def predict(self, body: bytes) -> tuple[Columns, Answers]:
        """Decode and answer; raises Refusal or ModelError. Watched: a call that never ends ends the worker."""
        me = threading.get_ident()
        self.running[me] = time.monotonic()
        try:
            columns = self.schema.decode(body)
            return columns, self.predictor.predict(columns)
        finally:
            del self.running[me]

    def encode(self, answers: Answers, request_id: str) -> bytes:
        """Write the answer's JSON."""
        document: dict[str, Any] = {"model": self.version, "predictions": answers.predictions.tolist()}
        if answers.probabilities is not None:
            document["probabilities"] = answers.probabilities.tolist()
        document["request_id"] = request_id
        return msgspec.json.encode(document)

    def metrics(self) -> str:
        """The metrics page: all workers of this version together."""
        self.tally.flush()
        counts = read_counts(self._counts, self._layout)
        return render_metrics(
            self._layout,
            counts,
            model=self.version,
            digest=self.manifest.version.digest,
            peak_bytes=read_peak(self._counts),
        )

    def identity(self) -> dict[str, str]:
        """What `GET /version` answers."""
        return {
            "model": self.version,
            "digest": self.manifest.version.digest,
            "runtime": self.manifest.runtime,
        }

    def close(self) -> None:
        """Write the last counts."""
        self.tally.flush()
