"""The errors guardrail: does the candidate fail more often than the champion, or is it safe?"""

from __future__ import annotations

from math import log

from noren_bento.guardrails.assignment import failures_of, noninferiority_evidence, regression_evidence
from noren_bento.guardrails.bound import bound_evidence
from noren_bento.guardrails.forecast import forecast_requests
from noren_bento.guardrails.words import failures_in_words, share_in_words
from noren_bento.release.check import Outcome, Verdict
from noren_bento.release.evidence import Evidence
from noren_bento.release.plan import Plan


def judge_errors(evidence: Evidence, plan: Plan) -> Verdict:
    """Judge the failed requests of both arms; may be asked as often as one likes.

    *Fail* when the candidate fails more often than the champion (an equal one is failed with probability
    `plan.alpha` at most). *Pass* when it is shown to fail less than `plan.max_error_ratio` times as often, or less
    often than `plan.max_error_rate` whatever the champion does (each wrong with probability `plan.alpha_promote` at
    most). Else *unsure*, with the requests that are expected to settle it. No request is neither success nor failure.

    >>> from noren_bento.release.evidence import ArmCounts
    >>> counts = Evidence().add(1, 10, champion=ArmCounts(310), candidate=ArmCounts(35, 4, 0))
    >>> verdict = judge_errors(counts, Plan())
    >>> verdict.outcome, verdict.because
    (<Outcome.FAIL: 'fail'>, '4 of 35 requests failed on the candidate, 0 of 310 on the champion: more than chance \
gives an equal one.')
    """
    candidate = evidence.candidate
    seen = max(candidate.requests, candidate.failed)  # a count read before its total is still a count
    failures = failures_of(evidence.epochs)
    worse = float(regression_evidence(failures))
    ratio = float(noninferiority_evidence(failures, plan.max_error_ratio))
    bound = float(bound_evidence(seen, candidate.failed, plan.max_error_rate))
    safe = max(ratio, bound)
    if not seen:
        outcome, log_evidence, why = Outcome.UNSURE, 0.0, "No request has reached the candidate yet"
    elif worse >= -log(plan.alpha):
        outcome, log_evidence, why = Outcome.FAIL, worse, "more than chance gives an equal one"
    elif safe >= -log(plan.alpha_promote):
        below = f"its failure rate is below {share_in_words(plan.max_error_rate)}"
        rarer = f"it fails less than {plan.max_error_ratio:g} × as often"
        outcome, log_evidence, why = Outcome.PASS, safe, below if bound >= ratio else rarer
    else:
        outcome, log_evidence, why = Outcome.UNSURE, safe, "not enough to tell"
    more = forecast_requests(evidence, plan) if outcome is Outcome.UNSURE else None
    return Verdict(
        check="errors",
        outcome=outcome,
        value=candidate.failed / seen if seen else None,
        limit=f"fails below {share_in_words(plan.max_error_rate)} of the time, "
        f"or less than {plan.max_error_ratio:g} × as often as the champion",
        because=_sentence(evidence, why, more),
        log_evidence=log_evidence,
        more_requests=more,
    )


def _sentence(evidence: Evidence, why: str, more: int | None) -> str:
    counted = evidence.candidate.requests or evidence.candidate.failed
    text = f"{failures_in_words(evidence)}: {why}" if counted else why
    if more is not None:
        text += f"; about {more:,} more request{'' if more == 1 else 's'}"
    return f"{text}."
