"""The refusals guardrail: does the candidate refuse requests (4xx) that the champion takes?

A caller's mistake falls on both arms by their weights, so it says nothing; a column that only the candidate wants, or a
null that it alone does not take, falls on one. It is the error-assignment e-process of assignment.py, on refusals.
"""

from __future__ import annotations

from dataclasses import replace
from math import log

from noren_bento.guardrails.assignment import failures_of, regression_evidence
from noren_bento.release.check import Outcome, Verdict
from noren_bento.release.evidence import ArmCounts, Evidence
from noren_bento.release.plan import Plan

LIMIT = "refuses no more than the champion"


def judge_refusals(evidence: Evidence, plan: Plan) -> Verdict:
    """Judge the refused requests of both arms; may be asked as often as one likes.

    *Fail* when the candidate refuses more often than the champion (an equal one is failed with probability
    `plan.alpha` at most). Without a request *unsure*, as errors are then. Else *pass*: it is a veto and proves
    nothing, so it holds no healthy candidate up.

    >>> counts = Evidence().add(1, 10, champion=ArmCounts(3000), candidate=ArmCounts(300, refused=6))
    >>> judge_refusals(counts, Plan()).because
    '6 of 300 requests were refused on the candidate, 0 of 3,000 on the champion: more than chance gives an equal one.'
    """
    refused = [
        replace(epoch, champion=_as_failed(epoch.champion), candidate=_as_failed(epoch.candidate))
        for epoch in evidence.epochs
    ]
    worse = float(regression_evidence(failures_of(refused)))
    fails = worse >= -log(plan.alpha)
    candidate, champion = evidence.candidate, evidence.champion
    seen = max(candidate.requests, candidate.refused, candidate.failed)  # counters lag behind what they count
    if not seen:
        return Verdict("refusals", Outcome.UNSURE, limit=LIMIT, because="No requests yet.")
    counted = (
        f"{candidate.refused:,} of {seen:,} requests were refused on the candidate, "
        f"{champion.refused:,} of {champion.requests:,} on the champion"
    )
    return Verdict(
        check="refusals",
        outcome=Outcome.FAIL if fails else Outcome.PASS,
        value=candidate.refused / seen,
        limit=LIMIT,
        because=f"{counted}: {'more' if fails else 'no more'} than chance gives an equal one.",
        log_evidence=worse,
    )


def _as_failed(counts: ArmCounts) -> ArmCounts:
    return ArmCounts(counts.requests, counts.refused)
