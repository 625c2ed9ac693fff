"""The replay guardrail of a first release: the running bento answers reference rows within an absolute limit."""

from __future__ import annotations

from noren_bento.guardrails.words import share_in_words
from noren_bento.release.check import Outcome, Verdict
from noren_bento.release.plan import Plan


def judge_replay(rows: int, failed: int, plan: Plan) -> Verdict:
    """Judge how many reference rows were not answered; there is no champion to compare with.

    >>> judge_replay(400, 0, Plan()).because
    '0 of 400 reference rows failed.'
    >>> judge_replay(0, 0, Plan()).outcome
    <Outcome.UNSURE: 'unsure'>
    """
    limit = f"at most {share_in_words(plan.max_error_rate)} of the reference rows fail"
    if rows <= 0:
        return Verdict("replay", Outcome.UNSURE, limit=limit, because="No reference row was replayed yet.")
    share = failed / rows
    outcome = Outcome.PASS if share <= plan.max_error_rate else Outcome.FAIL
    because = f"{failed:,} of {rows:,} reference rows failed."
    return Verdict("replay", outcome, value=share, limit=limit, because=because)
