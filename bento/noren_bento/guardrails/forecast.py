"""How many more requests until the errors guardrail is settled, if both arms go on as they did."""

from __future__ import annotations

from math import ceil, log

import numpy as np

from noren_bento.guardrails.assignment import (
    Failures,
    failures_of,
    noninferiority_evidence,
    regression_evidence,
)
from noren_bento.guardrails.bound import bound_evidence
from noren_bento.release.evidence import Evidence
from noren_bento.release.plan import Plan

HORIZON = np.geomspace(1, 1e8, 800)
"""Numbers of further requests that are tried; 2.3 % apart."""
SHRINK = 100
"""This many requests draw each arm's failure rate to that of both, so that one early failure is not 100 %."""


def forecast_requests(evidence: Evidence, plan: Plan) -> int | None:
    """Return the expected further requests, both arms together, at the current weight; None where no end is in sight.

    The counts are extended at each arm's failure rate so far until one of the three tests crosses its threshold.

    >>> forecast_requests(Evidence(), Plan())  # none failed: about 310 on the candidate, which gets a tenth
    3122
    """
    weight = (evidence.epochs[-1].weight if evidence.epochs else plan.steps[0].weight) / 100
    champion, candidate = evidence.champion, evidence.candidate
    pooled = (champion.failed + candidate.failed) / max(champion.requests + candidate.requests, 1)
    rates = [
        (arm.failed + SHRINK * pooled) / (max(arm.requests, arm.failed) + SHRINK)
        for arm in (champion, candidate)
    ]

    past = failures_of(evidence.epochs)
    ahead = (len(HORIZON), len(past.weights))
    future = Failures(
        np.append(past.weights, weight),
        np.column_stack([np.broadcast_to(past.champion, ahead), HORIZON * (1 - weight) * rates[0]]),
        np.column_stack([np.broadcast_to(past.candidate, ahead), HORIZON * weight * rates[1]]),
    )
    bound = bound_evidence(
        max(candidate.requests, candidate.failed) + HORIZON * weight,
        candidate.failed + HORIZON * weight * rates[1],
        plan.max_error_rate,
    )
    settled = (
        (regression_evidence(future) >= -log(plan.alpha))
        | (noninferiority_evidence(future, plan.max_error_ratio) >= -log(plan.alpha_promote))
        | (bound >= -log(plan.alpha_promote))
    )
    return ceil(HORIZON[settled.argmax()]) if settled.any() else None
