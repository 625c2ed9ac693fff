import pytest

from noren_bento.guardrails.errors import judge_errors
from noren_bento.guardrails.forecast import forecast_requests
from noren_bento.release.check import Outcome
from noren_bento.release.evidence import ArmCounts, Evidence
from noren_bento.release.plan import Plan, Step


def evidence(champion, candidate, weight=10):
    return Evidence().add(1, weight, champion=ArmCounts(*champion), candidate=ArmCounts(*candidate))


def test_what_is_needed_shrinks_as_requests_come_in():
    needed = [forecast_requests(evidence((9 * n, 0), (n, 0)), Plan()) for n in (0, 100, 200, 300)]
    assert needed[0] == pytest.approx(3090, rel=0.03)
    assert needed == sorted(needed, reverse=True)
    assert needed[-1] < 150


def test_a_larger_weight_needs_fewer_requests():
    assert forecast_requests(Evidence(), Plan(steps=(Step(50),))) == pytest.approx(618, rel=0.03)


def test_the_weight_of_the_running_epoch_counts():
    both = evidence((900, 0), (100, 0)).add(2, 50, champion=ArmCounts(10), candidate=ArmCounts(10))
    assert forecast_requests(both, Plan()) == pytest.approx(2 * (309 - 110), rel=0.05)


def test_the_forecast_comes_true_when_the_rates_stay():
    start = evidence((900, 9), (100, 1))
    needed = forecast_requests(start, Plan())
    later = evidence(
        (900 + needed * 9 // 10, 9 + round(needed * 0.009)), (100 + needed // 10, 1 + round(needed * 0.001))
    )
    assert judge_errors(start, Plan()).outcome is Outcome.UNSURE
    assert judge_errors(later, Plan()).outcome is not Outcome.UNSURE


def test_where_no_end_is_in_sight_none_is_named():
    """At exactly the tolerated ratio, with a limit on rates and an α that nothing can reach."""
    plan = Plan(alpha=1e-300, alpha_promote=1e-300, max_error_ratio=1.0000001, max_error_rate=1e-9)
    assert forecast_requests(evidence((5000, 50), (5000, 50), 50), plan) is None
