"""Batches of a small model, as the tally gives them to the log."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl

from noren_bento.release.version import Column, ModelVersion, Signature
from noren_bento.serving.answers import Answers
from noren_bento.serving.batch import Batch
from noren_bento.serving.columns import MatrixColumns
from noren_bento.serving.log.settings import LogSettings
from noren_bento.serving.log.writer import PredictionLog

VERSION = ModelVersion("churn", 3, "ab", Signature((Column("a", "number", "float64"),), "regression"))
NOON = 1_700_049_600.0
DAY = "date=2023-11-15"


def batch(*numbers: int, at: float = NOON, rows: int = 1) -> Batch:
    """One request a number, with so many rows that hold it."""
    values = np.repeat(np.array(numbers, dtype=np.float64), rows)
    return Batch(
        MatrixColumns(("a",), values.reshape(-1, 1)),
        Answers(values * 2),
        (rows,) * len(numbers),
        tuple(str(number).encode() for number in numbers),
        (at,) * len(numbers),
    )


class Told:
    """What a log said that came of its rows."""

    def __init__(self) -> None:
        self.written = self.dropped = 0

    def __call__(self, written: int, dropped: int) -> None:
        self.written += written
        self.dropped += dropped


def open_log(settings: LogSettings) -> tuple[PredictionLog, Told]:
    """A log whose thread does not flush by itself within a test."""
    told = Told()
    return PredictionLog(VERSION, settings, tell=told), told


def logged(folder: Path) -> list[int]:
    """The request ids of all rows in a version's log."""
    files = list(folder.glob("date=*/*.parquet"))
    return sorted(int(one) for path in files for one in pl.read_parquet(path)["request_id"].to_list())
