"""The Profile of a version counts every training row, in the memory of a chunk."""

from __future__ import annotations

import tracemalloc

import numpy as np
import pandas as pd
import pytest

from noren_bento.profile.build import build_profile
from noren_bento.release.version import Signature
from noren_bento.tagging import training_profile
from noren_bento.tagging.frames import profile_columns, sample_rows
from noren_bento.tagging.signature import read_column
from noren_bento.tagging.training_profile import profile_training


def signature_of(frame: pd.DataFrame) -> Signature:
    return Signature(tuple(read_column(name, frame[name]) for name in frame.columns), "regression")


def test_a_small_training_set_is_counted_as_a_whole(mixed: tuple[pd.DataFrame, np.ndarray]) -> None:
    frame, _ = mixed
    profile = profile_training(frame, frame, np.zeros(len(frame)), signature_of(frame))
    assert profile.made == "All 120 rows are counted and predicted."
    assert profile.seed is None


def test_a_column_of_each_kind_is_counted_by_chunks_as_it_is_at_once(
    mixed: tuple[pd.DataFrame, np.ndarray], monkeypatch: pytest.MonkeyPatch
) -> None:
    frame, _ = mixed
    signature = signature_of(frame)
    reference = frame.iloc[sample_rows(len(frame), 60)].reset_index(drop=True)
    monkeypatch.setattr(training_profile, "LEAST_ROWS", 7)
    monkeypatch.setattr(training_profile, "CHUNK_CELLS", 1)
    profile = profile_training(frame, reference, np.zeros(60), signature)
    whole = build_profile(profile_columns(frame, signature), {})
    assert (profile.rows, profile.sampled, profile.seed) == (120, 60, 0)
    for column, expected in zip(profile.columns, whole.columns, strict=True):
        assert sum(column.counts) == 120
        assert column.missing_share == expected.missing_share
        assert column.range == expected.range


@pytest.mark.parametrize("order", ["rows", "columns"])
def test_profiling_takes_a_chunk_of_memory_and_no_copy_of_the_data(order: str) -> None:
    values = np.random.default_rng(0).normal(size=(20, 400_000))
    table = np.ascontiguousarray(values.T) if order == "rows" else values.T
    frame = pd.DataFrame(table, columns=[f"x{number}" for number in range(20)], copy=False)
    signature = signature_of(frame)
    reference = frame.iloc[sample_rows(len(frame))].reset_index(drop=True)
    tracemalloc.start()
    profile = profile_training(frame, reference, np.zeros(10_000), signature)
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert profile.rows == 400_000
    assert most < table.nbytes / 8
