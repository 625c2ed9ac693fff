"""Counts: what a version's workers saw, one memory-mapped file of int64 a worker, laid out by part of the Profile.

Any reader sums all files, those of ended workers included, so a sum never falls. A file is a header of eight
numbers (the seventh is the most memory that the worker has had) and the Layout's vector. Its sequence number is odd
while the vector is being written, so that a reader sees whole flushes only; a worker that was killed in the middle
leaves an odd number, which readers accept once it stands still.
"""

from __future__ import annotations

import mmap
import os
import time
import zlib
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from noren_bento.errors import NorenError
from noren_bento.profile.profile import Counts, profile_to_json
from noren_bento.profile.window import Layout
from noren_bento.serving.memory import peak_memory

MAGIC = 0x4E4F52454E0001
HEADER = 8
PEAK = 6
SUFFIX = ".counts"
READS = 50
"""How often a reader tries again while a worker writes; a flush takes microseconds."""


def layout_mark(layout: Layout) -> int:
    """A number that differs between profiles, so that counts of another version are never added."""
    return zlib.crc32(profile_to_json(layout.profile))


class CountFile:
    """One worker's own file. Only `add` writes to it."""

    def __init__(self, folder: Path, layout: Layout) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.path = folder / f"{time.time_ns()}-{os.getpid()}{SUFFIX}"
        size = 8 * (HEADER + layout.size)
        hidden = self.path.with_suffix(".new")
        header = np.array(
            [MAGIC, layout.size, layout_mark(layout), 0, os.getpid(), time.time_ns(), peak_memory(), 0],
            dtype=np.int64,
        )
        hidden.write_bytes(header.tobytes() + bytes(8 * layout.size))
        with hidden.open("r+b") as file:
            self._map = mmap.mmap(file.fileno(), size)
        hidden.rename(self.path)
        self._numbers: NDArray[np.int64] = np.frombuffer(self._map, dtype=np.int64)

    def add(self, vector: Counts) -> None:
        """Add one flush."""
        self._numbers[PEAK] = peak_memory()
        self._numbers[3] += 1
        self._numbers[HEADER:] += vector
        self._numbers[3] += 1


def read_counts(folder: Path, layout: Layout) -> Counts:
    """Sum the files of all workers, ended ones included; zeros where there is none yet.

    Raises NorenError when a file belongs to another version.
    """
    total, mark = layout.zeros(), layout_mark(layout)
    for path in sorted(folder.glob(f"*{SUFFIX}")):
        total += _read_file(path, layout, mark)
    return total


def read_peak(folder: Path) -> int:
    """Most bytes of memory that any one worker has had, ended ones included; 0 where there is none yet."""
    sizes = [_read_header(path)[PEAK] for path in folder.glob(f"*{SUFFIX}")]
    return int(max(sizes, default=0))


def _read_header(path: Path) -> NDArray[np.int64]:
    with path.open("rb") as file:
        return np.frombuffer(file.read(8 * HEADER), dtype=np.int64)


def _read_file(path: Path, layout: Layout, mark: int) -> Counts:
    size = 8 * (HEADER + layout.size)
    numbers = np.zeros(0, dtype=np.int64)
    for _ in range(READS):
        content = path.read_bytes()
        numbers = np.frombuffer(content, dtype=np.int64) if len(content) == size else numbers
        if len(content) != size or numbers[0] != MAGIC or numbers[2] != mark:
            raise NorenError(
                f"{path} holds counts of another version or is damaged. Give each version a folder of its own, "
                "or remove the file."
            )
        if numbers[3] % 2 == 0:
            break
        time.sleep(0.0002)
    return numbers[HEADER:].copy()
