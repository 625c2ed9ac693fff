from __future__ import annotations

from collections.abc import Callable

import numpy as np

from noren_bento.compile.parity import Expected, expect, find_difference
from noren_bento.serving.answers import Answers
from noren_bento.serving.columns import Columns


def unlucky(columns: Columns) -> Answers:
    if (columns["a"] == 13.0).any():
        raise ValueError("unlucky")
    return Answers(columns["a"])


def asked(original: Callable[[Columns], Answers] = unlucky) -> Expected:
    return expect(original, {"a": np.arange(5.0)}, {"a": np.array([1.0, 2.0, 13.0, 4.0])})


def test_an_engine_that_answers_where_the_original_raises_is_told_the_row() -> None:
    said = find_difference(asked(), lambda columns: Answers(columns["a"]), bits=True)
    assert said == "the original raises on a row that fits its signature (a=13.0): ValueError: unlucky"


def test_an_engine_that_raises_or_gives_nan_where_the_original_raises_is_equal() -> None:
    def nan(columns: Columns) -> Answers:
        return Answers(np.where(columns["a"] == 13.0, np.nan, columns["a"]))

    assert find_difference(asked(), unlucky, bits=True) is None
    assert find_difference(asked(), nan, bits=True) is None


def test_rows_are_asked_at_once_in_twos_and_alone() -> None:
    counts = {
        len(one.rows["a"])
        for one in expect(lambda c: Answers(c["a"]), {"a": np.zeros(900)}, {"a": np.ones(600)}).asked
    }
    assert counts == {900, 257, 86, 2, 1}


def test_an_engine_that_adds_many_rows_otherwise_is_different() -> None:
    def careless(columns: Columns) -> Answers:
        given = columns["a"]
        return Answers(given if len(given) < 3 else np.nextafter(given, np.inf))

    expected = asked(lambda columns: Answers(columns["a"]))
    assert find_difference(expected, careless, bits=True) == "5 of 5 values differ by 1 (reference rows)"
    assert find_difference(expected, careless, bits=False) is None
