"""Validation: what the notebooks said about one built bento, and where its report lies."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from noren_bento.release.check import Outcome, Verdict
from noren_bento.release.words import checks_in_words


@dataclass(frozen=True, slots=True)
class NotebookResult:
    """What one executed notebook said, after the gate read it."""

    name: str
    """The notebook's file name without its ending."""
    checks: tuple[Verdict, ...]
    """Its verdicts in the order in which they were reported, then those that the gate adds."""
    closed: tuple[str, ...] = ()
    """Why the gate is closed whatever its checks say: it did not finish, a check is missing, another model."""
    seconds: float = 0.0
    path: Path | None = None
    """The executed notebook."""

    @property
    def outcome(self) -> Outcome:
        """Pass only when it finished, proved the digest, every promised check reported and all passed."""
        outcomes = {verdict.outcome for verdict in self.checks}
        if self.closed or not outcomes or Outcome.FAIL in outcomes:
            return Outcome.FAIL
        return Outcome.UNSURE if Outcome.UNSURE in outcomes else Outcome.PASS


@dataclass(frozen=True, slots=True)
class Validation:
    """What the validation suite said about one built bento."""

    outcome: Outcome
    checks: tuple[Verdict, ...]
    """All checks of all notebooks; their names are unique."""
    report: Path
    """One HTML page that needs no network."""
    digest: str
    """Content digest of the model that every notebook proved to have loaded; empty when one did not."""
    seconds: float
    notebooks: tuple[NotebookResult, ...] = ()

    @property
    def passed(self) -> bool:
        """Whether the gate is open."""
        return self.outcome is Outcome.PASS

    @property
    def verdict(self) -> Verdict:
        """The whole validation as one Verdict."""
        passed = sum(verdict.passed for verdict in self.checks)
        return Verdict("validation", self.outcome, value=float(passed), because=checks_in_words(self.checks))
