"""The line of steps says from the log alone what was done, what runs and where a release ended."""

from __future__ import annotations

from noren_bento.control.snapshot import StageView
from noren_bento.control.stages import stages_of
from noren_bento.release import event as ev
from noren_bento.release.check import Outcome, Verdict
from noren_bento.release.event import Event
from noren_bento.release.evidence import Evidence
from tests.noren_bento.release.log import BUILT, CURSOR, STARTED, VALIDATED, canary, log, opened

CHECKS = (Verdict("a", Outcome.PASS), Verdict("b", Outcome.FAIL))
CLOSED = ev.Validated(Outcome.FAIL, "d" * 64, CHECKS, "/report.html")
ASKED = ev.Requested("roll back")


def marks(events: list[Event]) -> list[tuple[str, str]]:
    return [(stage.name, stage.status) for stage in stages_of(tuple(events), 100.0)]


def named(events: list[Event]) -> dict[str, StageView]:
    return {stage.name: stage for stage in stages_of(tuple(events), 100.0)}


def test_every_release_begins_with_its_tag() -> None:
    assert stages_of(tuple(log(opened())), 9.0)[0] == StageView("tag", "done", detail="m/2")


def test_a_canary_has_done_what_lies_before_it() -> None:
    assert marks(canary()) == [
        ("tag", "done"), ("build", "done"), ("validate", "done"), ("start", "done"),
        ("canary", "running"), ("promote", "waiting"),
    ]  # fmt: skip


def test_words_are_those_of_a_deploy() -> None:
    passed = ev.Validated(Outcome.PASS, "d" * 64, CHECKS[:1], "/report.html")
    found = named(log(opened(), BUILT, passed, ev.Requested("start"), STARTED))
    assert found["build"].detail == "ONNX Runtime"
    assert found["validate"].detail == "1 of 1 checks"
    assert found["start"].detail == "10 % of the traffic"


def test_a_closed_gate_ends_the_line_at_its_stage() -> None:
    while_it_is_taken_back = log(opened(), BUILT, CLOSED, ASKED)
    assert marks(while_it_is_taken_back)[:4] == [
        ("tag", "done"), ("build", "done"), ("validate", "running"), ("start", "waiting"),
    ]  # fmt: skip
    assert marks([*while_it_is_taken_back, *log(opened(), BUILT, CLOSED, ASKED, ev.RolledBack(0))[4:]]) == [
        ("tag", "done"), ("build", "done"), ("validate", "failed"),
    ]  # fmt: skip


def test_a_deploy_that_died_while_it_built_ends_there() -> None:
    assert marks(log(opened(), ev.RolledBack(0))) == [("tag", "done"), ("build", "failed")]


def test_a_canary_that_was_rolled_back_failed_there() -> None:
    assert marks(canary("m/1", ev.RolledBack(2)))[-2:] == [("canary", "failed"), ("rolled back", "failed")]


def test_a_roll_back_after_the_promotion_is_a_step_of_its_own() -> None:
    steps = (ev.Stepped(2, 50, Evidence(), CURSOR), ev.Promoted(3), ASKED, ev.RolledBack(4))
    assert marks(canary("m/1", *steps))[-3:] == [
        ("canary", "done"), ("promote", "done"), ("rolled back", "failed"),
    ]  # fmt: skip
    assert marks(log(opened(), BUILT, VALIDATED, STARTED, ev.Promoted(2)))[-1] == ("promote", "done")
