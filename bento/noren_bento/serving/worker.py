"""Worker: what one service process holds: the predictor, the schema, the tally and the watch."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from operator import itemgetter
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
from noren_bento.serving.refusal import Refusal
from noren_bento.serving.schema import Schema
from noren_bento.serving.tally import DROPPED, LOGGED, Tally

QUICK_MS = 1.0
"""A compiled model whose single row takes longer than this answers in a thread, too."""
THREADS = 2


@dataclass(frozen=True, slots=True)
class Call:
    """Somebody who waits for a prediction in a thread."""

    latest: float
    """It is not begun later than this (monotonic)."""
    late: Refusal
    """What it is answered then."""
    stop: Callable[[Stopped], object]
    """Tell that it will not end; from any thread."""


class Stopped(Exception):  # noqa: N818 -- what happened to a prediction, as asyncio.CancelledError
    """A prediction was stopped because of what it did to its worker, which ends."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.told = threading.Event()
        """Set when who asked has been answered, and it was counted."""


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
        self.running: dict[int, tuple[float, Call | None]] = {}
        """By thread: since when it predicts, and for whom."""
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
        self, formats: tuple[Format, Format], body: bytes, request_id: str, call: Call | None = None
    ) -> tuple[Columns, Answers, bytes]:
        """Return the rows that a body holds, their answers, and the answers' body; raises Refusal or ModelError.

        The first format is the body's, the second its answer's. Watched: a call that never ends ends the worker.
        """
        me, now = threading.get_ident(), time.monotonic()
        if call is not None and now > call.latest:
            raise call.late
        self.running[me] = (now, call)
        try:
            columns = formats[0].decode(body)
            answers = self.predictor.predict(columns)
            return columns, answers, formats[1].encode(answers, request_id)
        finally:
            del self.running[me]

    def stop_longest(self, reason: str, *, seconds: float) -> None:
        """Tell whoever waits for the prediction that runs longest that it is stopped; returns when that was said.

        It is most likely the one for which this worker ends. The others are cut off, so that Envoy asks another worker;
        this one is answered, so that Envoy does not let it end that one, too.
        """
        began, call = min(self.running.copy().values(), key=itemgetter(0), default=(0.0, None))
        if call is not None:
            stopped = Stopped(f"{self.version} {reason} after {time.monotonic() - began:.1f} s")
            call.stop(stopped)
            stopped.told.wait(seconds)

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
