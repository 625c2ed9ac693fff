"""Access log: Envoy's lines become failures per epoch and arm; the file is read on from where it was left."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from noren_bento.release.evidence import ArmCounts
from noren_bento.release.route import read_label


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


def read_log(path: Path, offset: int) -> LogRead:
    """Read whole lines from `offset` on. A file that is shorter than the offset was replaced: from its start."""
    if not path.exists():
        return LogRead((), offset, 0)
    with path.open("rb") as file:
        if file.seek(0, 2) < offset:
            offset = 0
        file.seek(offset)
        data = file.read()
    whole = data[: data.rfind(b"\n") + 1]
    failures, damaged = [], 0
    for line in whole.splitlines():
        try:
            failure = parse_line(line)
        except (ValueError, AttributeError):
            damaged += 1
            continue
        if failure is not None:
            failures.append(failure)
    return LogRead(tuple(failures), offset + len(whole), damaged)


def count(failures: Iterable[Failure], arm: str) -> ArmCounts:
    """Add up the failures of one arm; their requests are in Envoy's counters, so `requests` stays 0."""
    mine = [failure for failure in failures if failure.arm == arm]
    return ArmCounts(0, len(mine), sum(failure.harmed for failure in mine))
