"""Our metrics equal scikit-learn's."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn import metrics as sk

from noren_bento.release.version import Signature
from noren_bento.tagging.metrics import measure

RANDOM = np.random.default_rng(0)


@pytest.mark.parametrize("classes", [2, 4])
def test_classification_metrics_equal_scikit_learns(classes: int) -> None:
    y = RANDOM.integers(0, classes, 500)
    given = RANDOM.dirichlet(np.ones(classes), 500).round(2) + 0.01
    given /= given.sum(axis=1, keepdims=True)
    answers = given.argmax(axis=1)
    signature = Signature((), "classification", classes=tuple(range(classes)), probabilities=True)
    ours = measure(signature, None, y=y, predictions=answers, probabilities=given)
    scores = given[:, 1] if classes == 2 else given
    assert ours == pytest.approx(
        {
            "accuracy": sk.accuracy_score(y, answers),
            "balanced_accuracy": sk.balanced_accuracy_score(y, answers),
            "f1_macro": sk.f1_score(y, answers, average="macro"),
            "log_loss": sk.log_loss(y, given),
            "roc_auc": sk.roc_auc_score(y, scores, multi_class="ovr"),
        }
    )


def test_regression_metrics_equal_scikit_learns() -> None:
    y, answers = RANDOM.normal(size=(2, 100))
    ours = measure(Signature((), "regression"), None, y=y, predictions=answers)
    assert ours == pytest.approx(
        {
            "r2": sk.r2_score(y, answers),
            "mae": sk.mean_absolute_error(y, answers),
            "rmse": sk.root_mean_squared_error(y, answers),
        }
    )


def test_what_is_undefined_is_left_out() -> None:
    signature = Signature((), "classification", classes=("a", "b"), probabilities=True)
    one_class = np.array(["a", "a"])
    given = np.array([[0.9, 0.1], [0.4, 0.6]])
    ours = measure(signature, None, y=one_class, predictions=np.array(["a", "b"]), probabilities=given)
    assert "roc_auc" not in ours
    assert ours["balanced_accuracy"] == 0.5
    unseen = measure(signature, None, y=np.array(["a", "c"]), predictions=one_class, probabilities=given)
    assert "log_loss" not in unseen
    constant = measure(Signature((), "regression"), None, y=np.ones(3), predictions=np.zeros(3))
    assert set(constant) == {"mae", "rmse"}
