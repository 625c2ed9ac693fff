"""Tally: what one worker has seen since its last flush. Appending is cheap; a flush counts, off the loop."""

from __future__ import annotations

import threading
from collections import Counter, deque
from collections.abc import Callable, Sequence

import numpy as np

from noren_bento.profile.profile import Counts
from noren_bento.profile.window import (
    CLIENT_CODES,
    CLIENT_KINDS,
    LATENCY_BINS,
    LATENCY_EDGES_MS,
    MODEL_KINDS,
    TOTALS,
    Layout,
)
from noren_bento.serving.answers import ModelError
from noren_bento.serving.batch import Batch, Seen, join_seen
from noren_bento.serving.counts import CountFile

REQUESTS, ROWS, LATENCY, LOGGED, DROPPED = range(len(TOTALS))
ERRORS = {kind: place for place, kind in enumerate((*CLIENT_KINDS, *MODEL_KINDS), len(TOTALS))}
"""Place of each kind of error in a vector."""


def client_error(status: int) -> str:
    """The kind of a request that was answered with this 4xx.

    >>> client_error(422), client_error(418)
    ('422', 'other')
    """
    return str(status) if status in CLIENT_CODES else "other"


def model_error(problem: Exception) -> str:
    """The kind of a request that could not be answered: what the model raised comes as a ModelError's cause."""
    if not isinstance(problem, ModelError):
        return "internal"
    return "no_prediction" if problem.__cause__ is None else "raised"


class Tally:
    """Collects requests and adds them to the worker's count file, a flush at a time.

    `keep` is given what was answered: the prediction log's queue.
    """

    def __init__(self, layout: Layout, file: CountFile, keep: Callable[[Batch], None] | None = None) -> None:
        self._layout = layout
        self._file = file
        self._keep = keep
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
                batches = join_seen(seen)
                self._file.add(count_seen(self._layout, seen, batches))
                for batch in batches if self._keep else ():
                    self._keep(batch)  # type: ignore[misc]  # mypy forgets the condition

    def add(self, place: int, number: int) -> None:
        """Add to one total: LOGGED or DROPPED."""
        vector = self._layout.zeros()
        vector[place] = number
        with self._lock:
            self._file.add(vector)


def count_seen(layout: Layout, seen: Sequence[Seen], batches: Sequence[Batch]) -> Counts:
    """Count requests, and the batches that they were joined to, into one vector of the layout."""
    vector = layout.zeros()
    for batch in batches:
        vector += layout.count_rows(batch.columns, batch.answers.outputs())
    latencies_ms = [one.latency_ms for one in seen]
    vector[REQUESTS] = len(seen)
    vector[ROWS] = sum(batch.rows for batch in batches)
    vector[LATENCY] = round(1000 * sum(latencies_ms))
    for kind, number in Counter([one.error for one in seen if one.error]).items():
        vector[ERRORS[kind]] = number
    bins = np.searchsorted(LATENCY_EDGES_MS, latencies_ms, side="right")
    vector[layout.latency] = np.bincount(bins, minlength=LATENCY_BINS)
    return vector
