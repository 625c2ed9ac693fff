"""EvidenceReader: Envoy's counters and access log become the Evidence of each canary.

It keeps nothing that matters: what was read is the release's persisted evidence plus what came since its cursor.
"""

from __future__ import annotations

from noren_bento.release.event import Cursor
from noren_bento.release.evidence import ArmCounts, Evidence
from noren_bento.release.release import Release
from noren_bento.release.route import Route
from noren_bento.traffic.access_log import count, read_log
from noren_bento.traffic.envoy import Envoy


class EvidenceReader:
    """Reads what happened to a canary since its last persisted event."""

    def __init__(self, envoy: Envoy) -> None:
        self._envoy = envoy
        self._last_totals: dict[tuple[str, int], tuple[int, int]] = {}

    def begin(self) -> Cursor:
        """Return the cursor of an epoch that begins now."""
        log = self._envoy.access_log
        return Cursor(self._envoy.identity(), log.stat().st_size if log.exists() else 0)

    def read(self, release: Release, route: Route) -> tuple[Evidence, Cursor]:
        """Return all evidence of this release so far, and the cursor that goes with it.

        Requests are counted as of the call before, so that a request is never counted ahead of its log line, which
        Envoy flushes a little later: evidence is late, never flattering.
        """
        cursor = release.cursor
        assert cursor is not None, "a canary has a cursor since its start"
        identity = self._envoy.identity()
        # An Envoy that restarted counts from zero.
        known = (cursor.champion_total, cursor.candidate_total) if identity == cursor.envoy else (0, 0)
        key = (release.id, release.epoch)
        current = self._envoy.totals(route)
        totals = self._last_totals.get(key, current)
        if totals[0] < known[0] or totals[1] < known[1]:
            totals = known
        self._last_totals[key] = current
        read = read_log(self._envoy.access_log, cursor.log_offset)
        evidence = release.evidence.add(
            release.epoch,
            release.weight,
            champion=ArmCounts(max(totals[0] - known[0], 0)),
            candidate=ArmCounts(max(totals[1] - known[1], 0)),
        )
        mine = [failure for failure in read.failures if failure.release == release.id]
        for epoch, weight in sorted({(failure.epoch, failure.weight) for failure in mine}):
            here = [failure for failure in mine if failure.epoch == epoch]
            evidence = evidence.add(
                epoch, weight, champion=count(here, "champion"), candidate=count(here, "candidate")
            )
        evidence = evidence.at_least_failures()
        before, after = release.evidence.at(release.epoch), evidence.at(release.epoch)
        counted = Cursor(
            identity,
            read.offset,
            known[0] + after.champion.requests - before.champion.requests,
            known[1] + after.candidate.requests - before.candidate.requests,
        )
        return evidence, counted
