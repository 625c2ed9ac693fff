import numpy as np
import pytest
from scipy.stats import binom

from noren_bento.guardrails.assignment import (
    WORSE,
    Failures,
    failures_of,
    noninferiority_evidence,
    regression_evidence,
)
from noren_bento.release.evidence import ArmCounts, EpochCounts, Evidence


def fallen(champion, candidate, weight=0.1):
    return Failures(np.array([weight]), np.array([float(champion)]), np.array([float(candidate)]))


def releases(champion_rate, candidate_rate, *, weight, requests, runs, seed):
    """Failures after each failed request of many releases, shape (runs, failures, 1), and when each happened.

    Nothing changes between failures, so drawing gaps and arms is drawing every request, only sooner done.
    """
    rng = np.random.default_rng(seed)
    on_candidate, on_champion = weight * candidate_rate, (1 - weight) * champion_rate
    rate = on_candidate + on_champion
    shape = runs, int(requests * rate + 8 * (requests * rate) ** 0.5 + 8)
    times = np.cumsum(rng.geometric(rate, size=shape), axis=1)
    arm = rng.random(shape) < on_candidate / rate
    candidate, champion = (np.cumsum(which, axis=1)[..., None].astype(float) for which in (arm, ~arm))
    return Failures(np.array([weight]), champion, candidate), np.where(times <= requests, times, np.inf)


def first_crossing(log_evidence, times, alpha):
    """Requests until the threshold is first reached, infinite where it never is."""
    return np.where(log_evidence >= -np.log(alpha), times, np.inf).min(axis=1)


def test_regression_evidence_is_the_mean_of_the_bets():
    weight, champion, candidate = 0.2, 7, 5
    bets = [weight * r / (weight * r + 1 - weight) for r in WORSE]
    expected = np.mean([(q / weight) ** candidate * ((1 - q) / (1 - weight)) ** champion for q in bets])
    assert np.exp(regression_evidence(fallen(champion, candidate, weight))) == pytest.approx(expected)


def test_without_failures_there_is_no_evidence_either_way():
    assert regression_evidence(fallen(0, 0)) == pytest.approx(0)
    assert noninferiority_evidence(fallen(0, 0), 2.0) == pytest.approx(0)
    assert regression_evidence(failures_of(())) == pytest.approx(0)


def test_epochs_of_another_weight_multiply_their_bets():
    evidence = Evidence(
        (
            EpochCounts(1, 10, ArmCounts(900, 9), ArmCounts(100, 5)),
            EpochCounts(2, 50, ArmCounts(500, 4), ArmCounts(500, 20)),
        )
    )
    weights = np.array([0.1, 0.5])
    total = 0.0
    for r in WORSE:
        q = weights * r / (weights * r + 1 - weights)
        total += np.prod((q / weights) ** [5, 20] * ((1 - q) / (1 - weights)) ** [9, 4]) / len(WORSE)
    assert np.exp(regression_evidence(failures_of(evidence.epochs))) == pytest.approx(total)


@pytest.mark.parametrize("weight", [0, 100])
def test_an_epoch_that_gives_all_requests_to_one_arm_says_nothing(weight):
    evidence = Evidence((EpochCounts(1, weight, ArmCounts(9, 3), ArmCounts(9, 8)),))
    assert regression_evidence(failures_of(evidence.epochs)) == pytest.approx(0)


def test_a_candidate_failure_rules_out_only_the_bet_on_none():
    assert np.isfinite(noninferiority_evidence(fallen(50, 1), 2.0))


def test_thousands_of_failures_overflow_nothing():
    assert regression_evidence(fallen(0, 100_000)) > 1000
    assert noninferiority_evidence(fallen(100_000, 0), 2.0) > 1000


@pytest.mark.parametrize("weight", [0.01, 0.1, 0.5, 0.99])
@pytest.mark.parametrize("total", [1, 3, 40])
def test_under_the_null_the_expected_evidence_is_exactly_one(weight, total):
    """Summed over every way in which the failures can fall: what makes it an e-value."""
    on_candidate = np.arange(total + 1.0)[:, None]
    falls = Failures(np.array([weight]), total - on_candidate, on_candidate)
    equal = binom.pmf(np.arange(total + 1), total, weight)
    twice = binom.pmf(np.arange(total + 1), total, 2 * weight / (1 + weight))
    assert equal @ np.exp(regression_evidence(falls)) == pytest.approx(1)
    assert twice @ np.exp(noninferiority_evidence(falls, 2.0)) == pytest.approx(1)


