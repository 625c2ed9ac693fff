"""FastAPI as its documentation shows it: a pydantic model checks the rows, and a function answers.

`async def`, as its page on concurrency advises for what waits for nothing; that saves the hop into a thread.
"""

from __future__ import annotations

import json
import os
from pathlib import Path

import joblib
import pandas as pd
from fastapi import FastAPI
from pydantic import BaseModel, create_model

FOLDER = Path(os.environ["BENCH_MODEL"])
TYPES = {"number": float, "integer": int, "text": str}

model = joblib.load(FOLDER / "frame.joblib")
columns = json.loads((FOLDER / "columns.json").read_text())
Row = create_model("Row", **{name: (TYPES[kind], ...) for name, kind in columns.items()})


class Question(BaseModel):
    rows: list[Row]


class Answer(BaseModel):
    predictions: list[int]


app = FastAPI()


@app.post("/predict")
async def predict(question: Question) -> Answer:
    frame = pd.DataFrame([row.model_dump() for row in question.rows])
    return Answer(predictions=model.predict(frame).tolist())
