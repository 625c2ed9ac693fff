"""Keep: how much of a model's log stays. Old days and the oldest files go, files of days that are over are merged."""

from __future__ import annotations

import contextlib
import fcntl
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from noren_bento.serving.log.merge import has_parts, merge_day
from noren_bento.serving.log.part import HIDDEN, SUFFIX
from noren_bento.serving.log.table import PARTITION

KEEP_SECONDS = 60.0
MERGE_SECONDS = 3600.0
OVER = timedelta(minutes=10)
"""So long after midnight nobody writes into the day before any more."""
LEFT_OVER_SECONDS = 3600.0
LOCK = ".lock"


@dataclass(frozen=True, slots=True)
class LogFile:
    """One file of a log."""

    day: str
    path: Path
    size: int


class Keeper:
    """Sweeps one model's log once a minute, and has old files merged once an hour, in a process of low priority."""

    def __init__(self, folder: Path, *, max_bytes: int, max_days: int) -> None:
        self._folder = folder
        self._max_bytes = max_bytes
        self._max_days = max_days
        self._next = self._next_merge = 0.0
        self._child: subprocess.Popen[bytes] | None = None

    def keep(self) -> None:
        """Do what is due."""
        now = time.monotonic()
        if self._child is not None and self._child.poll() is not None:
            self._child = None
        if now < self._next:
            return
        self._next = now + KEEP_SECONDS
        folder, today = self._folder, datetime.now(UTC)
        with lock_log(folder) as mine:
            if mine:
                sweep(folder, self._max_bytes, self._max_days, now=today)
        if now >= self._next_merge and self._child is None:
            self._next_merge = now + MERGE_SECONDS
            if any(has_parts(one) for one in days_over(folder, today)):
                self._child = _start_merging(folder)

    def close(self) -> None:
        """End a merge that runs; whoever keeps the log next takes it up."""
        if self._child is not None:
            self._child.terminate()
            self._child.wait()


def _start_merging(folder: Path) -> subprocess.Popen[bytes]:
    root = Path(__file__).parents[3]
    command = [sys.executable, "-m", "noren_bento.serving.log.keep", str(folder)]
    environment = {**os.environ, "PYTHONPATH": str(root)}
    return subprocess.Popen(command, env=environment, stdin=subprocess.DEVNULL)


def merge_old(folder: Path, *, now: datetime) -> None:
    """Merge the days that are over, unless another process is at it."""
    with lock_log(folder) as mine:
        for day in days_over(folder, now) if mine else ():
            merge_day(day)


@contextlib.contextmanager
def lock_log(folder: Path) -> Iterator[bool]:
    """Whether this process alone may remove files of the model's log while the block runs."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    with (folder / LOCK).open("ab") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield False
        else:
            yield True


def list_files(folder: Path) -> list[LogFile]:
    """The files of all versions of a model, oldest first."""
    found = []
    for path in folder.glob(f"*/{PARTITION}=*/*{SUFFIX}"):
        with contextlib.suppress(FileNotFoundError):
            found.append(LogFile(path.parent.name.partition("=")[2], path, path.stat().st_size))
    return sorted(found, key=lambda file: (file.day, file.path.name))


def days_over(folder: Path, now: datetime) -> list[Path]:
    """The folders of days into which nobody writes any more, oldest first."""
    today = (now - OVER).date().isoformat()
    days = [path for path in folder.glob(f"*/{PARTITION}=*") if path.name.partition("=")[2] < today]
    return sorted(days, key=lambda path: path.name)


def sweep(folder: Path, max_bytes: int, max_days: int, *, now: datetime) -> None:
    """Remove days before the limit, the oldest files beyond the size, and what killed workers left half written."""
    first = (now.date() - timedelta(days=max_days)).isoformat()
    files = list_files(folder)
    size = sum(file.size for file in files)
    for file in files:
        if file.day >= first and size <= max_bytes:
            break
        file.path.unlink(missing_ok=True)
        size -= file.size
    for hidden in folder.glob(f"*/{PARTITION}=*/.*{HIDDEN}"):
        with contextlib.suppress(FileNotFoundError):
            if now.timestamp() - hidden.stat().st_mtime > LEFT_OVER_SECONDS:
                hidden.unlink()
    for day in days_over(folder, now):
        with contextlib.suppress(OSError):  # not empty
            day.rmdir()


if __name__ == "__main__":
    os.nice(19)
    merge_old(Path(sys.argv[1]), now=datetime.now(UTC))
