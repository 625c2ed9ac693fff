"""Bodies of 1,000 rows: our JSON, MLflow's and Arrow, from the body's bytes to the answer's, in process.

CPU time of `Worker.answer`, that is of decoding, predicting and encoding, without HTTP; the model is a logistic
regression, whose own share is in its row. The formats take turns; medians.
"""

from __future__ import annotations

import io
import json
import tempfile
import time
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
from sklearn.linear_model import LogisticRegression

from noren_bento.serving.formats import Format
from noren_bento.serving.worker import Worker
from tests.noren_bento.serving.folders import write_folder

ROWS = 1_000
COLUMNS = (10, 60, 200)
ROUNDS = 21


def bodies(frame: pd.DataFrame, worker: Worker) -> dict[str, tuple[tuple[Format, Format], bytes]]:
    """Each format's pair for body and answer, and the body."""
    sink = io.BytesIO()
    table = pa.Table.from_pandas(frame, preserve_index=False)
    with pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table)
    rows, mlflow, arrow = worker.rows, worker.formats["/invocations"], worker.arrow
    split: Any = {"dataframe_split": frame.to_dict(orient="split", index=False)}
    return {
        "JSON rows": ((rows, rows), json.dumps({"rows": frame.to_dict(orient="records")}).encode()),
        "MLflow's dataframe_split": ((mlflow, mlflow), json.dumps(split).encode()),
        "Arrow in, JSON out": ((arrow, rows), sink.getvalue()),
        "Arrow in and out": ((arrow, arrow), sink.getvalue()),
    }


def main() -> None:
    """Print one table, all in one run."""
    random = np.random.default_rng(0)
    print(
        "| columns | format | body kB | CPU ms | of it the model's | faster than JSON rows |\n|---|---|---|---|---|---|"
    )
    for columns in COLUMNS:
        frame = pd.DataFrame(
            random.normal(size=(ROWS, columns)), columns=[f"feature_{place}" for place in range(columns)]
        )
        y = (frame.sum(axis=1) > 0).to_numpy(dtype=int)
        with tempfile.TemporaryDirectory() as work:
            model = LogisticRegression().fit(frame, y)
            worker = Worker(write_folder(Path(work) / "model", model, frame, y), counts=Path(work) / "counts")
            given = bodies(frame, worker)
            taken: dict[str, list[float]] = {name: [] for name in (*given, "model")}
            asked = worker.arrow.decode(given["Arrow in and out"][1])
            for _ in range(ROUNDS):
                for name, (formats, body) in given.items():
                    began = time.process_time()
                    worker.answer(formats, body, "0" * 32)
                    taken[name].append(1000 * (time.process_time() - began))
                began = time.process_time()
                worker.predictor.predict(asked)
                taken["model"].append(1000 * (time.process_time() - began))
            worker.threads.shutdown()
        slow = median(taken["JSON rows"])
        for name, (_, body) in given.items():
            ms = median(taken[name])
            share = f"{ms:.2f} | {median(taken['model']):.2f} | {slow / ms:.1f}×"
            print(f"| {columns} | {name} | {len(body) / 1000:.0f} | {share} |")


if __name__ == "__main__":
    main()
