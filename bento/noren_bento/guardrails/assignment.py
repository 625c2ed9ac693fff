"""The error-assignment e-process: given that a request failed, on which arm was it?

With candidate weight w and a ratio R of failure rates (candidate to champion), a failed request lies on the candidate
with probability w·R / (w·R + 1 − w), whatever the base rate is and however it moves. Betting on other ratios gives
an e-value that may be looked at after every request (Ville's inequality): under the null it reaches 1/α with
probability at most α. Lindon, Sanden, Shirikian, arXiv 2205.14762.

It needs that assignment does not depend on the outcome, and one failure per key where requests stick to an arm.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import logsumexp

from noren_bento.release.evidence import EpochCounts

Floats = NDArray[np.float64]

WORSE = (1.25, 1.5, 2.0, 3.0, 5.0, 8.0, 15.0, 40.0)
"""Ratios that the regression test bets on, in equal shares."""


@dataclass(frozen=True, slots=True)
class Failures:
    """Failed requests per arm and epoch. The last axis is the epoch; axes before it are independent runs."""

    weights: Floats
    """The candidate's share of each epoch, 0 to 1. Epochs at 0 or 1 assign for certain and say nothing."""
    champion: Floats
    candidate: Floats


def failures_of(epochs: Iterable[EpochCounts]) -> Failures:
    """Read the failed requests out of a release's evidence."""
    rows = [(epoch.weight / 100, epoch.champion.failed, epoch.candidate.failed) for epoch in epochs]
    table = np.array(rows, dtype=np.float64).reshape(-1, 3)
    return Failures(table[:, 0], table[:, 1], table[:, 2])


def regression_evidence(failures: Failures) -> Any:
    """Natural log of the evidence against "the candidate fails no more often than the champion".

    A float, or an array where the failures have leading axes.

    >>> failures = Failures(np.array([0.1]), champion=np.array([0.0]), candidate=np.array([3.0]))
    >>> round(float(np.exp(regression_evidence(failures))))  # three failures, all on the tenth: stop at α = 1 %
    121
    """
    return _log_evidence(failures, null=1.0, ratios=WORSE, shares=[1 / len(WORSE)] * len(WORSE))


def noninferiority_evidence(failures: Failures, max_ratio: float) -> Any:
    """Natural log of the evidence against "the candidate fails at least `max_ratio` times as often".

    Half of the stake is on two equal versions, the rest on other ratios below the limit, 0 among them. The
    shares were chosen for the fewest requests in that most common case.
    """
    ratios = (1.0, max_ratio**0.5, 0.75, 0.5, 0.2, 0.0)
    return _log_evidence(failures, null=max_ratio, ratios=ratios, shares=(0.5, 0.1, 0.1, 0.1, 0.1, 0.1))


def _log_evidence(failures: Failures, null: float, ratios: Sequence[float], shares: Sequence[float]) -> Any:
    inside = (failures.weights > 0) & (failures.weights < 1)
    weights = np.where(inside, failures.weights, 0.5)
    base = _share_on_candidate(weights, null)
    logs = []
    for ratio in ratios:
        bet = _share_on_candidate(weights, ratio)
        won = np.where(inside, _times_log(failures.candidate, bet / base), 0.0)
        lost = np.where(inside, _times_log(failures.champion, (1 - bet) / (1 - base)), 0.0)
        logs.append((won + lost).sum(axis=-1))
    return logsumexp(np.stack(logs), axis=0, b=np.reshape(shares, (-1,) + (1,) * np.ndim(logs[0])))


def _share_on_candidate(weights: Floats, ratio: float) -> Floats:
    return weights * ratio / (weights * ratio + 1 - weights)


def _times_log(counts: Floats, factor: Floats) -> Floats:
    """counts · log(factor), with 0 · log(0) = 0."""
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(counts > 0, counts * np.log(factor), 0.0)
