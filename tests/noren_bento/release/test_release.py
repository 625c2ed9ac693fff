"""A release is folded from its log, and what does not follow is refused."""

from __future__ import annotations

import pytest

from noren_bento.errors import NorenError
from noren_bento.release import event as ev
from noren_bento.release.check import Outcome
from noren_bento.release.desired import DRAIN_SECONDS, desired_versions
from noren_bento.release.evidence import ArmCounts, Evidence
from noren_bento.release.plan import Plan, Step
from noren_bento.release.release import Release, State, champion_of, fold, release_to_roll_back
from noren_bento.release.route import Route, route_of
from tests.noren_bento.release.log import BUILT, CURSOR, STARTED, VALIDATED, canary, log, opened

REBUILT = ev.Rebuilt("m:2", "/bentos/m/2", "exact", "equal answers", "f" * 64)


def test_a_promoted_version_that_was_rebuilt_is_served_from_that_build() -> None:
    release = fold(canary("m/1", ev.Promoted(3), REBUILT))
    assert (release.state, release.bento_digest, release.runtime) == (State.PROMOTED, "f" * 64, "exact")
    assert desired_versions([release], now=1e9)["m/2"].digest == "f" * 64


def test_the_log_of_a_promotion_folds_to_a_promoted_release() -> None:
    stepped = ev.Stepped(2, 50, Evidence(), CURSOR)
    release = fold(canary("m/1", stepped, ev.Promoted(3)))
    assert (release.state, release.weight, release.epoch, release.step_index) == (State.PROMOTED, 100, 3, 1)


def test_a_log_without_its_beginning_is_refused() -> None:
    with pytest.raises(NorenError, match="begins with 'opened'"):
        fold(log(BUILT))


def test_a_log_with_a_gap_is_refused() -> None:
    events = canary()
    with pytest.raises(NorenError, match="jumps from event 1 to 3"):
        fold([*events[:2], events[3]])


@pytest.mark.parametrize(
    ("events", "body", "reason"),
    [
        (log(opened()), VALIDATED, "validated follows built"),
        (log(opened(), BUILT), BUILT, "built follows opened"),
        (log(opened(), BUILT), ev.Started(1, 10, CURSOR), "started after it is validated"),
        (canary(), REBUILT, "accepted only for a version that was promoted"),
        (canary("m/1", ev.RolledBack(2)), REBUILT, "deploy it again"),
        (canary("m/1", ev.Promoted(3), REBUILT), REBUILT, "nothing to accept"),
        (canary("m/1", ev.RolledBack(2)), ev.Promoted(3), "only a canary is promoted"),
        (canary("m/1", ev.RolledBack(2)), ev.RolledBack(3), "rolled back already"),
        (log(opened()), ev.Requested("promote"), "only a running canary"),
        (log(opened(), BUILT), ev.Approved("e" * 64), "what was approved"),
        (log(opened(), BUILT), ev.Approved("d" * 64), "approved after it is validated"),
        (log(opened(), BUILT), ev.Validated(Outcome.PASS, "e" * 64, (), ""), "what was validated"),
    ],
)
def test_an_event_that_does_not_follow_is_refused(events: list[ev.Event], body: ev.Body, reason: str) -> None:
    seq = len(events)
    with pytest.raises(NorenError, match=reason):
        fold([*events, ev.Event("m@1", seq, 0.0, "ana", "", body)])


def test_a_gate_that_did_not_pass_leaves_the_release_unvalidated() -> None:
    failed = ev.Validated(Outcome.FAIL, "d" * 64, (), "")
    assert fold(log(opened(), BUILT, failed)).state is State.BUILT


def test_approval_by_plan_keeps_a_validated_release_from_starting() -> None:
    plan = Plan(approval=True)
    events = log(opened(plan=plan), BUILT, VALIDATED)
    assert not fold(events).cleared
    approved = ev.Event("m@1", 3, 3.0, "ben", "fine", ev.Approved("d" * 64))
    assert fold([*events, approved]).cleared


