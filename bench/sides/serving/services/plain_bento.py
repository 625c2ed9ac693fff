"""BentoML as its quick start shows it: a DataFrame in, the model's answers out."""

from __future__ import annotations

import os
from pathlib import Path

import bentoml
import joblib
import numpy as np
import pandas as pd


@bentoml.service(logging={"access": {"enabled": False}})
class Plain:
    def __init__(self) -> None:
        self.model = joblib.load(Path(os.environ["BENCH_MODEL"]) / "frame.joblib")

    @bentoml.api
    def predict(self, rows: pd.DataFrame) -> np.ndarray:
        return self.model.predict(rows)
