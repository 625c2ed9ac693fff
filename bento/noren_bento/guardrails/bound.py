"""An anytime-valid absolute bound: is the candidate's own failure rate below the limit, whatever the champion does?

A mixture of bets on failure rates below the limit m: after each request the bet on θ is multiplied by θ/m when it
failed and by (1 − θ)/(1 − m) when not. Under "the rate is at least m" each bet is a nonnegative supermartingale, so
the mixture reaches 1/α with probability at most α, however often one looks (Ville's inequality; Waudby-Smith and
Ramdas, JRSS-B 86(1), 2024).
"""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy.special import logsumexp, xlog1py, xlogy

RATES = (0.0, 0.1, 0.25, 0.5)
"""Failure rates that are bet on, as shares of the limit."""
SHARES = (0.8, 0.08, 0.07, 0.05)
"""Share of the stake on each. Most is on no failure at all: two versions without errors must be able to finish."""


def bound_evidence(requests: Any, failed: Any, limit: float) -> Any:
    """Natural log of the evidence against "the failure rate is at least `limit`".

    `requests` and `failed` are totals of the candidate: numbers, or arrays of one shape.

    >>> min(n for n in range(1000) if bound_evidence(n, 0, 0.01) >= np.log(20))  # no failure, α = 5 %, limit 1 %
    309
    """
    requests, failed = np.asarray(requests, dtype=np.float64), np.asarray(failed, dtype=np.float64)
    answered = requests - failed
    logs = [
        xlogy(failed, rate) + xlog1py(answered, -rate * limit) - xlog1py(answered, -limit) for rate in RATES
    ]
    return logsumexp(np.stack(logs), axis=0, b=np.reshape(SHARES, (-1,) + (1,) * requests.ndim))
