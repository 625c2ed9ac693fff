"""An ended release shows the verdict that ended it, in every form in which a release is shown."""

from __future__ import annotations

from pathlib import Path
from typing import Any, get_args

import pytest

from noren.fallback import snapshot_to_html, snapshot_to_text
from noren.view import ReleaseView
from noren_bento.control.controller import Controller
from noren_bento.control.replay import Replayed
from noren_bento.control.snapshot import Snapshot
from noren_bento.control.snapshot_json import snapshot_from_json, snapshot_to_json
from noren_bento.control.snapshots import make_snapshot
from noren_bento.release import event as ev
from noren_bento.release.check import Outcome, Verdict
from noren_bento.release.evidence import ArmCounts
from noren_bento.release.plan import Plan
from noren_bento.settings import load_settings
from noren_bento.traffic.access_log import Failure
from tests.noren_bento.control.test_controller import ME, Home


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Home:
    monkeypatch.setattr("noren_bento.control.replay.Replays.result", lambda *_: None)
    home = Home(tmp_path)
    home.make_champion("m/1")
    return home


def shown(controller: Controller, release: str) -> Snapshot:
    """What a view gets, by the way of JSON that it takes."""
    settings = load_settings({"home": "/srv/noren"}, environ={}, folder=Path("/"))
    made = make_snapshot(controller, release, settings=settings, now=2000.0)
    return snapshot_from_json(snapshot_to_json(made))


def outcomes(snapshot: Snapshot) -> dict[str, Outcome]:
    return {verdict.check: verdict.outcome for verdict in snapshot.verdicts}


def fail(home: Home, times: int) -> str:
    """A canary that was judged as undecided first, and fails so often then; its id."""
    release = home.deploy("m/2")
    home.tick(2)
    home.world.requests += 20
    home.tick(2)
    assert outcomes(shown(home.controller, release))["errors"] is Outcome.UNSURE
    home.world.failures += [Failure(release, 1, 10, "candidate", harmed=False)] * times
    home.tick(2)
    return release


def test_a_release_that_a_guardrail_rolled_back_is_regressed_in_every_view_of_it(home: Home) -> None:
    release = fail(home, times=6)
    snapshot = shown(home.controller, release)
    assert snapshot.state == "rolled back"
    assert outcomes(snapshot) == {"errors": Outcome.FAIL, "refusals": Outcome.PASS}
    assert snapshot.verdicts[0].because == f"{snapshot.because}."
    text, page = snapshot_to_text(snapshot), snapshot_to_html(snapshot)
    view = ReleaseView(snapshot, fetch=lambda: snapshot, request=lambda action: None)
    bundle: Any = view._repr_mimebundle_()
    live: Any = view.snapshot
    view.close()
    assert "errors regressed" in text
    for form in (text, page, bundle[0]["text/html"], bundle[0]["text/plain"]):
        assert "regressed" in form
        assert "undecided" not in form
    assert [verdict["outcome"] for verdict in live["verdicts"]] == ["fail", "pass"]


def test_the_verdict_is_the_same_from_the_log_alone(home: Home) -> None:
    release = fail(home, times=6)
    before = shown(home.controller, release).verdicts
    assert shown(home.start_control(), release).verdicts == before
    assert home.journal.release(release).verdicts == before


def test_a_release_that_a_person_rolled_back_keeps_that_nothing_was_decided(home: Home) -> None:
    release = fail(home, times=1)
    home.journal.append(release, ev.Requested("roll back"), who="ana", why="slow")
    home.tick(2)
    snapshot = shown(home.controller, release)
    assert (snapshot.state, snapshot.because) == ("rolled back", "ana asked for it")
    assert outcomes(snapshot)["errors"] is Outcome.UNSURE


@pytest.mark.parametrize(
    ("failed", "state", "outcome"), [(9, "rolled back", Outcome.FAIL), (0, "promoted", Outcome.PASS)]
)
def test_a_first_release_keeps_the_verdict_of_its_replay(
    failed: int, state: str, outcome: Outcome, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    replayed = Replayed(ArmCounts(100, failed, failed), p99_ms=3.0)
    monkeypatch.setattr("noren_bento.control.replay.Replays.result", lambda *_: replayed)
    home = Home(tmp_path)
    release = home.deploy("m/1")
    home.tick(3)
    for controller in (home.controller, home.start_control()):
        snapshot = shown(controller, release)
        assert snapshot.state == state
        assert outcomes(snapshot) == {"replay": outcome}
    assert snapshot_to_text(snapshot).startswith(f"m v1 · {state} · replay ")


@pytest.mark.parametrize("asker", get_args(ev.Asker))
def test_a_release_whose_gate_closed_is_told_as_not_released_and_offers_nothing(
    tmp_path: Path, asker: ev.Asker
) -> None:
    home = Home(tmp_path)
    home.make_champion("m/1")
    opened = ev.Opened("m/2", None, "d" * 64, Plan(), ME)
    release = home.journal.open(opened, who="ana", why="because").id
    assert shown(home.controller, release).arms == (), "who gets what has not changed yet"
    checks = (Verdict("a", Outcome.PASS), Verdict("b", Outcome.FAIL, because="0.81 is below 0.9."))
    for body in (
        ev.Built("m:2", "/bentos/m/2", "onnx", "equal"),
        ev.Validated(Outcome.FAIL, "d" * 64, checks, "/report.html"),
        ev.Requested("roll back", note="The gate is closed.", asker=asker),
    ):
        home.journal.append(release, body, who="ana", why="because")
    home.tick(2)
    snapshot = shown(home.controller, release)
    assert snapshot.not_released == "gate closed (1 of 2 checks)"
    assert snapshot.because == "the gate is closed: 1 of 2 checks passed; b: 0.81 is below 0.9"
    assert (snapshot.actions, snapshot.next, snapshot.arms, snapshot.drift) == ((), "", (), ())
    assert snapshot.report == "/report.html"
    assert [event.kind for event in snapshot.events] == ["rolled back", "validated", "built", "opened"]
    assert snapshot.events[0].who == "noren"
