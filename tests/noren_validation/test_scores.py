import numpy as np
import pytest
from sklearn.metrics import balanced_accuracy_score, r2_score

from noren_bento.tagging.metrics.intervals import GROUPS
from noren_validation.scores import compare_scores, estimate_score, guess, score


@pytest.fixture
def random():
    return np.random.default_rng(0)


def test_scores_are_scikit_learns(random):
    y, p = random.normal(size=500), random.normal(size=500)
    assert score("regression", y, p) == pytest.approx(r2_score(y, p))
    labels, answers = random.choice(["a", "b", "c"], 500), random.choice(["a", "b", "c"], 500)
    assert score("classification", labels, answers) == pytest.approx(balanced_accuracy_score(labels, answers))


def test_more_rows_than_groups_score_the_same(random):
    y = random.normal(size=3 * GROUPS + 7)
    p = y + random.normal(size=len(y))
    assert score("regression", y, p) == pytest.approx(r2_score(y, p))


def test_a_constant_target_explains_nothing():
    y = np.full(50, 3.0)
    assert score("regression", y, y) == 0.0


def test_the_same_data_give_the_same_interval(random):
    y, p = random.integers(0, 2, 300), random.integers(0, 2, 300)
    assert estimate_score("classification", y, p) == estimate_score("classification", y, p)


def test_equal_answers_do_not_differ(random):
    y, p = random.integers(0, 3, 300), random.integers(0, 3, 300)
    difference = compare_scores("classification", y, p, champion=p)
    assert (difference.value, difference.low, difference.high) == (0.0, 0.0, 0.0)


def test_a_clearly_worse_candidate_lies_below_zero(random):
    y = random.normal(size=2_000)
    good, bad = y + 0.3 * random.normal(size=2_000), y + 0.6 * random.normal(size=2_000)
    assert compare_scores("regression", y, bad, champion=good).high < 0


def test_guessing_scores_by_class():
    assert guess("regression", np.array([1.0])) == 0.0
    assert guess("classification", np.array([0, 1, 2, 2])) == pytest.approx(1 / 3)


@pytest.mark.parametrize("task", ["classification", "regression"])
def test_an_equal_candidate_seldom_looks_worse_than_the_champion(task):
    """False alarms of the check `not worse than the champion`, one-sided 2.5 % by construction."""
    worse = 0
    for seed in range(200):
        random = np.random.default_rng(seed)
        if task == "regression":
            y = random.normal(size=400)
            mine, theirs = (y + 0.5 * random.normal(size=400) for _ in range(2))
        else:
            y = random.integers(0, 2, 400)
            mine, theirs = (np.where(random.random(400) < 0.1, 1 - y, y) for _ in range(2))
        worse += compare_scores(task, y, mine, champion=theirs, resamples=400).high < 0
    assert worse <= 14  # 2.5 % of 200 is 5; 14 has a chance below 0.1 %
