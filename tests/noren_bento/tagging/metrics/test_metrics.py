"""Our metrics equal scikit-learn's, and their intervals hold what they promise."""

from __future__ import annotations

import time

import numpy as np
import pytest
from sklearn import metrics as sk

from noren_bento.release.version import Signature
from noren_bento.tagging.metrics.metrics import Measured, estimate, measure

RANDOM = np.random.default_rng(0)
BINARY = Signature((), "classification", classes=("no", "yes"), probabilities=True)
REGRESSION = Signature((), "regression")


@pytest.mark.parametrize("classes", [2, 4])
def test_classification_metrics_equal_scikit_learns(classes: int) -> None:
    y = RANDOM.integers(0, classes, 500)
    given = RANDOM.dirichlet(np.ones(classes), 500).round(2) + 0.01
    given /= given.sum(axis=1, keepdims=True)
    answers = given.argmax(axis=1)
    signature = Signature((), "classification", classes=tuple(range(classes)), probabilities=True)
    ours = measure(signature, None, y=y, predictions=answers, probabilities=given)
    scores = given[:, 1] if classes == 2 else given
    expected = {
        "accuracy": sk.accuracy_score(y, answers),
        "balanced_accuracy": sk.balanced_accuracy_score(y, answers),
        "f1_macro": sk.f1_score(y, answers, average="macro"),
        "log_loss": sk.log_loss(y, given),
        "roc_auc": sk.roc_auc_score(y, scores, multi_class="ovr"),
    }
    if classes == 2:
        expected["average_precision"] = sk.average_precision_score(y, scores)
        expected["brier"] = sk.brier_score_loss(y, scores)
    assert ours == pytest.approx(expected)


def test_regression_metrics_equal_scikit_learns() -> None:
    y, answers = RANDOM.normal(size=(2, 100))
    assert measure(REGRESSION, None, y=y, predictions=answers) == pytest.approx(
        {
            "r2": sk.r2_score(y, answers),
            "mae": sk.mean_absolute_error(y, answers),
            "rmse": sk.root_mean_squared_error(y, answers),
            "median_absolute_error": sk.median_absolute_error(y, answers),
        }
    )


def test_each_class_has_the_metrics_of_scikit_learns_report() -> None:
    y = RANDOM.choice(["cat", "dog", "eel"], 400, p=[0.6, 0.3, 0.1])
    answers = np.where(RANDOM.random(400) < 0.7, y, RANDOM.permutation(y))
    signature = Signature((), "classification", classes=("cat", "dog", "eel"))
    ours = estimate(signature, None, y=y, predictions=answers)
    report = sk.classification_report(y, answers, output_dict=True)
    for label in signature.classes:
        for ours_name, theirs in (("precision", "precision"), ("recall", "recall"), ("f1", "f1-score")):
            assert ours.values[f"{ours_name}/{label}"] == pytest.approx(report[label][theirs])
        assert ours.values[f"support/{label}"] == report[label]["support"]
        low, high = ours.intervals[f"recall/{label}"]
        assert low < ours.values[f"recall/{label}"] < high


def test_more_than_fifty_classes_are_not_listed_one_by_one() -> None:
    y = np.arange(300) % 60
    ours = estimate(
        Signature((), "classification", classes=tuple(range(60))), None, y=y, predictions=np.roll(y, 5)
    )
    assert not [name for name in ours.values if "/" in name]


def test_what_is_undefined_is_left_out() -> None:
    signature = Signature((), "classification", classes=("a", "b"), probabilities=True)
    one_class = np.array(["a", "a"])
    given = np.array([[0.9, 0.1], [0.4, 0.6]])
    ours = measure(signature, None, y=one_class, predictions=np.array(["a", "b"]), probabilities=given)
    assert not {"roc_auc", "average_precision"} & set(ours)
    assert ours["balanced_accuracy"] == 0.5
    unseen = measure(signature, None, y=np.array(["a", "c"]), predictions=one_class, probabilities=given)
    assert "log_loss" not in unseen
    constant = measure(REGRESSION, None, y=np.ones(3), predictions=np.zeros(3))
    assert set(constant) == {"mae", "rmse", "median_absolute_error"}


def test_a_share_of_all_rows_has_the_exact_interval_and_other_perfect_metrics_have_none() -> None:
    y = np.repeat(["no", "yes"], 20)
    ours = estimate(BINARY, None, y=y, predictions=y)
    assert ours.intervals["accuracy"] == pytest.approx((0.025 ** (1 / 40), 1.0))
    assert ours.intervals["recall/yes"] == pytest.approx((0.025 ** (1 / 20), 1.0))
    assert "balanced_accuracy" not in ours.intervals


