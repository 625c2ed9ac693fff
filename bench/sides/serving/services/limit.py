"""The limit: an ASGI function, msgspec's typed decoder and ONNX Runtime, and nothing else.

No routes, no limits, no request id, no version, no counts, no log, no helpful refusals: what nobody should run.
"""

from __future__ import annotations

import json
import os
from pathlib import Path

import msgspec
import numpy as np
import onnxruntime

FOLDER = Path(os.environ["BENCH_MODEL"])
TYPES = {"number": float, "integer": int, "text": str}
DTYPES = {"tensor(float)": np.float32, "tensor(double)": np.float64, "tensor(string)": object}

columns = json.loads((FOLDER / "columns.json").read_text())
fields = [(f"c{place}", TYPES[kind]) for place, kind in enumerate(columns.values())]
names = {f"c{place}": name for place, name in enumerate(columns)}
Row = msgspec.defstruct("Row", fields, rename=names, gc=False)
Body = msgspec.defstruct("Body", [("rows", list[Row])])
decode = msgspec.json.Decoder(Body).decode
encode = msgspec.json.Encoder().encode
astuple = msgspec.structs.astuple

options = onnxruntime.SessionOptions()
options.intra_op_num_threads = options.inter_op_num_threads = 1
options.add_session_config_entry("session.intra_op.allow_spinning", "0")
onnxruntime.set_default_logger_severity(3)
session = onnxruntime.InferenceSession(
    str(FOLDER / "model.onnx"), options, providers=["CPUExecutionProvider"]
)
inputs = [(one.name, DTYPES[one.type]) for one in session.get_inputs()]
outputs = [one.name for one in session.get_outputs()][:2]


def feed_matrix(rows):
    name, dtype = inputs[0]
    return {name: np.array([astuple(row) for row in rows], dtype=dtype)}


def feed_columns(rows):
    # A graph may leave out a column that it does not need: its inputs are named by their column's place.
    values = list(zip(*map(astuple, rows), strict=True))
    return {name: np.array(values[int(name[1:])], dtype=dtype).reshape(-1, 1) for name, dtype in inputs}


feed = feed_matrix if inputs[0][0] == "matrix" else feed_columns


async def app(scope, receive, send):
    body = b""
    more = True
    while more:
        message = await receive()
        body += message["body"]
        more = message["more_body"]
    labels, probabilities = session.run(outputs, feed(decode(body).rows))
    content = encode({"predictions": labels.tolist(), "probabilities": probabilities.tolist()})
    headers = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(content))]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": content})