def test_a_candidate_better_than_the_null_only_lowers_the_expected_evidence():
    on_candidate = np.arange(41.0)[:, None]
    falls = Failures(np.array([0.1]), 40 - on_candidate, on_candidate)
    rarer, more_often = (binom.pmf(np.arange(41), 40, share) for share in (0.05, 0.3))
    assert rarer @ np.exp(regression_evidence(falls)) < 1
    assert more_often @ np.exp(noninferiority_evidence(falls, 2.0)) < 1


def test_equal_versions_are_rarely_called_regressed_though_one_looks_after_every_request():
    failures, times = releases(0.01, 0.01, weight=0.1, requests=20_000, runs=2000, seed=1)
    assert (
        np.isfinite(first_crossing(regression_evidence(failures), times, 0.01)).mean()
        <= 0.01 + 3 * (0.01 * 0.99 / 2000) ** 0.5
    )


def test_a_candidate_at_the_limit_is_rarely_called_safe():
    failures, times = releases(0.01, 0.02, weight=0.5, requests=20_000, runs=1000, seed=2)
    safe = np.isfinite(first_crossing(noninferiority_evidence(failures, 2.0), times, 0.05))
    assert safe.mean() <= 0.05 + 3 * (0.05 * 0.95 / 1000) ** 0.5


@pytest.mark.parametrize(
    ("champion", "candidate", "requests", "median"), [(0.01, 0.05, 6000, 1521), (0.001, 0.01, 15_000, 4622)]
)
def test_a_regression_is_stopped_about_as_soon_as_measured_before(champion, candidate, requests, median):
    failures, times = releases(champion, candidate, weight=0.1, requests=requests, runs=400, seed=3)
    assert np.median(first_crossing(regression_evidence(failures), times, 0.01)) < 1.15 * median


def test_equal_versions_with_one_percent_of_errors_are_shown_safe_in_time():
    failures, times = releases(0.01, 0.01, weight=0.5, requests=12_000, runs=400, seed=4)
    assert np.median(first_crossing(noninferiority_evidence(failures, 2.0), times, 0.05)) < 5500


@pytest.mark.soak
@pytest.mark.parametrize("weight", [0.01, 0.1, 0.5])
@pytest.mark.parametrize("rate", [0.001, 0.05])
def test_false_rollbacks_stay_below_alpha_over_many_releases(weight, rate):
    false = 0
    for seed in range(10):
        failures, times = releases(rate, rate, weight=weight, requests=50_000, runs=500, seed=seed)
        false += np.isfinite(first_crossing(regression_evidence(failures), times, 0.01)).sum()
    assert false / 5000 <= 0.01 + 3 * (0.01 * 0.99 / 5000) ** 0.5


@pytest.mark.soak
def test_a_base_rate_that_drifts_and_a_weight_that_changes_break_nothing():
    rng = np.random.default_rng(5)
    false, runs = 0, 300
    for _ in range(runs):
        rates = 0.02 + 0.019 * np.sin(np.arange(20_000) / rng.uniform(200, 5000))
        weights = np.array([0.05, 0.25, 0.5])
        epoch = np.arange(20_000) * 3 // 20_000
        on_candidate = rng.random(20_000) < weights[epoch]
        failed = rng.random(20_000) < rates
        one_hot = epoch[:, None] == np.arange(3)
        run = Failures(
            weights,
            np.cumsum(one_hot & (failed & ~on_candidate)[:, None], axis=0).astype(float),
            np.cumsum(one_hot & (failed & on_candidate)[:, None], axis=0).astype(float),
        )
        false += bool((regression_evidence(run) >= np.log(100)).any())
    assert false / runs <= 0.01 + 3 * (0.01 * 0.99 / runs) ** 0.5


@pytest.mark.soak
def test_delays_are_those_that_were_measured_at_the_design():
    for champion, candidate, requests, median in ((0.01, 0.05, 10_000, 1521), (0.01, 0.02, 50_000, 15_978)):
        failures, times = releases(champion, candidate, weight=0.1, requests=requests, runs=400, seed=6)
        assert np.median(first_crossing(regression_evidence(failures), times, 0.01)) < 1.15 * median
