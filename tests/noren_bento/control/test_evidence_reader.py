"""Evidence is late, never flattering, and counts nothing twice: not when Envoy restarts, not when control does."""

from __future__ import annotations

from noren_bento.control.evidence_reader import EvidenceReader, Totals
from noren_bento.release import event as ev
from noren_bento.release.event import Cursor
from noren_bento.release.evidence import ArmCounts, Evidence
from noren_bento.release.release import Release, fold
from noren_bento.release.route import Route
from noren_bento.traffic.access_log import Failure, LogRead
from tests.noren_bento.release.log import canary


class FakeEnvoy:
    """Counters and log as the test sets them."""

    def __init__(self) -> None:
        self.name = "envoy-1"
        self.now: Totals = (ArmCounts(), ArmCounts())
        self.failures: list[Failure] = []

    def identity(self) -> str:
        return self.name

    def totals(self, route: Route) -> Totals:
        return self.now

    def log_size(self) -> int:
        return len(self.failures)

    def read_log(self, offset: int) -> LogRead:
        return LogRead(tuple(self.failures[offset:]), len(self.failures), 0)

    def count(self, champion: int, candidate: int) -> None:
        self.now = (ArmCounts(champion), ArmCounts(candidate))

    def fail(self, times: int = 1) -> None:
        self.failures += [Failure("m@1", 1, 10, "candidate", harmed=False)] * times


ROUTE = Route("m", "m@1", 1, "m/1", "m/2", 10)


def judged(evidence: Evidence, cursor: Cursor) -> Release:
    return fold(canary("m/1", ev.Judged((), evidence, cursor)))


def test_requests_are_counted_one_look_late() -> None:
    envoy, release = FakeEnvoy(), fold(canary())
    reader = EvidenceReader(envoy)
    envoy.count(900, 100)
    assert reader.read(release, ROUTE)[0].candidate.requests == 0
    envoy.count(1800, 200)
    assert reader.read(release, ROUTE)[0].candidate.requests == 100


def test_an_envoy_that_restarts_is_not_counted_twice() -> None:
    envoy = FakeEnvoy()
    reader = EvidenceReader(envoy)
    envoy.count(1800, 200)
    reader.read(fold(canary()), ROUTE)
    evidence, cursor = reader.read(fold(canary()), ROUTE)
    release = judged(evidence, cursor)
    assert evidence.candidate.requests == 200
    envoy.count(1850, 205)
    reader.read(release, ROUTE)
    envoy.name = "envoy-2"
    envoy.count(9, 1)
    assert reader.read(release, ROUTE)[0].candidate.requests == 200
    assert reader.read(release, ROUTE)[0].candidate.requests == 201


def test_a_control_that_restarts_goes_on_at_the_cursor() -> None:
    envoy = FakeEnvoy()
    reader = EvidenceReader(envoy)
    envoy.count(1800, 200)
    envoy.fail(2)
    reader.read(fold(canary()), ROUTE)
    release = judged(*reader.read(fold(canary()), ROUTE))
    assert (release.evidence.candidate.requests, release.evidence.candidate.failed) == (200, 2)
    envoy.count(3600, 400)
    envoy.fail()
    again = EvidenceReader(envoy)
    again.read(release, ROUTE)
    evidence, _ = again.read(release, ROUTE)
    assert (evidence.candidate.requests, evidence.candidate.failed) == (400, 3)


def test_failures_that_are_read_ahead_of_their_requests_are_not_counted_as_more_than_all() -> None:
    envoy = FakeEnvoy()
    reader = EvidenceReader(envoy)
    envoy.count(0, 5)
    envoy.fail(5)
    evidence, cursor = reader.read(fold(canary()), ROUTE)
    assert (evidence.candidate.requests, evidence.candidate.failed) == (5, 5)
    release = judged(evidence, cursor)
    evidence, _ = reader.read(release, ROUTE)
    assert evidence.candidate.requests == 5, "the five requests are not counted again"


def test_a_late_line_of_an_earlier_epoch_is_counted_there() -> None:
    envoy = FakeEnvoy()
    release = fold(canary("m/1", ev.Stepped(2, 50, Evidence(), Cursor("envoy-1", 0))))
    envoy.fail()
    evidence, _ = EvidenceReader(envoy).read(release, Route("m", "m@1", 2, "m/1", "m/2", 50))
    assert evidence.at(1).candidate.failed == 1
    assert evidence.at(2).candidate.failed == 0
