from __future__ import annotations

import numpy as np

from noren_bento.serving.answers import Answers
from noren_bento.serving.comparison import compare, compare_bits, largest_difference


def test_equal_labels_and_close_probabilities_pass() -> None:
    left = Answers(np.array([0, 1]), np.array([[0.9, 0.1], [0.2, 0.8]]))
    right = Answers(np.array([0, 1]), np.array([[0.9, 0.1], [0.2, 0.8]]) + 1e-7)
    assert compare(left, right) is None


def test_one_flipped_label_is_a_difference() -> None:
    assert compare(Answers(np.array([0, 1])), Answers(np.array([0, 0]))) == "1 of 2 labels differ"


def test_text_labels_are_compared_whatever_their_array_type() -> None:
    left, right = np.array(["a", "b"]), np.array(["a", "b"], dtype=object)
    assert compare(Answers(left), Answers(right)) is None


def test_numbers_are_not_taken_for_text() -> None:
    assert compare(Answers(np.array([1, 2])), Answers(np.array(["1", "2"]))) == "labels are <U1, not int64"


def test_probabilities_that_differ_are_a_difference() -> None:
    left, right = (Answers(np.array([0]), np.array([[1 - p, p]])) for p in (0.1, 0.1001))
    assert compare(left, right) == "probabilities differ by up to 0.0001"


def test_scores_are_compared_relative_to_their_size() -> None:
    labels = np.array([0, 1])
    left, near, far = (Answers(labels, scores=np.array([-100.0, 100.0 + more])) for more in (0.0, 1e-4, 1e-2))
    assert compare(left, near) is None
    assert compare(left, far) == "1 of 2 scores differ, by up to 0.0001 relative"
    assert compare_bits(left, near) == "scores differ by 1e-06"
    assert compare(left, Answers(labels)) == "scores have another shape"


def test_labels_that_are_floats_must_be_equal_whatever_the_size_of_their_scores() -> None:
    scores = np.array([-2e6, 2e6])
    left, right = Answers(np.array([0.0, 1.0]), scores=scores), Answers(np.array([1.0, 1.0]), scores=scores)
    assert compare(left, right, scale=2e6) == "1 of 2 labels differ"
    shares = np.array([[0.9, 0.1], [0.2, 0.8]])
    assert (
        compare(Answers(left.predictions, shares), Answers(right.predictions, shares))
        == "1 of 2 labels differ"
    )


def test_a_value_that_is_not_finite_must_be_so_in_both() -> None:
    assert compare(Answers(np.array([np.nan, 1.0])), Answers(np.array([0.0, 1.0])))
    assert compare(Answers(np.array([np.nan, 1.0])), Answers(np.array([np.nan, 1.0]))) is None


def test_the_last_bit_counts_where_bits_are_compared() -> None:
    left, right = Answers(np.array([1.0, 2.0])), Answers(np.array([1.0, np.nextafter(2.0, 3.0)]))
    assert compare(left, right) is None
    assert compare_bits(left, right) == "1 of 2 values differ by 2.2e-16"
    assert largest_difference(left, right) < 3e-16


def test_rows_that_are_not_finite_in_both_are_equal_whatever_they_hold() -> None:
    left = Answers(np.array([0, 1]), np.array([[np.nan, np.nan], [0.5, 0.5]]))
    right = Answers(np.array([1, 1]), np.array([[np.inf, 0.0], [0.5, 0.5]]))
    assert compare(left, right) is None
    assert compare_bits(left, right) is None
    assert (
        compare_bits(left, Answers(np.array([0, 1]), np.full((2, 2), 0.5)))
        == "values that are not finite differ"
    )