def test_the_same_data_give_the_same_intervals() -> None:
    y, answers = RANDOM.integers(0, 2, (2, 5_000))
    signature = Signature((), "classification", classes=(0, 1))
    first, second = (estimate(signature, None, y=y, predictions=answers) for _ in range(2))
    assert first == second


@pytest.mark.parametrize("rows", [300, pytest.param(6_000, marks=pytest.mark.soak)])
def test_intervals_hold_the_truth_about_as_often_as_they_say(rows: int) -> None:
    """Of 120 tests on fresh rows 114 are expected; fewer than 105 have a chance below 0.1 %."""
    big = _binary(np.random.default_rng(999), 1_000_000)
    truth = measure(BINARY, None, **big) | measure(
        REGRESSION, None, **_regression(np.random.default_rng(998), 1_000_000)
    )
    hits = dict.fromkeys(truth, 0)
    for seed in range(120):
        for signature, make in ((BINARY, _binary), (REGRESSION, _regression)):
            ours = estimate(signature, None, **make(np.random.default_rng(seed), rows), resamples=300)
            for name in truth.keys() & ours.intervals.keys():
                low, high = ours.intervals[name]
                hits[name] += low <= truth[name] <= high
    assert {name: count for name, count in hits.items() if count < 105} == {}


def _binary(random: np.random.Generator, rows: int) -> dict[str, np.ndarray]:
    score = random.random(rows)
    y = random.random(rows) < score**2
    labels = np.array(["no", "yes"])
    return {
        "y": labels[y.astype(int)],
        "predictions": labels[(score > 0.6).astype(int)],
        "probabilities": np.stack([1 - score, score], axis=1),
    }


def _regression(random: np.random.Generator, rows: int) -> dict[str, np.ndarray]:
    y = random.normal(size=rows)
    return {"y": y, "predictions": y + 0.5 * random.standard_normal(rows)}


def test_millions_of_rows_take_seconds() -> None:
    data = _binary(np.random.default_rng(0), 3_000_000)
    began = time.process_time()
    ours = estimate(BINARY, None, **data)
    assert time.process_time() - began < 20
    few = measure(BINARY, None, **{name: values[:1_000_000] for name, values in data.items()})
    assert ours.values["roc_auc"] == pytest.approx(few["roc_auc"], abs=2e-3)
    low, high = ours.intervals["roc_auc"]
    assert low < ours.values["roc_auc"] < high < low + 2e-3


def test_rounded_ranks_are_those_of_the_scores() -> None:
    from noren_bento.tagging.metrics.intervals import Bootstrap
    from noren_bento.tagging.metrics.ranks import rank_draws

    scores = RANDOM.beta(0.3, 3, 50_000)
    positive = RANDOM.random(50_000) < scores
    nothing = Bootstrap(len(scores), resamples=0)
    exact = rank_draws(positive, scores, bootstrap=nothing, bins=20)
    rounded = rank_draws(positive, scores, bootstrap=nothing, bins=20, exact=False)
    assert np.allclose(exact, rounded, atol=1e-5)


def test_several_targets_have_their_own_metrics_and_the_mean_with_an_interval() -> None:
    y = RANDOM.normal(size=(500, 2))
    signature = Signature((), "regression", targets=("price", "<b>"))
    ours = estimate(signature, None, y=y, predictions=y + RANDOM.normal(size=y.shape) * [0.1, 1])
    assert ours.values["r2"] == pytest.approx((ours.values["r2/y0"] + ours.values["r2/y1"]) / 2)
    assert ours.intervals["r2/y0"][0] > ours.intervals["r2"][1]
    low, high = ours.intervals["r2"]
    assert low < ours.values["r2"] < high


def test_mlflow_is_shown_the_main_metrics_their_intervals_and_each_class_in_sections() -> None:
    ours = Measured(
        {"accuracy": 0.9, "recall/yes": 0.8}, {"accuracy": (0.85, 0.95), "recall/yes": (0.7, 0.9)}
    )
    shown = ours.with_training({"accuracy": 0.99, "recall/yes": 1.0}).published()
    assert shown == {
        "accuracy": 0.9,
        "training_accuracy": 0.99,
        "interval/accuracy_low": 0.85,
        "interval/accuracy_high": 0.95,
        "recall/yes": 0.8,
    }
    many = Measured({f"recall/{number}": 1.0 for number in range(2_000)})
    assert len(many.published()) < 1_000
