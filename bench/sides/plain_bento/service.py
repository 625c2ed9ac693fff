"""An ordinary service that carries its model, as BentoML's quick start shows it."""

from __future__ import annotations

from pathlib import Path

import bentoml
import joblib
import numpy as np
import pandas as pd


@bentoml.service
class Plain:
    def __init__(self) -> None:
        self.model = joblib.load(Path(__file__).parent / "model.joblib")

    @bentoml.api
    def predict(self, rows: pd.DataFrame) -> np.ndarray:
        return self.model.predict(rows)
