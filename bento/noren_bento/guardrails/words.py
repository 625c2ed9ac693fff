"""Counts and shares as people read them, for the one sentence that a Verdict carries."""

from __future__ import annotations

from noren_bento.release.evidence import Evidence


def share_in_words(share: float) -> str:
    """Write a share as a percentage with three figures at most.

    >>> share_in_words(0.01), share_in_words(0.12345), share_in_words(0.0004)
    ('1 %', '12.3 %', '0.04 %')
    """
    return f"{100 * share:.3g} %"


def failures_in_words(evidence: Evidence) -> str:
    """Say what failed on both arms.

    >>> from noren_bento.release.evidence import ArmCounts
    >>> counts = Evidence().add(1, 10, champion=ArmCounts(3100), candidate=ArmCounts(35, 4, 0))
    >>> failures_in_words(counts)
    '4 of 35 requests failed on the candidate, 0 of 3,100 on the champion'
    """
    candidate, champion = evidence.candidate, evidence.champion
    return (
        f"{candidate.failed:,} of {_requests(candidate.requests)} failed on the candidate, "
        f"{champion.failed:,} of {champion.requests:,} on the champion"
    )


def _requests(count: int) -> str:
    return f"{count:,} request{'' if count == 1 else 's'}"
