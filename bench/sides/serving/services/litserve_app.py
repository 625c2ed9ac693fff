"""LitServe as its quick start shows it: setup, decode, predict, encode.

Arrays where the model takes numbers only, since its examples do so and a DataFrame would cost more.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

import joblib
import litserve as ls
import numpy as np
import pandas as pd

FOLDER = Path(os.environ["BENCH_MODEL"])


class Model(ls.LitAPI):
    def setup(self, device):
        arrays = FOLDER / "array.joblib"
        self.model = joblib.load(arrays if arrays.is_file() else FOLDER / "frame.joblib")

    def decode_request(self, request):
        return np.array(request["input"]) if "input" in request else pd.DataFrame(request["rows"])

    def predict(self, x):
        return self.model.predict(x)

    def encode_response(self, output):
        return {"output": output.tolist()}


if __name__ == "__main__":
    server = ls.LitServer(Model(), accelerator="cpu", workers_per_device=1)
    server.run(
        host="127.0.0.1",
        port=int(sys.argv[1]),
        num_api_servers=1,
        log_level="warning",
        access_log=False,
        generate_client_file=False,
    )
