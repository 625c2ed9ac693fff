"""Part: the file of a log that one worker is writing. It is written whole at each flush, hidden, and then renamed.

So a reader always finds a complete file, and a kill at any moment leaves the one of the flush before. A part ends,
and the next begins, before writing it again and again costs more than a file more would.
"""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from pathlib import Path

from noren_bento.serving.log.parquet import Chunk, Field, join_chunks, write_table

PART_BYTES = 1_000_000
PART_SECONDS = 60.0
SUFFIX = ".parquet"
HIDDEN = ".new"


class Part:
    """One growing file of one day."""

    def __init__(self, folder: Path, fields: Sequence[Field]) -> None:
        self.path = folder / f"{time.time_ns()}-{os.getpid()}{SUFFIX}"
        self._fields = fields
        self._chunks: list[Chunk] = []
        self._bytes = 0
        self._began = time.monotonic()

    @property
    def full(self) -> bool:
        """Whether the next rows belong into another part."""
        return self._bytes >= PART_BYTES or time.monotonic() - self._began >= PART_SECONDS

    def write(self, chunks: Sequence[Chunk]) -> None:
        """Add rows, one chunk a field. Raises OSError where the file cannot be written: it is then as before."""
        joined = (
            [join_chunks(pair) for pair in zip(self._chunks, chunks, strict=True)] if self._chunks else chunks
        )
        data = write_table(self._fields, joined)
        write_file(self.path, data)
        self._chunks, self._bytes = list(joined), len(data)


def write_file(path: Path, data: bytes) -> None:
    """Put a file where it belongs in one step, on the disk and not only in memory."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    hidden = path.with_name(f".{path.name}{HIDDEN}")
    try:
        descriptor = os.open(hidden, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        try:
            rest = memoryview(data)
            while rest:
                rest = rest[os.write(descriptor, rest) :]
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
        hidden.rename(path)
    except OSError:
        hidden.unlink(missing_ok=True)
        raise
