"""Every start, step, promotion and roll back comes from decide."""

from __future__ import annotations

import pytest

from noren_bento.release import event as ev
from noren_bento.release.check import Outcome, Verdict
from noren_bento.release.decide import Decision, Hold, Observation, Promote, RollBack, Start, StepUp, decide
from noren_bento.release.evidence import ArmCounts, Evidence
from noren_bento.release.plan import Plan
from noren_bento.release.release import fold
from tests.noren_bento.release.log import BUILT, CURSOR, VALIDATED, canary, log, opened

SAFE = (Verdict("errors", Outcome.PASS, because="safe"),)
UNSURE = (Verdict("errors", Outcome.UNSURE, because="too few", more_requests=1200),)
BAD = (Verdict("errors", Outcome.FAIL, because="4 of 35 failed"),)


def enough(epoch: int = 1) -> Evidence:
    return Evidence().add(epoch, 10, candidate=ArmCounts(500))


def after(events: list[ev.Event], now: float = 1000.0, **observed: object) -> Decision:
    return decide(fold(events), Observation(**observed), now)  # type: ignore[arg-type]


def test_a_failed_guardrail_rolls_back_with_the_numbers() -> None:
    assert after(canary(), verdicts=BAD) == RollBack("4 of 35 failed")


def test_no_evidence_is_never_success_and_never_failure() -> None:
    assert isinstance(after(canary(), verdicts=()), Hold)
    assert isinstance(after(canary(), verdicts=UNSURE, now=1e9), Hold)


def test_a_safe_canary_steps_up_and_then_is_promoted() -> None:
    assert after(canary(), verdicts=SAFE, evidence=enough()) == StepUp(50, "safe")
    second = canary("m/1", ev.Stepped(2, 50, Evidence(), CURSOR))
    assert after(second, verdicts=SAFE, evidence=enough(2)) == Promote("safe")


def test_a_step_is_held_for_its_time_and_its_requests() -> None:
    early = after(canary(), verdicts=SAFE, evidence=enough(), now=14.0)
    assert early == Hold("50 % when 20 s have passed")
    few = Evidence().add(1, 10, candidate=ArmCounts(40))
    assert after(canary(), verdicts=SAFE, evidence=few) == Hold(
        "50 % when 60 more requests reached the candidate"
    )


def test_an_unsure_canary_says_how_many_requests_are_needed() -> None:
    held = after(canary(), verdicts=UNSURE, evidence=enough())
    assert held == Hold("50 % when errors are safe (about 1,200 more requests)")


def test_a_paused_canary_neither_steps_nor_is_spared_a_roll_back() -> None:
    paused = canary("m/1", ev.Requested("pause"))
    assert after(paused, verdicts=SAFE, evidence=enough()) == Hold("paused at 10 %")
    assert isinstance(after(paused, verdicts=BAD), RollBack)


@pytest.mark.parametrize("action", ["promote", "roll back"])
def test_what_a_person_asks_for_is_done(action: ev.Action) -> None:
    decision = after(canary("m/1", ev.Requested(action)), verdicts=UNSURE)
    assert isinstance(decision, Promote if action == "promote" else RollBack)
    assert "ana asked" in decision.because


def test_a_regressed_candidate_cannot_be_promoted_by_asking() -> None:
    assert after(canary("m/1", ev.Requested("promote")), verdicts=BAD) == RollBack(
        "4 of 35 failed", asked_by=""
    )


def test_a_promoted_release_can_be_rolled_back_by_hand() -> None:
    events = canary("m/1", ev.Promoted(2), ev.Requested("roll back"))
    assert after(events) == RollBack("ana asked for it", asked_by="ana")


def test_a_reason_that_was_given_is_told_with_who_asked() -> None:
    events = canary("m/1", ev.Requested("roll back", note="the nurses call"))
    assert after(events) == RollBack("ana asked for it: the nurses call", asked_by="ana")


def test_what_a_deploy_takes_back_itself_is_blamed_on_nobody() -> None:
    note = "interrupted before the start."
    asked = ev.Requested("roll back", note=note, asker="deploy")
    assert after(log(opened(), BUILT, asked)) == RollBack("interrupted before the start")


def test_a_closed_gate_is_the_reason_of_the_roll_back_that_follows_with_what_did_not_pass() -> None:
    checks = (
        Verdict("fits", Outcome.PASS, because="It fits."),
        Verdict("accuracy", Outcome.FAIL, because="0.81 is below 0.9."),
        Verdict("bias", Outcome.UNSURE, because="no row of group b"),
    )
    closed = ev.Validated(Outcome.FAIL, "d" * 64, checks, "/report.html")
    told = "the gate is closed: 1 of 3 checks passed; accuracy: 0.81 is below 0.9; bias: no row of group b"
    for asked in (ev.Requested("roll back", note="The gate is closed."), ev.Requested("roll back")):
        assert after(log(opened(), BUILT, closed, asked)) == RollBack(told)


def test_reasons_are_one_list_with_one_end() -> None:
    both = (
        Verdict("errors", Outcome.PASS, because="It fails below 1 %."),
        Verdict("refusals", Outcome.PASS, because="0 of 500 were refused."),
    )
    assert after(canary(), verdicts=both, evidence=enough()).because == (
        "It fails below 1 %; 0 of 500 were refused"
    )


@pytest.mark.parametrize(
    ("champion", "plan", "says"),
    [
        ("m/1", Plan(), "10 % when the checks pass"),
        (None, Plan(), "a replay of its reference rows when the checks pass"),
        ("m/1", Plan(approval=True), "an approval when the checks pass"),
    ],
)
def test_before_its_start_a_release_says_what_is_next_whatever_stage_runs(
    champion: str | None, plan: Plan, says: str
) -> None:
    for events in (
        log(opened(champion=champion, plan=plan)),
        log(opened(champion=champion, plan=plan), BUILT),
    ):
        assert after(events) == Hold(says)


def test_a_release_whose_caller_died_is_closed_before_the_start_but_not_after() -> None:
    assert isinstance(after(log(opened(), BUILT), caller_alive=False), RollBack)
    assert isinstance(after(canary(), verdicts=UNSURE, caller_alive=False), Hold)
    asked = log(opened(), BUILT, VALIDATED, ev.Requested("start"))
    assert after(asked, caller_alive=False, candidate_ready=True) == Start(10, "m/2 gets 10 % of the traffic")


def test_nothing_starts_before_the_service_is_ready_and_somebody_asked() -> None:
    assert isinstance(after(log(opened(), BUILT, VALIDATED), candidate_ready=True), Hold)
    asked = log(opened(), BUILT, VALIDATED, ev.Requested("start"))
    assert after(asked) == Hold("m/2 is starting")


def test_approval_is_awaited_where_the_plan_asks_for_it() -> None:
    events = log(opened(plan=Plan(approval=True)), BUILT, VALIDATED)
    assert after(events, candidate_ready=True) == Hold("waiting for the approval of a person other than ana")


def test_a_candidate_that_cannot_be_served_is_rolled_back() -> None:
    assert "cannot be served: no module" in after(log(opened(), BUILT), problem="no module").because


def test_a_first_release_is_promoted_on_its_replay_or_rolled_back() -> None:
    assert after(canary(None), verdicts=SAFE) == Promote("first release: safe")
    assert isinstance(after(canary(None), verdicts=BAD), RollBack)
    assert isinstance(after(canary(None)), Hold)
