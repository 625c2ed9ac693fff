import numpy as np
import pytest

from noren_bento.guardrails.errors import judge_errors
from noren_bento.release.check import Outcome
from noren_bento.release.evidence import ArmCounts, Evidence
from noren_bento.release.plan import Plan


def judge(champion, candidate, *, weight=10, plan=None):
    evidence = Evidence().add(1, weight, champion=ArmCounts(*champion), candidate=ArmCounts(*candidate))
    return judge_errors(evidence, plan or Plan())


def test_a_candidate_that_fails_where_the_champion_does_not_is_stopped_after_few_requests():
    verdict = judge((310, 0), (35, 4))
    assert verdict.outcome is Outcome.FAIL
    assert verdict.because.startswith("4 of 35 requests failed on the candidate, 0 of 310 on the champion")
    assert verdict.value == pytest.approx(4 / 35)
    assert verdict.log_evidence >= np.log(100)
    assert verdict.more_requests is None


def test_two_versions_without_errors_finish():
    assert judge((2700, 0), (300, 0)).outcome is Outcome.UNSURE
    verdict = judge((2900, 0), (320, 0))
    assert verdict.outcome is Outcome.PASS
    assert verdict.because.endswith("its failure rate is below 1 %.")


def test_two_versions_with_many_errors_are_safe_by_their_ratio():
    verdict = judge((10_000, 500), (10_000, 500), weight=50)
    assert verdict.outcome is Outcome.PASS
    assert verdict.because.endswith("it fails less than 2 × as often.")
    assert verdict.value == pytest.approx(0.05)


def test_too_little_evidence_is_unsure_and_says_how_much_more_it_takes():
    verdict = judge((900, 9), (100, 1))
    assert verdict.outcome is Outcome.UNSURE
    assert f"about {verdict.more_requests:,} more requests" in verdict.because


@pytest.mark.parametrize("champion", [(0, 0), (5000, 0), (5000, 5000)])
def test_no_request_on_the_candidate_is_neither_success_nor_failure(champion):
    verdict = judge(champion, (0, 0))
    assert (verdict.outcome, verdict.value) == (Outcome.UNSURE, None)
    assert "No request has reached the candidate" in verdict.because
    assert judge_errors(Evidence(), Plan()).outcome is Outcome.UNSURE


def test_a_champion_that_fails_alone_does_not_hold_a_healthy_candidate_back():
    assert judge((3000, 600), (330, 0)).outcome is Outcome.PASS


def test_users_who_were_answered_by_the_fallback_still_count_against_the_candidate():
    """Failed is what the first attempt did; harmed (0 here) is what the user saw."""
    assert judge((900, 0, 0), (100, 10, 0)).outcome is Outcome.FAIL


def test_a_failure_read_before_the_request_total_is_still_counted():
    assert judge((50, 0), (0, 4)).outcome is Outcome.FAIL


def test_regressed_comes_before_safe():
    verdict = judge((100_000, 0), (10_000, 20))
    assert (verdict.outcome, verdict.value) == (Outcome.FAIL, 0.002)


def test_the_limits_are_those_of_the_plan():
    strict = Plan(max_error_rate=0.001, max_error_ratio=1.5)
    verdict = judge((2900, 0), (320, 0), plan=strict)
    assert verdict.outcome is Outcome.UNSURE
    assert verdict.limit == "fails below 0.1 % of the time, or less than 1.5 × as often as the champion"


def outcomes(champion_rate, candidate_rate, *, releases, seed, looks=60, requests=250):
    """First settled outcome of each release at 10 %, looked at every `requests` requests."""
    rng = np.random.default_rng(seed)
    settled = []
    for _ in range(releases):
        on_candidate = rng.binomial(requests, 0.1, looks).cumsum()
        on_champion = requests * np.arange(1, looks + 1) - on_candidate
        failed = [
            rng.binomial(np.diff(total, prepend=0), rate).cumsum()
            for total, rate in ((on_champion, champion_rate), (on_candidate, candidate_rate))
        ]
        table = np.column_stack([on_champion, failed[0], on_candidate, failed[1]]).tolist()
        verdicts = (judge(tuple(row[:2]), tuple(row[2:])).outcome for row in table)
        settled.append(next((one for one in verdicts if one is not Outcome.UNSURE), Outcome.UNSURE))
    return settled


def test_equal_versions_are_mostly_promoted_and_bad_ones_never():
    """α allows an equal one to fail now and then; two of twenty would happen about once in sixty runs."""
    equal = outcomes(0.002, 0.002, releases=20, seed=0)
    assert equal.count(Outcome.FAIL) <= 1
    assert equal.count(Outcome.PASS) >= 14
    assert set(outcomes(0.002, 0.05, releases=20, seed=1)) == {Outcome.FAIL}


@pytest.mark.soak
def test_equal_versions_are_rolled_back_in_one_release_of_a_hundred_at_most():
    for rate in (0.0005, 0.01, 0.05):
        settled = outcomes(rate, rate, releases=300, seed=2, looks=40)
        assert settled.count(Outcome.FAIL) / 300 <= 0.01 + 3 * (0.01 * 0.99 / 300) ** 0.5