def history(*logs: list[ev.Event]) -> list[Release]:
    """Releases m@1, m@2, … of these logs, each some time after the one before."""
    return [
        fold([ev.Event(f"m@{k}", e.seq, e.at + 100 * k, e.who, e.why, e.body) for e in events])
        for k, events in enumerate(logs, start=1)
    ]


def started(candidate: str, champion: str | None, *more: ev.Body) -> list[ev.Event]:
    built = ev.Built("b", f"/bentos/{candidate}", "onnx", "")
    return log(opened(candidate, champion), built, VALIDATED, ev.Requested("start"), STARTED, *more)


def test_rolling_back_a_promoted_release_gives_the_traffic_back() -> None:
    first = started("m/1", None, ev.Promoted(2))
    assert champion_of(history(first, started("m/2", "m/1", ev.Promoted(2)))) == "m/2"
    assert champion_of(history(first, started("m/2", "m/1", ev.Promoted(2), ev.RolledBack(3)))) == "m/1"


def test_a_promoted_version_can_be_rolled_back_after_a_later_attempt_has_failed() -> None:
    first, second = started("m/1", None, ev.Promoted(2)), started("m/2", "m/1", ev.Promoted(2))
    failed = log(opened("m/3", "m/2"), ev.RolledBack(0))
    releases = history(first, second, failed)
    assert release_to_roll_back(releases).id == "m@2"
    assert set(desired_versions(releases, 1e9)) == {"m/1", "m/2"}, "the champion before stays ready"
    before = route_of(releases)
    after = route_of(
        history(first, [*second, ev.Event("m@2", 6, 500.0, "ana", "", ev.RolledBack(3))], failed)
    )
    assert before is not None
    assert after is not None
    assert (before.champion, after.champion) == ("m/2", "m/1")
    assert (before.release, before.epoch) != (after.release, after.epoch), (
        "no two states of a route share a name"
    )


def test_a_running_release_is_what_rollback_means() -> None:
    first = started("m/1", None, ev.Promoted(2))
    assert release_to_roll_back(history(first, started("m/2", "m/1"))).id == "m@2"


def test_routes_follow_the_log() -> None:
    assert route_of([fold(log(opened()))]) is None
    assert route_of([fold(canary())]) == Route("m", "m@1", 1, "m/1", "m/2", 10)
    assert route_of([fold(canary(None))]) == Route("m", "m@1", 1, None)
    assert route_of([fold(canary("m/1", ev.Promoted(2)))]) == Route("m", "m@1", 2, "m/2")


def test_what_lost_its_traffic_runs_until_it_is_drained() -> None:
    first = fold(
        [
            ev.Event("m@1", 0, 0.0, "a", "", opened("m/1", None)),
            ev.Event("m@1", 1, 0.0, "a", "", ev.Built("m:1", "/bentos/m/1", "onnx", "")),
            *canary()[2:5],
            ev.Event("m@1", 5, 5.0, "a", "", ev.Promoted(2)),
        ]
    )
    events = canary("m/1", ev.RolledBack(2))
    second = fold([ev.Event("m@2", e.seq, e.at + 10, e.who, e.why, e.body) for e in events])
    ended = second.ended_at
    assert ended is not None
    assert set(desired_versions([first, second], ended + 1)) == {"m/1", "m/2"}
    assert set(desired_versions([first, second], ended + DRAIN_SECONDS)) == {"m/1"}


def test_evidence_adds_up_over_epochs() -> None:
    evidence = Evidence().add(1, 10, candidate=ArmCounts(10, 1, 0)).add(2, 50, candidate=ArmCounts(40, 0, 0))
    assert evidence.candidate == ArmCounts(50, 1, 0)
    assert [epoch.weight for epoch in evidence.epochs] == [10, 50]


@pytest.mark.parametrize("weights", [(), (0,), (100,), (50, 10), (10, 10)])
def test_a_plan_with_steps_that_do_not_rise_is_refused(weights: tuple[int, ...]) -> None:
    with pytest.raises(NorenError, match="rising weights"):
        Plan(steps=tuple(Step(weight) for weight in weights))
