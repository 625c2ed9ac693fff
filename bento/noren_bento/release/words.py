"""What verdicts and runtimes are called in sentences for people, the same wherever they are told."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from noren_bento.release.check import Verdict

NAMED = 5
"""Checks that a closed gate names; the rest are counted."""
ENGINES = {
    "exact": "NumPy alone",
    "onnx": "ONNX Runtime",
    "arrays": "scikit-learn on arrays",
    "sklearn": "scikit-learn on a DataFrame",
}


def engine_in_words(runtime: str, speedup: float | None = None) -> str:
    """Name what answers for a version, and how many times faster than the original it answers one row.

    A runtime of a newer Noren is called by its own name.

    >>> engine_in_words("onnx", 31.4), engine_in_words("sklearn"), engine_in_words("")
    ('ONNX Runtime, 31× faster', 'scikit-learn on a DataFrame', '')
    """
    faster = f", {speedup:,.0f}× faster" if speedup and speedup >= 2 else ""
    return ENGINES.get(runtime, runtime) + faster


def reasons(verdicts: Iterable[Verdict]) -> str:
    """Join the reasons of verdicts to one sentence without a full stop, as the reasons in the log are written.

    >>> from noren_bento.release.check import Outcome
    >>> reasons([Verdict("a", Outcome.PASS, because="It is safe."), Verdict("b", Outcome.PASS, because="So is that")])
    'It is safe; So is that'
    """
    return "; ".join(verdict.because.rstrip(". ") for verdict in verdicts if verdict.because)


def counted(checks: Sequence[Verdict]) -> str:
    """Say how many checks passed.

    >>> counted(())
    '0 of 0 checks'
    """
    return f"{sum(check.passed for check in checks)} of {len(checks)} checks"


def checks_in_words(checks: Sequence[Verdict]) -> str:
    """Say how many checks passed and why the others did not, five of them by name.

    >>> from noren_bento.release.check import Outcome
    >>> odd = [Verdict(name, Outcome.FAIL, because=f"{name} is low.") for name in "abcdefg"]
    >>> checks_in_words(odd)
    '0 of 7 checks passed; a: a is low; b: b is low; c: c is low; d: d is low; e: e is low; and 2 more'
    """
    closed = [check for check in checks if not check.passed]
    parts = [f"{counted(checks)} passed", *(f"{one.check}: {reasons([one])}" for one in closed[:NAMED])]
    return "; ".join([*parts, *([f"and {len(closed) - NAMED} more"] if len(closed) > NAMED else [])])
