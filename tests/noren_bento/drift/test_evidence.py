import numpy as np
import pytest
from scipy.special import gammaln
from scipy.stats import betabinom

from noren_bento.drift.evidence import log_evidence


def test_evidence_is_the_ratio_of_two_dirichlet_multinomials():
    def log_dm(n, a):
        return gammaln(a.sum()) - gammaln(a.sum() + n.sum()) + sum(gammaln(a + n) - gammaln(a))

    reference, counts = np.array([10.0, 5.0, 0.0]), np.array([1.0, 7.0, 2.0])
    expected = log_dm(counts, np.full(3, 0.5)) - log_dm(counts, reference + 0.5)
    assert log_evidence(reference, counts) == pytest.approx(expected)


def test_over_all_references_the_expected_evidence_is_exactly_one():
    """Rows and reference drawn alike, the distribution itself from the prior: then the e-value's mean is one."""
    rows, reference = 6, np.array([3.0, 1.0])
    red = np.arange(rows + 1)
    counts = np.column_stack([red, rows - red])
    assert betabinom.pmf(red, rows, 3.5, 1.5) @ np.exp(log_evidence(reference, counts)) == pytest.approx(1)


def test_no_rows_are_no_evidence():
    assert log_evidence([10, 20], [0, 0]) == 0


def test_many_counts_are_judged_like_each_alone():
    counts = np.random.default_rng(0).integers(0, 50, size=(7, 3))
    together = log_evidence([100, 100, 100], counts)
    assert together == pytest.approx([log_evidence([100, 100, 100], one) for one in counts])


def largest_evidence(reference_rows, rows, runs, *, seed):
    rng = np.random.default_rng(seed)
    shares = np.array([0.4, 0.3, 0.2, 0.1])
    largest = []
    for _ in range(runs):
        reference = rng.multinomial(reference_rows, shares)
        path = np.cumsum(rng.multinomial(10, shares, size=rows // 10), axis=0)
        largest.append(log_evidence(reference, path).max())
    return np.array(largest)


@pytest.mark.parametrize("reference_rows", [30, 1000])
def test_a_small_reference_that_is_looked_at_for_long_raises_few_false_alarms(reference_rows):
    alarms = largest_evidence(reference_rows, 20_000, 100, seed=reference_rows) >= np.log(20)
    assert alarms.mean() <= 0.05 + 3 * (0.05 * 0.95 / 100) ** 0.5


@pytest.mark.soak
@pytest.mark.parametrize("reference_rows", [100, 1000, 10_000])
def test_false_alarms_stay_below_alpha_over_many_seeds(reference_rows):
    largest = largest_evidence(reference_rows, 100_000, 2000, seed=7)
    for alpha in (0.1, 0.05, 0.01):
        share = (largest >= -np.log(alpha)).mean()
        assert share <= alpha + 3 * (alpha * (1 - alpha) / 2000) ** 0.5
