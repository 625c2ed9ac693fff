"""Odds: how an e-value is told to people."""

from __future__ import annotations

import math


def odds(log_evidence: float | None) -> str:
    """An e-value as the odds that it is: what a bet of 1 against "all is well" has won; nothing below 2 to 1.

    >>> odds(0.5), odds(6.8), odds(20.0)
    ('', '900 to 1', 'over 1,000,000 to 1')
    """
    if log_evidence is None or log_evidence < math.log(2):
        return ""
    if log_evidence >= math.log(1e6):
        return "over 1,000,000 to 1"
    return f"{significant(math.exp(log_evidence)):,} to 1"


def significant(number: float) -> float | int:
    """Two significant digits; whole numbers without a point.

    >>> significant(6.6859), significant(897.8)
    (6.7, 900)
    """
    rounded = float(f"{number:.2g}")
    return int(rounded) if rounded.is_integer() else rounded
