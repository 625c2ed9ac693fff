"""A snapshot of an old release tells its story, and of the traffic only what is true now."""

from __future__ import annotations

from pathlib import Path

from noren.fallback import snapshot_to_html
from noren_bento.control.snapshots import make_snapshot
from noren_bento.release import event as ev
from noren_bento.settings import load_settings
from tests.noren.control_home import still_controller
from tests.noren_bento.release.log import BUILT, CURSOR, VALIDATED, log, opened

STARTED = (BUILT, VALIDATED, ev.Requested("start"), ev.Started(1, 10, CURSOR))
FIRST = log(opened("m/1", None), *STARTED, ev.Promoted(2), release="m@1")
SECOND = log(opened("m/2", "m/1"), *STARTED, ev.Promoted(2), release="m@2")
THIRD = log(opened("m/3", "m/2"), *STARTED, release="m@3")


def test_only_what_serves_now_has_a_share(tmp_path: Path) -> None:
    settings = load_settings({"home": tmp_path})
    with still_controller(tmp_path, [*FIRST, *SECOND, *THIRD]) as controller:
        shots = {k: make_snapshot(controller, f"m@{k}", settings=settings, now=99.0) for k in (1, 2, 3)}
    shares = {k: {arm.version: arm.share for arm in shot.arms} for k, shot in shots.items()}
    assert shares == {1: {"m/1": 0}, 2: {"m/1": 0, "m/2": 90}, 3: {"m/2": 90, "m/3": 10}}
    assert "superseded" in snapshot_to_html(shots[1])
    assert "superseded" not in snapshot_to_html(shots[2])


def test_nothing_can_be_asked_of_a_release_that_was_replaced(tmp_path: Path) -> None:
    settings = load_settings({"home": tmp_path})
    with still_controller(tmp_path, [*FIRST, *SECOND]) as controller:
        assert make_snapshot(controller, "m@1", settings=settings, now=99.0).actions == ()
        assert make_snapshot(controller, "m@2", settings=settings, now=99.0).actions == ("roll back",)
