"""The loop: a death at any of its writes leaves one champion, old or new; what fails for one release stops no other.

Envoy and services are stood in for here, because a test has to die between two of their calls; the same loop drives
the real ones in tests/ring and tests/faults.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import psutil
import pytest

from noren_bento.control.controller import Controller
from noren_bento.control.data_plane import DataPlane
from noren_bento.control.evidence_reader import EvidenceReader, Totals
from noren_bento.control.journal import Journal
from noren_bento.control.watch import Watch
from noren_bento.errors import NorenError, UnreachableError
from noren_bento.release import event as ev
from noren_bento.release.evidence import ArmCounts
from noren_bento.release.plan import Plan, Step
from noren_bento.release.release import champion_of
from noren_bento.release.route import Route
from noren_bento.stores.events import EventStore
from noren_bento.targets.local import Instance
from noren_bento.traffic.access_log import Failure, LogRead
from noren_bento.traffic.envoy_config.clusters import Upstream
from tests.noren_bento.release.log import VALIDATED

ME = ev.Caller(os.getpid(), psutil.Process().create_time())


class KilledError(BaseException):
    """Stands for kill -9: nothing below may catch it."""


class World:
    """Envoy and services as they would be on the machine: they outlive the control process."""

    def __init__(self) -> None:
        self.routes: dict[str, Route] = {}
        self.running: dict[str, Instance] = {}
        self.requests = 0
        self.failures: list[Failure] = []
        self.supervisor_dead = False
        self.writes_left: int | None = None

    def write(self) -> None:
        if self.writes_left is not None:
            self.writes_left -= 1
            if self.writes_left < 0:
                raise KilledError

    def identity(self) -> str:
        return "envoy-1"

    def totals(self, route: Route) -> Totals:
        return ArmCounts(9 * self.requests), ArmCounts(self.requests)

    def log_size(self) -> int:
        return len(self.failures)

    def read_log(self, offset: int) -> LogRead:
        return LogRead(tuple(self.failures[offset:]), len(self.failures), 0)

    def apply(self, routes: Any, upstreams: Mapping[str, Upstream], *, draining: Any = ()) -> None:
        self.write()
        self.routes = {route.name: route for route in routes}

    def ensure(self, version: str, bento_path: Path, digest: str = "") -> None:
        self.write()
        self.running[version] = Instance(Upstream(version, "127.0.0.1", 1), ready=True)

    def retire(self, version: str) -> None:
        self.write()
        self.running.pop(version, None)

    def sweep(self) -> None:
        pass

    def instances(self) -> Mapping[str, Instance]:
        if self.supervisor_dead:
            raise UnreachableError("supervisord does not answer")
        return dict(self.running)

    def counts(self, version: str, layout: Any) -> Any:
        raise NorenError("no counts in this test")


class Home:
    """One event store and one world; control processes come and go."""

    def __init__(self, folder: Path) -> None:
        self.store = EventStore.at_home(folder)
        self.world = World()
        self.now = 1000.0
        self.start_control()

    def start_control(self) -> Controller:
        self.journal = Journal(self.store, lambda: self.now)
        world: Any = self.world
        self.controller = Controller(
            self.journal,
            plane=DataPlane(world, world),
            reader=EvidenceReader(world),
            watch=Watch(world, self.store.events(), psi_limit=0.1),
            clock=lambda: self.now,
        )
        return self.controller

    def tick(self, times: int = 1) -> None:
        for _ in range(times):
            self.now += 1
            self.controller.tick()

    def deploy(self, candidate: str) -> str:
        plan = Plan(steps=(Step(10, 2.0), Step(50, 2.0)))
        opened = ev.Opened(candidate, None, "d" * 64, plan, ME)
        release = self.journal.open(opened, who="ana", why="deploy").id
        built = ev.Built("b", f"/bentos/{candidate}", "onnx", "")
        for body in (built, VALIDATED, ev.Requested("start")):
            self.journal.append(release, body, who="ana", why="")
        return release

    def make_champion(self, version: str) -> None:
        """As a first release, without its replay."""
        release = self.deploy(version)
        self.tick(2)
        self.journal.append(release, ev.Promoted(2), who="noren", why="")
        self.tick(2)


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Home:
    home = Home(tmp_path)
    # A first release asks its service; here there is none.
    monkeypatch.setattr("noren_bento.control.replay.Replays.result", lambda *_: None)
    home.make_champion("m/1")
    assert home.world.routes["m"].champion == "m/1"
    return home


def test_a_healthy_candidate_goes_10_50_promoted(home: Home) -> None:
    release = home.deploy("m/2")
    home.tick()
    home.tick()
    assert (home.world.routes["m"].candidate, home.world.routes["m"].weight) == ("m/2", 10)
    weights = []
    for _ in range(20):
        home.world.requests += 200
        home.tick()
        weights.append(home.world.routes["m"].weight)
    assert home.journal.release(release).state == "promoted"
    assert 50 in weights
    assert home.world.routes["m"].champion == "m/2"


def test_a_failing_candidate_loses_its_share_also_while_supervisord_is_dead(home: Home) -> None:
    release = home.deploy("m/2")
    home.tick(2)
    home.world.supervisor_dead = True
    home.world.failures += [Failure(release, 1, 10, "candidate", harmed=False)] * 6
    home.tick(2)
    assert home.journal.release(release).state == "rolled back"
    assert home.world.routes["m"].candidate is None
    assert "supervisord" in " ".join(home.controller.troubles.values())


def test_a_candidate_that_refuses_what_the_champion_takes_is_rolled_back(home: Home) -> None:
    release = home.deploy("m/2")
    home.tick(2)
    home.world.totals = lambda route: (ArmCounts(900), ArmCounts(100, refused=20))  # type: ignore[method-assign]
    home.tick(2)
    assert home.journal.release(release).state == "rolled back"
    assert "refused on the candidate" in home.journal.release(release).because


def test_one_release_that_cannot_be_advanced_stops_no_other(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    home.make_champion("n/1")
    bad, good = home.deploy("m/2"), home.deploy("n/2")
    home.tick(2)
    read = EvidenceReader.read

    def fail_for_m(self: EvidenceReader, release: Any, route: Route) -> Any:
        if release.name == "m":
            raise NorenError("the log is damaged")
        return read(self, release, route)

    monkeypatch.setattr(EvidenceReader, "read", fail_for_m)
    home.world.failures += [Failure(good, 1, 10, "candidate", harmed=False)] * 6
    home.tick(2)
    assert home.journal.release(good).state == "rolled back"
    assert home.controller.troubles[bad] == "the log is damaged"


def drive(home: Home) -> None:
    """A promotion of m/2, then its roll back by hand."""
    release = home.deploy("m/2")
    for _ in range(14):
        home.world.requests += 200
        home.tick()
    home.journal.append("m", ev.Requested("roll back"), who="ana", why="slow")
    home.tick(2)
    assert home.journal.release(release).state == "rolled back"


def test_a_death_at_any_write_leaves_one_champion_and_the_next_process_ends_what_was_begun(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("noren_bento.control.replay.Replays.result", lambda *_: None)
    append = EventStore.append
    deaths = 0
    for k in range(60):
        home = Home(tmp_path / str(k))
        home.make_champion("m/1")

        def dying_append(self: EventStore, event: ev.Event, home: Home = home) -> None:
            home.world.write()
            append(self, event)

        monkeypatch.setattr(EventStore, "append", dying_append)
        home.world.writes_left = k
        try:
            drive(home)
        except KilledError:
            deaths += 1
        else:
            break
        home.world.writes_left = None
        served = home.world.routes["m"]
        assert served.champion in ("m/1", "m/2"), f"write {k}"
        assert served.champion in home.world.running, f"write {k}"

        home.start_control()
        home.tick(2)
        champion = champion_of(home.journal.releases("m"))
        assert home.world.routes["m"].champion == champion, f"write {k}"
        assert champion in ("m/1", "m/2")
        assert champion in home.world.running
        monkeypatch.setattr(EventStore, "append", append)
        home.store.close()
    else:
        raise AssertionError("the drive never ended by itself")
    assert deaths >= 10
