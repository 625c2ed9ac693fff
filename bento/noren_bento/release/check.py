"""Verdict: the answer to one named question about a version, with the number and the limit behind it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Outcome(StrEnum):
    """How a Check ended. *Unsure* is a real outcome: not enough evidence yet."""

    PASS = "pass"  # noqa: S105 -- an outcome, not a password
    UNSURE = "unsure"
    FAIL = "fail"


@dataclass(frozen=True, slots=True)
class Verdict:
    """The answer of one Check.

    >>> Verdict("accuracy", Outcome.PASS, value=0.957, limit="at least 0.9", because="0.957 is at least 0.9").passed
    True
    """

    check: str
    """The question's name, unique within a validation or a release."""
    outcome: Outcome
    value: float | None = None
    """The measured number, in the unit that `because` names."""
    limit: str = ""
    """The limit in words, such as `at least 0.9`."""
    because: str = ""
    """One sentence: why this outcome."""
    log_evidence: float | None = None
    """Natural logarithm of the e-value behind the outcome, where there is one."""
    more_requests: int | None = None
    """Expected further requests (both arms together) until an unsure verdict is settled."""

    @property
    def passed(self) -> bool:
        """Whether the question was answered with yes."""
        return self.outcome is Outcome.PASS


def worst(verdicts: tuple[Verdict, ...]) -> Outcome:
    """Return the worst outcome: fail before unsure before pass. No verdict at all is unsure.

    >>> worst(())
    <Outcome.UNSURE: 'unsure'>
    """
    outcomes = {verdict.outcome for verdict in verdicts}
    for outcome in (Outcome.FAIL, Outcome.UNSURE):
        if outcome in outcomes:
            return outcome
    return Outcome.PASS if outcomes else Outcome.UNSURE
