"""Worker: what one service process holds: the predictor, the schema, the tally and the watch."""

from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import msgspec

from noren_bento.profile.window import Layout
from noren_bento.serving.answers import Answers
from noren_bento.serving.arrow.format import ArrowFormat
from noren_bento.serving.columns import Columns
from noren_bento.serving.counts import CountFile, read_counts, read_peak
from noren_bento.serving.document import write_document
from noren_bento.serving.feedback import FeedbackStore
from noren_bento.serving.formats import Format, MlflowFormat, RowsFormat
from noren_bento.serving.labels import read_labels
from noren_bento.serving.log.settings import LogSettings
from noren_bento.serving.log.writer import PredictionLog
from noren_bento.serving.manifest import Manifest
from noren_bento.serving.metrics import render_metrics
from noren_bento.serving.predictor import Predictor, load_predictor, read_replay
from noren_bento.serving.schema import Schema
from noren_bento.serving.tally import DROPPED, LOGGED, Tally

QUICK_MS = 1.0
"""A compiled model whose single row takes longer than this answers in a thread, too."""
THREADS = 2


class Worker:
    """Loads and warms a model folder, answers bodies, counts what it saw in a file of its own, and logs it."""

    def __init__(
        self, folder: Path, *, counts: Path, log: LogSettings | None = None, feedback: Path | None = None
    ) -> None:
        self._folder = folder
        self._counts = counts
        self.predictor: Predictor = load_predictor(folder)
        self.manifest: Manifest = self.predictor.manifest
        self.version = self.predictor.version
        self.schema = Schema(self.predictor.signature, closed=self.manifest.closed)
        self.rows = RowsFormat(self.schema, self.version)
        self.formats: dict[str, Format] = {"/predict": self.rows, "/invocations": MlflowFormat(self.schema)}
        """How each route's rows and answers are written."""
        self.arrow = ArrowFormat(self.schema, self.version)
        """What `/predict` takes and gives instead where a request asks for it."""
        self.version_header = (b"x-noren-version", self.version.encode())
        self._layout = Layout(self.predictor.profile)
        self._log = (
            None if log is None else PredictionLog(self.manifest.version, log, tell=self._count_logged)
        )
        keep = None if self._log is None else self._log.keep
        self.tally = Tally(self._layout, CountFile(counts, self._layout), keep)
        self.feedback = FeedbackStore(feedback or counts / "feedback.db")
        self.threads = ThreadPoolExecutor(THREADS, thread_name_prefix="predict")
        self.running: dict[int, float] = {}
        self.quick = self._warm() < QUICK_MS and self.manifest.runtime in ("exact", "onnx")

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

    def answer(
        self, formats: tuple[Format, Format], body: bytes, request_id: str
    ) -> tuple[Columns, Answers, bytes]:
        """Return the rows that a body holds, their answers, and the answers' body; raises Refusal or ModelError.

        The first format is the body's, the second its answer's. Watched: a call that never ends ends the worker.
        """
        me = threading.get_ident()
        self.running[me] = time.monotonic()
        try:
            columns = formats[0].decode(body)
            answers = self.predictor.predict(columns)
            return columns, answers, formats[1].encode(answers, request_id)
        finally:
            del self.running[me]

    def take_labels(self, body: bytes) -> bytes:
        """Keep the labels that a body holds; returns the answer. Raises Refusal, and NorenError on a full disk, say."""
        labels = read_labels(body, self.predictor.signature)
        self.feedback.add(labels, at=time.time(), taken_by=self.version)
        return msgspec.json.encode({"model": self.version, "request_id": labels.request_id})

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

    def document(self, max_body_bytes: int) -> bytes:
        """The OpenAPI document."""
        rows = read_replay(self._folder)
        signature = self.predictor.signature
        return msgspec.json.encode(
            write_document(self.version, signature, self.schema, rows, max_body_bytes=max_body_bytes)
        )

    def identity(self) -> dict[str, str]:
        """What `GET /version` answers."""
        return {
            "model": self.version,
            "digest": self.manifest.version.digest,
            "runtime": self.manifest.runtime,
        }

    def close(self) -> None:
        """Write the last counts and the last rows of the log."""
        self.tally.flush()
        self.feedback.close()
        if self._log is not None:
            self._log.close()

    def _count_logged(self, written: int, dropped: int) -> None:
        self.tally.add(LOGGED, written)
        self.tally.add(DROPPED, dropped)
