"""BentoML with `batchable`: requests that wait are answered together.

An array where the model takes numbers only, as its documentation's example does; else a list of rows. BentoML 1.4.39
never answers a batchable DataFrame: its dispatcher fails to read the number of its rows, and waits.
"""

from __future__ import annotations

import os
from pathlib import Path

import bentoml
import joblib
import numpy as np
import pandas as pd

FOLDER = Path(os.environ["BENCH_MODEL"])
QUIET = {"access": {"enabled": False}}
MOST = {"batchable": True, "max_batch_size": 1000}  # by default 100, and a body of 1,000 rows is split


@bentoml.service(logging=QUIET)
class OfArrays:
    def __init__(self) -> None:
        self.model = joblib.load(FOLDER / "array.joblib")

    @bentoml.api(**MOST)
    def predict(self, rows: np.ndarray) -> np.ndarray:
        return self.model.predict(rows)


@bentoml.service(logging=QUIET)
class OfRows:
    def __init__(self) -> None:
        self.model = joblib.load(FOLDER / "frame.joblib")

    @bentoml.api(**MOST)
    def predict(self, rows: list[dict]) -> list[int]:
        return self.model.predict(pd.DataFrame(rows)).tolist()
