"""EvidenceReader: Envoy's counters and access log become the Evidence of each canary.

It keeps nothing that matters: what was read is the release's persisted evidence plus what came since its cursor.
"""

from __future__ import annotations

from typing import Protocol

from noren_bento.release.event import Cursor
from noren_bento.release.evidence import ArmCounts, EpochCounts, Evidence
from noren_bento.release.release import Release
from noren_bento.release.route import Route
from noren_bento.traffic.access_log import LogRead, count

Totals = tuple[ArmCounts, ArmCounts]
"""Requests and refusals of champion and candidate."""


class Meter(Protocol):
    """What the reader asks Envoy."""

    def identity(self) -> str:
        """Identity of the running process; another one has counters from zero."""

    def totals(self, route: Route) -> Totals:
        """Counters of the route's epoch."""

    def log_size(self) -> int:
        """Bytes of the access log."""

    def read_log(self, offset: int) -> LogRead:
        """Failures from an offset on."""


class EvidenceReader:
    """Reads what happened to a canary since its last persisted event."""

    def __init__(self, meter: Meter) -> None:
        self._meter = meter
        self._seen: dict[tuple[str, int, str], Totals] = {}
        self.damaged = 0
        """Lines of the log since the last persisted event that were torn by a crash and are left out."""

    def begin(self) -> Cursor:
        """Return the cursor of an epoch that begins now."""
        return Cursor(self._meter.identity(), self._meter.log_size())

    def read(self, release: Release, route: Route) -> tuple[Evidence, Cursor]:
        """Return all evidence of this release so far, and the cursor that goes with it.

        Requests are counted as of the call before, so that a request is never counted ahead of its log line, which
        Envoy flushes a little later: evidence is late, never flattering.
        """
        cursor = release.cursor
        assert cursor is not None, "a canary has a cursor since its start"
        identity = self._meter.identity()
        # An Envoy that restarted counts from zero.
        known = (
            (cursor.champion, cursor.candidate) if identity == cursor.envoy else (ArmCounts(), ArmCounts())
        )
        key = (release.id, release.epoch, identity)
        champion, candidate = self._seen.get(key, known)
        self._seen = {key: self._meter.totals(route)} | {
            k: v for k, v in self._seen.items() if k[0] != release.id
        }
        evidence = release.evidence.add(
            release.epoch,
            release.weight,
            champion=_rise(champion, known[0]),
            candidate=_rise(candidate, known[1]),
        )
        read = self._meter.read_log(cursor.log_offset)
        self.damaged = read.damaged  # not added up: the same lines are read until the cursor moves
        mine = [failure for failure in read.failures if failure.release == release.id]
        for epoch, weight in sorted({(failure.epoch, failure.weight) for failure in mine}):
            here = [failure for failure in mine if failure.epoch == epoch]
            evidence = evidence.add(
                epoch, weight, champion=count(here, "champion"), candidate=count(here, "candidate")
            )
        evidence = evidence.at_least_failures()
        counted = _counted(release.evidence.at(release.epoch), evidence.at(release.epoch), known)
        return evidence, Cursor(identity, read.offset, *counted)


def _rise(now: ArmCounts, before: ArmCounts) -> ArmCounts:
    """Requests and refusals since the cursor; none where the cursor is ahead, having counted failures' requests."""
    return ArmCounts(max(now.requests - before.requests, 0), refused=max(now.refused - before.refused, 0))


def _counted(before: EpochCounts, after: EpochCounts, known: Totals) -> Totals:
    """What of the counters is in the evidence now."""
    champion, candidate = after.champion - before.champion, after.candidate - before.candidate
    return (
        ArmCounts(known[0].requests + champion.requests, refused=known[0].refused + champion.refused),
        ArmCounts(known[1].requests + candidate.requests, refused=known[1].refused + candidate.refused),
    )
