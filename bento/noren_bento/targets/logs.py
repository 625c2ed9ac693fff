"""Logs: what a home's processes write for people: kept from growing without end, and read for last words."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

LOG_BYTES = 20_000_000
"""A log is moved aside when it is larger, and its two predecessors are kept: 60 MB a process at most."""
_TAIL_BYTES = 4000
_MESSAGE_CHARACTERS = 600


def rotate_log(log: Path, *, limit: int = LOG_BYTES) -> None:
    """Move what a log holds to `NAME.1`, and that to `NAME.2`, when it is larger than `limit` bytes.

    Its process has it open for appending (`>>`) and cannot be told to open another one, so the text is copied and the
    file emptied. What is written between these two is lost: nothing reads these logs but people. Of a log that has
    grown far beyond the limit the last `limit` bytes are kept.
    """
    try:
        with log.open("r+b") as file:
            size = file.seek(0, os.SEEK_END)
            if size <= limit:
                return
            first, second = _older(log)
            if first.exists():
                os.replace(first, second)
            file.seek(size - limit)
            with first.open("wb") as copy:
                shutil.copyfileobj(file, copy)
            file.truncate(0)
    except FileNotFoundError:
        return  # its process has not started yet


def last_words(log: Path, lines: int = 3) -> str:
    """Return the last lines that a process wrote, for a message."""
    if not log.exists():
        return "it wrote no log"
    # One that was moved aside just now is empty.
    tail = _tail(log) or _tail(_older(log)[0])
    return " / ".join(line.strip() for line in tail[-lines:])[-_MESSAGE_CHARACTERS:] or "it wrote nothing"


def _older(log: Path) -> tuple[Path, Path]:
    return log.with_name(f"{log.name}.1"), log.with_name(f"{log.name}.2")


def _tail(log: Path) -> list[str]:
    try:
        with log.open("rb") as file:
            file.seek(max(0, file.seek(0, os.SEEK_END) - _TAIL_BYTES))
            return file.read().decode(errors="replace").strip().splitlines()
    except FileNotFoundError:
        return []
