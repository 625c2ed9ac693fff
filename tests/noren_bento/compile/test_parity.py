from __future__ import annotations

import numpy as np

from noren_bento.compile.parity import compare, expect
from noren_bento.serving.answers import Answers


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


def test_a_value_that_is_not_finite_must_be_so_in_both() -> None:
    assert compare(Answers(np.array([np.nan, 1.0])), Answers(np.array([0.0, 1.0])))
    assert compare(Answers(np.array([np.nan, 1.0])), Answers(np.array([np.nan, 1.0]))) is None


def test_where_the_original_raises_the_reason_names_a_row() -> None:
    def original(columns: dict[str, np.ndarray]) -> Answers:
        if (columns["a"] == 13.0).any():
            raise ValueError("unlucky")
        return Answers(columns["a"])

    reference, probes = {"a": np.arange(5.0)}, {"a": np.array([1.0, 2.0, 13.0, 4.0])}
    said = expect(original, reference, probes)
    assert said == "the original raises on a row that fits its signature (a=13.0): ValueError: unlucky"
