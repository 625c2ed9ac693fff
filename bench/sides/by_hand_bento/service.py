"""An ordinary service, as BentoML's documentation shows it for MLflow models."""

from __future__ import annotations

import bentoml
import pandas as pd


@bentoml.service(resources={"cpu": "1"}, traffic={"timeout": 10})
class Tumour:
    bento_model = bentoml.models.BentoModel("tumour:latest")

    def __init__(self) -> None:
        self.model = bentoml.mlflow.load_model(self.bento_model)

    @bentoml.api
    def predict(self, rows: pd.DataFrame) -> list[str]:
        return [str(label) for label in self.model.predict(rows)]
