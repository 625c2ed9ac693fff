import pytest

from noren_bento.guardrails.replay import judge_replay
from noren_bento.release.check import Outcome
from noren_bento.release.plan import Plan


@pytest.mark.parametrize(
    ("rows", "failed", "outcome"),
    [
        (400, 0, Outcome.PASS),
        (400, 4, Outcome.PASS),
        (400, 5, Outcome.FAIL),
        (1, 1, Outcome.FAIL),
        (0, 0, Outcome.UNSURE),
    ],
)
def test_a_first_release_fails_above_the_largest_failure_rate(rows, failed, outcome):
    assert judge_replay(rows, failed, Plan()).outcome is outcome


def test_the_sentence_has_the_numbers_and_the_limit():
    verdict = judge_replay(400, 40, Plan())
    assert verdict.because == "40 of 400 reference rows failed."
    assert verdict.limit == "at most 1 % of the reference rows fail"
    assert verdict.value == 0.1
