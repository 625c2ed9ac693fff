"""Threads of an ONNX session: what those of a worker's second session, for bulk, gain and cost.

A session of one thread and one of as many as there are cores answer the same rows, with nothing else to do.
"""

from __future__ import annotations

import os
import time
from statistics import median
from typing import Any

import numpy as np
import onnxruntime
import pandas as pd
from sklearn.datasets import make_classification
from sklearn.ensemble import RandomForestClassifier
from sklearn.neural_network import MLPClassifier

from noren_bento.compile.onnx import Form, convert
from noren_bento.tagging.signature import read_signature

ROWS = (64, 1_000, 10_000)
ROUNDS = 21
MODELS: dict[str, Any] = {
    "forest of 200": RandomForestClassifier(200, random_state=0, n_jobs=2),
    "network of 256 and 128": MLPClassifier((256, 128), random_state=0),
}


def open_session(graph: bytes, threads: int) -> Any:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads, options.inter_op_num_threads = threads, 1
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    return onnxruntime.InferenceSession(graph, options, providers=["CPUExecutionProvider"])


def main() -> None:
    """Print one table, all in one run."""
    cores = os.cpu_count() or 1
    X, y = make_classification(4_000, 20, n_informative=8, random_state=0)
    frame = pd.DataFrame(X, columns=[f"feature_{place}" for place in range(20)])
    asked = np.random.default_rng(0).normal(size=(max(ROWS), 20))
    print("| model | rows | threads | ms | CPU ms |\n|---|---|---|---|---|")
    for name, model in MODELS.items():
        model.fit(frame, y)
        graph = convert(model, read_signature(model, frame, frame, y), Form("matrix", "float64"))
        sessions = {threads: open_session(graph, threads) for threads in (1, cores)}
        for rows in ROWS:
            given = {"matrix": asked[:rows]}
            taken: dict[int, list[tuple[float, float]]] = {threads: [] for threads in sessions}
            for _ in range(ROUNDS):
                for threads, session in sessions.items():
                    began, cpu = time.perf_counter(), time.process_time()
                    session.run(None, given)
                    taken[threads].append((time.perf_counter() - began, time.process_time() - cpu))
            for threads, found in taken.items():
                wall, cpu = (1000 * median(one) for one in zip(*found, strict=True))
                print(f"| {name} | {rows:,} | {threads} | {wall:.2f} | {cpu:.2f} |")


if __name__ == "__main__":
    main()
