"""The refusals guardrail is a veto: it fails a candidate that refuses more, and without requests it says nothing."""

from __future__ import annotations

from noren_bento.guardrails.errors import judge_errors
from noren_bento.guardrails.refusals import judge_refusals
from noren_bento.release.check import Outcome
from noren_bento.release.evidence import ArmCounts, Evidence
from noren_bento.release.plan import Plan


def counts(champion: ArmCounts, candidate: ArmCounts) -> Evidence:
    return Evidence().add(1, 10, champion=champion, candidate=candidate)


def test_without_a_request_of_the_candidate_nothing_is_safe() -> None:
    for evidence in (Evidence(), counts(ArmCounts(900, refused=4), ArmCounts())):
        verdict = judge_refusals(evidence, Plan())
        assert (verdict.outcome, verdict.because, verdict.value) == (Outcome.UNSURE, "No requests yet.", None)


def test_it_holds_up_no_candidate_whose_errors_are_judged() -> None:
    for candidate in (ArmCounts(1), ArmCounts(0, failed=1), ArmCounts(0, refused=1), ArmCounts(400)):
        evidence = counts(ArmCounts(3000), candidate)
        if judge_errors(evidence, Plan()).outcome is Outcome.PASS:
            assert judge_refusals(evidence, Plan()).passed
        if candidate.refused == 0:
            assert judge_refusals(evidence, Plan()).passed


def test_refusals_that_only_the_candidate_makes_fail_it() -> None:
    assert judge_refusals(counts(ArmCounts(3000), ArmCounts(300, refused=6)), Plan()).outcome is Outcome.FAIL


def test_refusals_of_both_alike_are_the_callers_mistakes() -> None:
    assert judge_refusals(counts(ArmCounts(3000, refused=60), ArmCounts(300, refused=6)), Plan()).passed
