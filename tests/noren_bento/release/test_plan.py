from __future__ import annotations

import math

import pytest

from noren_bento.errors import NorenError
from noren_bento.release.plan import Plan, Step


@pytest.mark.parametrize("hold", [-1.0, math.inf, math.nan])
def test_a_step_is_held_for_a_time_that_ends(hold: float) -> None:
    with pytest.raises(NorenError, match="0 seconds or longer"):
        Plan.parse("10,50", hold_seconds=hold)


def test_a_step_without_evidence_is_none() -> None:
    with pytest.raises(NorenError, match="at least 1 request"):
        Step(10, min_requests=0)


@pytest.mark.parametrize("steps", ["50,10", "0", "100", "10,10", "ten", ""])
def test_steps_are_rising_percentages(steps: str) -> None:
    with pytest.raises(NorenError, match="percent"):
        Plan.parse(steps)
