import numpy as np
import pytest

from noren_bento.errors import NorenError
from noren_bento.release.check import Outcome
from noren_validation.limit import Limit, judge, make_limit, plain


@pytest.mark.parametrize(
    ("limit", "value", "outcome"),
    [
        (Limit(at_least=0.9), 0.9, Outcome.PASS),
        (Limit(at_least=0.9), 0.8999, Outcome.FAIL),
        (Limit(at_most=3), 3, Outcome.PASS),
        (Limit(at_most=3), float("inf"), Outcome.FAIL),
        (Limit(at_least=0, at_most=1), -0.1, Outcome.FAIL),
        (Limit(at_least=0, at_most=1), 1, Outcome.PASS),
        (Limit(equals=0), 0.0, Outcome.PASS),
        (Limit(equals=0), "0", Outcome.FAIL),
        (Limit(equals="onnx"), "onnx", Outcome.PASS),
        (Limit(equals=True), False, Outcome.FAIL),
        (Limit(at_least=-1), float("nan"), Outcome.FAIL),
        (Limit(at_most=1), float("nan"), Outcome.FAIL),
        (Limit(equals=float("nan")), float("nan"), Outcome.FAIL),
        (Limit(at_least=0.9), None, Outcome.UNSURE),
    ],
)
def test_a_value_meets_its_limit_or_not_and_nan_meets_none(limit, value, outcome):
    assert judge("c", value, limit=limit).outcome is outcome


def test_the_verdict_says_the_number_the_limit_and_why():
    verdict = judge("size", 1234567, limit=Limit(at_most=1_000_000), because="bytes")
    assert verdict.because == "1,234,567 is not at most 1,000,000: bytes"
    assert (verdict.value, verdict.limit) == (1234567.0, "at most 1,000,000")


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({}, "has no limit"),
        ({"at_least": 1, "at_most": 2}, "two limits"),
        ({"between": (2, 1)}, "low <= high"),
        ({"between": 3}, "between takes"),
        ({"at_least": "0.9"}, "a bound is a number"),
        ({"at_most": float("nan")}, "a bound is a number"),
        ({"at_least": [1, 2]}, "needs one number"),
        ({"equals": float("nan")}, "nothing equals nan"),
    ],
)
def test_a_limit_that_makes_no_sense_is_refused_with_the_fix(given, words):
    with pytest.raises(NorenError, match=words):
        make_limit("c", **given)


def test_numpys_and_pandas_scalars_count_as_numbers():
    assert plain("c", np.float32(0.5)) == 0.5
    assert plain("c", np.array([3])) == 3
    assert plain("c", np.bool_(True)) is True
    with pytest.raises(NorenError, match="needs one number"):
        plain("c", np.array([1, 2]))


@pytest.mark.parametrize(
    ("limit", "value", "says"),
    [
        (Limit(equals=0.3), 0.1 + 0.2, "0.30000000000000004, not 0.3"),
        (Limit(equals=1.0), 0.99999, "0.99999, not 1.0"),
        (Limit(at_least=0.9), 0.89999, "0.89999 is not at least 0.9"),
        (Limit(at_most=1000), 1000.2, "1000.2 is not at most 1000"),
        (Limit(equals="onnx"), "sklearn", "'sklearn', not 'onnx'"),
    ],
)
def test_a_value_that_misses_its_limit_never_reads_as_if_it_met_it(limit, value, says):
    assert judge("c", value, limit=limit).because == says
