"""Tally: what one worker has seen since its last flush. Appending is cheap; a flush counts, off the loop."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from noren_bento.profile.profile import Counts
from noren_bento.profile.window import LATENCY_BINS, LATENCY_EDGES_MS, TOTALS, Layout
from noren_bento.serving.answers import Answers
from noren_bento.serving.columns import Columns, MatrixColumns, count_rows
from noren_bento.serving.counts import CountFile

REQUESTS, ROWS, CLIENT_ERRORS, MODEL_ERRORS = range(len(TOTALS))


@dataclass(frozen=True, slots=True, eq=False)
class Seen:
    """One request: its latency, and what was asked and answered where it was answered."""

    latency_ms: float
    columns: Columns | None = None
    answers: Answers | None = None
    error: int = 0
    """CLIENT_ERRORS or MODEL_ERRORS; 0 for an answered request."""


class Tally:
    """Collects requests and adds them to the worker's count file, a flush at a time."""

    def __init__(self, layout: Layout, file: CountFile) -> None:
        self._layout = layout
        self._file = file
        self._seen: deque[Seen] = deque()
        self._lock = threading.Lock()

    def append(self, seen: Seen) -> None:
        """Remember one request; costs a list append."""
        self._seen.append(seen)

    def flush(self) -> None:
        """Count what was seen since the last flush. Safe from any thread."""
        with self._lock:
            # Taken one by one: whoever appends meanwhile appends to the same queue, so nothing is lost.
            if seen := [self._seen.popleft() for _ in range(len(self._seen))]:
                self._file.add(count_seen(self._layout, seen))


def count_seen(layout: Layout, seen: Sequence[Seen]) -> Counts:
    """Count requests into one vector of the layout."""
    answered = [one for one in seen if one.columns is not None and one.answers is not None]
    vector = layout.zeros()
    for wide in (True, False):
        same = [one for one in answered if isinstance(one.columns, MatrixColumns) is wide]
        if same:
            vector += layout.count_rows(
                _join_columns([one.columns for one in same if one.columns is not None]),
                _join_columns([one.answers.outputs() for one in same if one.answers is not None]),
            )
    vector[REQUESTS] = len(seen)
    vector[ROWS] = sum(count_rows(one.columns) for one in answered if one.columns is not None)
    for kind in (CLIENT_ERRORS, MODEL_ERRORS):
        vector[kind] = sum(one.error == kind for one in seen)
    latencies = np.searchsorted(LATENCY_EDGES_MS, [one.latency_ms for one in seen], side="right")
    vector[layout.latency] = np.bincount(latencies, minlength=LATENCY_BINS)
    return vector


def _join_columns(parts: Sequence[Columns]) -> Columns:
    first = parts[0]
    if isinstance(first, MatrixColumns):
        return MatrixColumns(
            first.names, np.concatenate([part.matrix for part in parts if isinstance(part, MatrixColumns)])
        )
    return {name: np.concatenate([part[name] for part in parts]) for name in first}
