"""The drift detector: an e-detector over a ring of blocks, so that drift that begins late is seen as fast.

Per column an e-process is begun at each block's start and all are summed (Shin, Ramdas and Rinaldo, "E-detectors",
2024). The sum reaches L on average no sooner than after L blocks without drift. It alarms when it is at least
`columns × average_run_length` *and* the most surprising stretch has moved by `psi_limit`: evidence alone flags
trivia, size alone flags noise. Rows must be about independent; evidence.py says where they are not.
"""

from __future__ import annotations

from math import log

import numpy as np
from scipy.special import logsumexp

from noren_bento.drift.evidence import log_evidence
from noren_bento.drift.psi import psi
from noren_bento.drift.report import ColumnDrift, DriftReport
from noren_bento.drift.ring import Block, Ring
from noren_bento.profile.profile import ColumnProfile, Counts, Profile

__all__ = ["Block", "Ring", "detect"]


def detect(
    profile: Profile,
    ring: Ring,
    *,
    version: str = "",
    psi_limit: float = 0.1,
    average_run_length: float = 1e6,
) -> DriftReport:
    """Judge each input column and output by itself; one odd column hides no other.

    `average_run_length` is the expected number of blocks between false alarms, over all columns and outputs
    together. `missing` and `other` are bins, so lost values and new categories are drift.
    """
    tests = len(profile.columns) + len(profile.outputs)
    starts = tuple(block.at for block in ring.blocks)
    suffixes = _suffixes(ring)
    limits = psi_limit, log(average_run_length)
    return DriftReport(
        version=version,
        rows=ring.rows,
        columns=tuple(
            _judge(column, suffixes[:, ring.layout.columns[column.name]], starts, tests, limits)
            for column in profile.columns
        ),
        outputs=tuple(
            _judge(column, suffixes[:, ring.layout.outputs[column.name]], starts, tests, limits)
            for column in profile.outputs
        ),
    )


def _suffixes(ring: Ring) -> Counts:
    """Counts from each block's start until now: one row a block, the longest first."""
    if not ring.blocks:
        return np.zeros((0, ring.layout.size), dtype=np.int64)
    stacked = np.stack([block.vector for block in ring.blocks])
    return np.cumsum(stacked[::-1], axis=0)[::-1]


def _judge(
    column: ColumnProfile,
    suffixes: Counts,
    starts: tuple[float, ...],
    tests: int,
    limits: tuple[float, float],
) -> ColumnDrift:
    reference = column.reference
    if not starts or not reference.any():
        return ColumnDrift(column.name, 0.0, -log(tests), False, None, 0.0, column.missing_share)
    psi_limit, log_limit = limits
    evidence = log_evidence(reference, suffixes)
    most = int(evidence.argmax())
    surprising = bool(evidence[most] > 0)
    stretch = suffixes[most if surprising else 0]
    size, total = psi(reference, stretch), float(logsumexp(evidence)) - log(tests)
    return ColumnDrift(
        name=column.name,
        psi=size,
        log_evidence=total,
        alarm=total >= log_limit and size >= psi_limit,
        since=starts[most] if surprising else None,
        missing_share=float(stretch[-1] / max(stretch.sum(), 1)),
        reference_missing_share=column.missing_share,
    )
