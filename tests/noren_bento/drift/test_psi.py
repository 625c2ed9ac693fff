import numpy as np
import pytest

from noren_bento.drift.psi import psi
from noren_bento.profile.build import build_profile
from noren_bento.profile.count import count_values


def test_psi_is_the_formula_with_a_half_per_bin_less_what_sampling_gives():
    p, q = np.array([80.5, 20.5, 0.5]) / 101.5, np.array([30.5, 20.5, 0.5]) / 51.5
    expected = ((q - p) * np.log(q / p)).sum() - 2 * (1 / 100 + 1 / 50)
    assert psi([80, 20, 0], [30, 20, 0]) == pytest.approx(expected)


def test_psi_is_finite_where_a_bin_is_empty_on_one_side():
    assert 1 < psi([100, 0], [0, 100]) < 20


@pytest.mark.parametrize(("reference", "counts"), [([0, 0], [1, 2]), ([1, 2], [0, 0]), ([5], [9])])
def test_psi_of_nothing_is_zero(reference, counts):
    assert psi(reference, counts) == 0


@pytest.mark.parametrize(("shift", "low", "high"), [(0.25, 0.045, 0.075), (0.5, 0.2, 0.3), (1.0, 0.75, 1.1)])
def test_psi_of_shifts_in_standard_deviations_is_what_its_docstring_says(shift, low, high):
    rng = np.random.default_rng(0)
    column = build_profile({"x": rng.normal(size=50_000)}, {}).column("x")
    assert low < psi(column.reference, count_values(column, rng.normal(shift, size=20_000))) < high


def test_psi_without_drift_stays_far_below_the_limit_from_a_hundred_rows_on():
    rng = np.random.default_rng(1)
    column = build_profile({"x": rng.normal(size=5000)}, {}).column("x")
    sizes = [psi(column.reference, count_values(column, rng.normal(size=100))) for _ in range(300)]
    assert np.quantile(sizes, 0.99) < 0.2
    assert np.mean(sizes) < 0.04
