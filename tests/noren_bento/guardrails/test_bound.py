import numpy as np
import pytest
from scipy.stats import binom

from noren_bento.guardrails.bound import RATES, SHARES, bound_evidence


def test_evidence_is_the_mixture_of_the_bets():
    requests, failed, limit = 500, 2, 0.02
    bets = [rate**failed * ((1 - rate * limit) / (1 - limit)) ** (requests - failed) for rate in RATES]
    assert np.exp(bound_evidence(requests, failed, limit)) == pytest.approx(np.dot(SHARES, bets))


def test_at_the_limit_the_expected_evidence_is_exactly_one():
    failed = np.arange(201)
    evidence = bound_evidence(np.full(201, 200), failed, 0.03)
    assert binom.pmf(failed, 200, 0.03) @ np.exp(evidence) == pytest.approx(1)
    assert binom.pmf(failed, 200, 0.05) @ np.exp(evidence) < 1


def test_the_whole_stake_is_bet_and_no_more():
    assert sum(SHARES) == pytest.approx(1)
    assert bound_evidence(0, 0, 0.01) == pytest.approx(0)


def test_about_three_hundred_requests_without_failure_show_less_than_one_percent():
    first = np.argmax(bound_evidence(np.arange(1000), np.zeros(1000), 0.01) >= np.log(20))
    assert 290 < first < 330


def crossed(rate, *, requests, runs, seed, limit=0.01, alpha=0.05):
    """Share of runs in which a look after every request shows the rate below the limit.

    Evidence rises until the next failure, so the looks just before each failure and at the end are all that matter.
    """
    shape = runs, int(requests * rate + 8 * (requests * rate) ** 0.5 + 8)
    times = np.cumsum(np.random.default_rng(seed).geometric(rate, size=shape), axis=1)
    before = np.minimum(times - 1, requests)
    failed = (np.arange(shape[1]) * np.ones((runs, 1))).clip(max=(times <= requests).sum(axis=1)[:, None])
    return (bound_evidence(before, failed, limit) >= -np.log(alpha)).any(axis=1).mean()


def test_a_candidate_at_the_limit_is_rarely_called_safe():
    assert crossed(0.01, requests=20_000, runs=2000, seed=0) <= 0.05 + 3 * (0.05 * 0.95 / 2000) ** 0.5


def test_a_candidate_that_fails_rarely_is_called_safe_although_it_failed():
    assert crossed(0.001, requests=3000, runs=200, seed=1) > 0.95


@pytest.mark.soak
@pytest.mark.parametrize("limit", [0.001, 0.01, 0.1])
def test_false_promotions_stay_below_alpha_over_many_seeds(limit):
    shares = [
        crossed(limit, requests=int(200 / limit), runs=1000, seed=seed, limit=limit) for seed in range(10)
    ]
    assert np.mean(shares) <= 0.05 + 3 * (0.05 * 0.95 / 10_000) ** 0.5
