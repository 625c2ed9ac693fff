"""PredictionLog: one worker's rows, from the queue that the tally fills into its part, by a thread of its own.

Neither the event loop nor the watch ever waits for a disk: they append to a queue of bounded size. What the disk does
not take, or what the queue has no room for while it is slow, is dropped and counted; predictions go on.
"""

from __future__ import annotations

import logging
import threading
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import blake2b

import numpy as np
from numpy.typing import NDArray

from noren_bento.release.version import ModelVersion
from noren_bento.serving.batch import Batch, join_batches
from noren_bento.serving.log.keep import Keeper
from noren_bento.serving.log.parquet import Chunk, join_chunks
from noren_bento.serving.log.part import Part
from noren_bento.serving.log.settings import LogSettings, read_salt
from noren_bento.serving.log.table import KEYS, PARTITION, Table

FLUSH_SECONDS = 1.5
"""With the quarter of a second between two flushes of the tally: a killed worker loses less than two seconds."""
MANY_CELLS = 500_000
"""Values (rows times columns) that are enough to be written: each copy on the way to the file takes as much memory."""
MAX_CELLS = 4_000_000
"""Values (rows times columns) that may wait for a slow disk: 32 MB where they are numbers."""
CLOSE_SECONDS = 3.0
DAY_SECONDS = 86_400

logger = logging.getLogger("noren.serving")


@dataclass(slots=True)
class _Rows:
    """Encoded rows of one day."""

    number: int
    chunks: list[Chunk]


class PredictionLog:
    """Takes batches and writes their rows. `tell` is given how many rows were written and how many dropped."""

    def __init__(
        self, version: ModelVersion, settings: LogSettings, *, tell: Callable[[int, int], None]
    ) -> None:
        self._version = version
        signature = version.signature
        self._width = len(signature.columns) + len(signature.classes) + signature.scores + len(KEYS)
        self._table: Table | None = None
        self._settings = settings
        self._tell = tell
        self._keeper = Keeper(
            settings.folder.parent, max_bytes=settings.max_bytes, max_days=settings.max_days
        )
        self._queue: list[Batch] = []
        self._cells = 0
        self._dropped = 0
        self._queue_lock = threading.Lock()
        self._part: Part | None = None
        self._day = -1
        self._failing = False
        self._flushing = threading.Lock()
        self._ending = False
        self._due = threading.Event()
        """Set when there is enough to write, or all is to end."""
        self._thread = threading.Thread(target=self._run, name="log", daemon=True)
        self._thread.start()

    def keep(self, batch: Batch) -> None:
        """Take a batch; costs an append."""
        cells = batch.rows * self._width
        with self._queue_lock:
            if self._cells + cells > MAX_CELLS:
                self._dropped += batch.rows
            else:
                self._cells += cells
                self._queue.append(batch)
        if self._cells > MANY_CELLS:
            self._due.set()

    def flush(self) -> None:
        """Write what is in the queue, and tell what came of it."""
        with self._flushing:
            with self._queue_lock:
                batches, self._queue, self._cells = self._queue, [], 0
                dropped, self._dropped = self._dropped, 0
            written = 0
            try:
                for day, rows in self._encode(batches).items():
                    self._write(day, rows)
                    written += rows.number
                if written:
                    self._report("")
            except Exception as error:  # the disk's, or of a row unlike all others: the log must go on
                self._part = None  # its file is as it was; a new, smaller one may still fit
                dropped += self._count(batches) - written
                self._report(f"{type(error).__name__}: {error}")
            if written or dropped:
                self._tell(written, dropped)

    def close(self) -> None:
        """Write the last rows; a disk that does not answer is not waited for."""
        self._ending = True
        self._due.set()
        self._thread.join(CLOSE_SECONDS)
        if not self._thread.is_alive():
            self.flush()  # what came after the thread's own last
            self._keeper.close()

    def _run(self) -> None:
        while not self._wait():
            self._attempt(self.flush)
            self._attempt(self._keeper.keep)
        self._attempt(self.flush)

    def _wait(self) -> bool:
        """Wait until there is something to do; says whether all is to end."""
        self._due.wait(FLUSH_SECONDS)
        self._due.clear()
        return self._ending

    def _attempt(self, step: Callable[[], None]) -> None:
        """The thread must not end because a folder is gone."""
        try:
            step()
        except Exception:
            logger.exception("prediction log: %s failed", step.__qualname__)

    def _encode(self, batches: list[Batch]) -> dict[int, _Rows]:
        """Encode the requests that belong to the share, by their day."""
        if self._table is None:
            self._table = self._make_table()
        parts: dict[int, list[list[Chunk]]] = defaultdict(list)
        for batch in join_batches(batches):
            days = (np.array(batch.at) // DAY_SECONDS).astype(np.int64)
            chosen = choose_requests(batch.request_ids, self._settings.share)
            for day in np.unique(days[chosen]).tolist():
                parts[day].append(self._table.encode(batch, chosen & (days == day)))
        return {
            day: _Rows(
                sum(chunks[0].rows for chunks in found),
                [join_chunks(one) for one in zip(*found, strict=True)],
            )
            for day, found in parts.items()
        }

    def _make_table(self) -> Table:
        """Not made before it is needed: where the salt cannot be read, rows are dropped, and the service serves."""
        settings = self._settings
        key = read_salt(settings.folder.parents[1]) if settings.hashed else b""
        version = self._version
        table = Table(str(version), version.signature, drop=settings.drop, hashed=settings.hashed, key=key)
        for name in table.unknown:
            logger.warning(
                "prediction log: log_drop or log_hash has %s, but %s has no such column", name, version
            )
        return table

    def _count(self, batches: list[Batch]) -> int:
        """Rows that the log should have."""
        share = self._settings.share
        return sum(int(np.array(one.sizes)[choose_requests(one.request_ids, share)].sum()) for one in batches)

    def _write(self, day: int, rows: _Rows) -> None:
        if self._table is None:
            raise RuntimeError("rows are encoded before they are written")
        if self._part is None or self._day != day or self._part.full:
            date = datetime.fromtimestamp(day * DAY_SECONDS, UTC).date().isoformat()
            folder = self._settings.folder / f"{PARTITION}={date}"
            self._part, self._day = Part(folder, self._table.fields), day
        self._part.write(rows.chunks)

    def _report(self, trouble: str) -> None:
        """Say once that rows are dropped, and once that they are written again."""
        if bool(trouble) != self._failing:
            self._failing = bool(trouble)
            logger.error(
                "prediction log: %s", f"rows are dropped: {trouble}" if trouble else "rows are written again"
            )


def choose_requests(request_ids: tuple[bytes, ...], share: float) -> NDArray[np.bool_]:
    """Which requests belong to the logged share: a question of their id alone, so that all workers agree.

    What a smaller share has, a larger one has too.

    >>> ids = tuple(str(number).encode() for number in range(1000))
    >>> int(choose_requests(ids, 0.25).sum())
    227
    """
    if share >= 1:
        return np.ones(len(request_ids), np.bool_)
    limit = round(share * 2**64)
    hashes = (int.from_bytes(blake2b(one, digest_size=8).digest(), "big") for one in request_ids)
    return np.fromiter((one < limit for one in hashes), np.bool_, len(request_ids))
