"""Several targets laid end to end score as the mean over the targets."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import r2_score

from noren_bento.release.version import Signature
from noren_validation.scores import score
from noren_validation.targets import lay_end_to_end, mean_by_row

PRICES = Signature((), "regression", targets=("price", "size"))
FLAGS = Signature((), "classification", targets=("a", "b"), target_classes=(("no", "yes"), (0, 1)))


def test_r2_is_the_mean_over_targets_of_any_unit() -> None:
    random = np.random.default_rng(0)
    y = random.normal(size=(500, 2)) * [1.0, 1000.0] + [5.0, -300.0]
    given = y + random.normal(size=(500, 2)) * [0.5, 100.0]
    together = score("regression", lay_end_to_end(PRICES, y, y=y), lay_end_to_end(PRICES, given, y=y))
    assert together == pytest.approx(r2_score(y, given, multioutput="uniform_average"))


def test_balanced_accuracy_is_the_mean_recall_over_all_labels_of_all_targets() -> None:
    y = np.array([["no", 0], ["no", 1], ["yes", 1], ["yes", 1]], dtype=object)
    given = np.array([["no", 0.0], ["yes", 1.0], ["yes", 1.0], ["yes", 0.0]], dtype=object)
    laid = [lay_end_to_end(FLAGS, values, y=y) for values in (y, given)]
    assert score("classification", *laid) == pytest.approx(np.mean([1 / 2, 1.0, 1.0, 2 / 3]))


def test_a_constant_target_and_one_target_are_left_in_peace() -> None:
    constant = np.ones((5, 2))
    assert (lay_end_to_end(PRICES, constant, y=constant) == 0).all()
    alone = np.array([1.0, 2.0])
    assert lay_end_to_end(Signature((), "regression"), alone, y=alone) is alone


def test_a_rows_loss_is_the_mean_over_its_targets() -> None:
    losses = lay_end_to_end(FLAGS, np.array([[1, 3], [5, 7]]), y=np.zeros((2, 2)))
    assert losses.tolist() == ["a: 1", "a: 5", "b: 3", "b: 7"]
    assert mean_by_row(FLAGS, np.array([1.0, 5.0, 3.0, 7.0])).tolist() == [2.0, 6.0]
