"""Feedback: labels by request id, each id once, in one SQLite file that all workers of a model's versions share.

The id is the primary key, so that of two workers, or of two versions in a canary, one is first. A version does not
matter: whoever reads joins labels with the prediction log, whose rows say which version answered.
"""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from noren_bento.errors import NorenError
from noren_bento.serving.labels import Labels
from noren_bento.serving.refusal import Refusal, quote

WAIT_SECONDS = 5.0
"""So long one worker waits for another's write."""
TABLE = """
CREATE TABLE IF NOT EXISTS feedback (
  request_id TEXT PRIMARY KEY, labels TEXT NOT NULL, at REAL NOT NULL, taken_by TEXT NOT NULL
) WITHOUT ROWID
"""


@dataclass(frozen=True, slots=True)
class Feedback:
    """Labels as they are kept."""

    request_id: str
    labels: tuple[Any, ...]
    """One a row of the request, None where it is not known; lists where there are several targets."""
    at: float
    """When they came, in seconds since 1970."""
    taken_by: str
    """The version whose service took them; which version answered the request, the prediction log says."""


class FeedbackStore:
    """The file of one model. Opened when the first labels come."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._lock = threading.Lock()
        self._connection: sqlite3.Connection | None = None

    def add(self, labels: Labels, *, at: float, taken_by: str) -> None:
        """Keep the labels of one request, on the disk when this returns. The same again change nothing.

        Raises Refusal (409) for other labels of the same request, and NorenError where the file cannot be written.
        """
        text = msgspec.json.encode(labels.values).decode()
        row = (labels.request_id, text, at, taken_by)
        try:
            with self._lock, self._open() as connection:
                kept = connection.execute(
                    "INSERT INTO feedback VALUES (?, ?, ?, ?) ON CONFLICT DO UPDATE SET at = at RETURNING labels",
                    row,
                ).fetchone()[0]
        except (sqlite3.Error, OSError) as error:
            raise NorenError(f"{self.path} cannot be written: {error}. Is there room on the disk?") from error
        if kept != text:
            raise Refusal(
                f"Request {quote(labels.request_id)} has other labels already, and they stay.", status=409
            )

    def close(self) -> None:
        """Close the file."""
        with self._lock:
            if self._connection is not None:
                self._connection.close()
                self._connection = None

    def _open(self) -> sqlite3.Connection:
        if self._connection is None:
            self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            connection = sqlite3.connect(self.path, timeout=WAIT_SECONDS, check_same_thread=False)
            try:
                connection.execute(TABLE)
            except sqlite3.Error:
                connection.close()
                raise
            self._connection = connection
        return self._connection


def read_feedback(path: Path, *, since: float = 0.0) -> Iterator[Feedback]:
    """The feedback of one model that came since a moment, the oldest first; nothing where there is no file yet.

    Raises NorenError where the file is damaged.
    """
    if not path.exists():
        return
    try:
        with closing(
            sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True, timeout=WAIT_SECONDS)
        ) as connection:
            query = "SELECT request_id, labels, at, taken_by FROM feedback WHERE at >= ? ORDER BY at"
            for request_id, text, at, taken_by in connection.execute(query, (since,)):
                yield Feedback(request_id, tuple(msgspec.json.decode(text)), at, taken_by)
    except (sqlite3.Error, msgspec.MsgspecError) as error:
        raise NorenError(
            f"{path} cannot be read: {error}. Restore it from a backup, or move it away."
        ) from None
