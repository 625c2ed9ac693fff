"""The Profile of a version: bins from its reference sample, counts of all its training rows."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from numpy.typing import NDArray

from noren_bento.profile.build import build_profile, count_rows
from noren_bento.profile.profile import Profile
from noren_bento.release.version import Signature
from noren_bento.tagging.frames import SAMPLE_SEED, profile_columns, profile_outputs

if TYPE_CHECKING:
    import pandas as pd

CHUNK_CELLS = 2_000_000
"""Cells that are converted at a time: a column's part of them fits into a processor's cache."""
LEAST_ROWS = 4096
MOST_ROWS = 65_536


def profile_training(
    train: pd.DataFrame, reference: pd.DataFrame, answers: NDArray[Any], signature: Signature
) -> Profile:
    """Profile the training rows: bins of the reference rows (a sample of them), counts of all, chunk by chunk.

    `answers` are the predictions for the reference rows: predicting all rows would take far longer than counting them.
    """
    every = len(reference) == len(train)
    bins = build_profile(
        profile_columns(reference, signature),
        profile_outputs(answers, signature),
        seed=None if every else SAMPLE_SEED,
    )
    return bins if every else count_rows(bins, _chunks(train, signature))


def _chunks(frame: pd.DataFrame, signature: Signature) -> Iterator[dict[str, NDArray[Any]]]:
    rows = min(max(CHUNK_CELLS // max(frame.shape[1], 1), LEAST_ROWS), MOST_ROWS)
    for start in range(0, len(frame), rows):
        yield profile_columns(frame.iloc[start : start + rows], signature)
