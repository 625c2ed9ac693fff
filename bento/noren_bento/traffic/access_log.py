"""Access log: Envoy's lines become failures per epoch and arm; the log is read on from where it was left."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from noren_bento.release.evidence import ArmCounts
from noren_bento.release.route import read_label

FILE_BYTES = 20_000_000
"""A file of the log is left for a new one when it is larger."""
_OLD_FILES = 2
"""So many are kept beside the one that Envoy writes. Evidence is written down with its cursor after 1 MB that was read:
a cursor that lies 40 MB back is of a release that ended, or the event log has refused every write for all that time."""


@dataclass(frozen=True, slots=True)
class Failure:
    """One request whose first attempt failed or never reached its own version."""

    release: str
    epoch: int
    weight: int
    arm: str
    """`champion` or `candidate`: the arm that was chosen."""
    harmed: bool
    """The user saw it: no attempt was answered below 500."""


@dataclass(frozen=True, slots=True)
class LogRead:
    """What was read from the log, and where to go on."""

    failures: tuple[Failure, ...]
    offset: int
    damaged: int
    """Lines that are no JSON of ours: torn by a crash. They are left out and counted."""


@dataclass(frozen=True, slots=True)
class _File:
    """One file of the log."""

    start: int
    """Bytes of the log before it."""
    path: Path
    size: int

    @property
    def end(self) -> int:
        return self.start + self.size


class AccessLog:
    """Envoy's access log as one stream of bytes, whichever files it lies in.

    A place in it is the number of bytes that were ever written before it, so renaming a file moves no cursor. A file
    that is full carries the place of its first byte in its name, `access.log.START`; `access.log`, where Envoy writes,
    begins where the newest of these ends. That end is final as soon as there is an `access.log` again: Envoy closes
    the old file before it opens, and so makes, the new one. Until then it goes on writing into the renamed file, which
    is then the last of the stream and is read as such. So it does not matter when the process that rotates is killed:
    nothing is remembered outside of the names, and no line is ever in two files.
    """

    def __init__(self, path: Path) -> None:
        self.path = path

    def size(self) -> int:
        """Bytes that were ever written: the place where the log ends now."""
        files = self._files()
        return files[-1].end if files else 0

    def read(self, offset: int) -> LogRead:
        """Read whole lines from this place on. A log that ends before it was replaced: it is read from its start."""
        files = self._files()
        if not files:
            return LogRead((), offset, 0)
        damaged = 0
        if offset > files[-1].end:
            offset = files[0].start
        elif offset < files[0].start:
            offset, damaged = files[0].start, 1  # somebody removed a file
        failures = []
        for file in files:
            is_last = file is files[-1]
            for line in _lines(file, offset, to_the_end=not is_last):
                offset += len(line)
                try:
                    failure = parse_line(line)
                except (ValueError, AttributeError):
                    damaged += 1
                    continue
                if failure is not None:
                    failures.append(failure)
        return LogRead(tuple(failures), offset, damaged)

    def rotate(self, reopen: Callable[[], None], *, limit: int = FILE_BYTES) -> None:
        """Begin a new file where the one that Envoy writes is larger than `limit` bytes; remove the oldest.

        `reopen` asks Envoy to open `access.log` anew. What it raises is raised here, and the next call asks again.
        """
        files = self._files()
        if files and files[-1].path == self.path and files[-1].size > limit:
            os.rename(self.path, self.path.with_name(f"{self.path.name}.{files[-1].start:015d}"))
            files = self._files()
        if files and files[-1].path != self.path:
            reopen()
        for file in [one for one in files if one.path != self.path][:-_OLD_FILES]:
            file.path.unlink()

    def _files(self) -> list[_File]:
        """All files, the oldest first. The last is being written."""
        # Asked first: only while there is one are the sizes of the others final.
        has_newest = self.path.exists()
        found = {
            int(path.name.rpartition(".")[2]): path
            for path in self.path.parent.glob(f"{self.path.name}.*")
            if path.name.rpartition(".")[2].isdecimal()
        }
        files = [_File(start, path, path.stat().st_size) for start, path in sorted(found.items())]
        if has_newest:
            start = files[-1].end if files else 0
            files.append(_File(start, self.path, self.path.stat().st_size))
        return files


def _lines(file: _File, offset: int, *, to_the_end: bool) -> Iterator[bytes]:
    """The lines from this place on; a line without an end is left for later where it can still get one."""
    if offset >= file.end:
        return
    with file.path.open("rb") as opened:
        opened.seek(max(offset - file.start, 0))
        for line in opened:
            if not line.endswith(b"\n") and not to_the_end:
                return
            yield line


def parse_line(line: bytes) -> Failure | None:
    """Return the failure that a line tells of; None for Noren's own routes and for callers who went away.

    Raises ValueError on a torn line.
    """
    fields = json.loads(line)
    label = read_label(str(fields.get("route") or ""))
    cluster = str(fields.get("cluster") or "")
    arm = cluster.rpartition("/")[2]
    if label is None or arm not in ("champion", "candidate"):
        return None
    code, attempts = int(fields.get("code") or 0), int(fields.get("attempts") or 0)
    gone = code == 0 or "DC" in str(fields.get("flags") or "").split(",")
    if attempts <= 1 and (gone or code < 500):
        return None
    release, epoch, weight = label
    return Failure(release, epoch, weight, arm, harmed=not gone and code >= 500)


def count(failures: Iterable[Failure], arm: str) -> ArmCounts:
    """Add up the failures of one arm; their requests are in Envoy's counters, so `requests` stays 0."""
    mine = [failure for failure in failures if failure.arm == arm]
    return ArmCounts(0, len(mine), sum(failure.harmed for failure in mine))
