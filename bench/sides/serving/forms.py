"""Forms: how rows are written in a request, and labels read from its answer."""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

from bench.sides.serving.load import request
from bench.sides.serving.models import Subject

JSON = {"content-type": "application/json"}
ARROW_TYPE = "application/vnd.apache.arrow.stream"
DATATYPES = {"f": "FP64", "i": "INT64"}


@dataclass(frozen=True, slots=True)
class Form:
    """One way to ask."""

    body: Callable[[Subject, pd.DataFrame], bytes]
    labels: Callable[[bytes], list[int]]
    path: str = "/predict"
    headers: Mapping[str, str] = field(default_factory=lambda: JSON)
    probabilities: Callable[[bytes], np.ndarray] | None = None
    """Where the answer holds them."""

    def request(self, subject: Subject, rows: pd.DataFrame) -> bytes:
        """A whole request about these rows."""
        return request(self.path, self.body(subject, rows), self.headers)


def write_records(_: Subject, rows: pd.DataFrame) -> bytes:
    """`{"rows": [{column: value}]}`, in one line and without spaces."""
    return b'{"rows":' + rows.to_json(orient="records").encode() + b"}"


def write_split(_: Subject, rows: pd.DataFrame) -> bytes:
    """MLflow's `dataframe_split`: the columns once, then the values."""
    split = json.loads(rows.to_json(orient="split"))
    return _json({"dataframe_split": {name: split[name] for name in ("columns", "data")}})


def write_input(subject: Subject, rows: pd.DataFrame) -> bytes:
    """`{"input": [[…]]}` where all are numbers, else records."""
    if not subject.takes_arrays:
        return write_records(subject, rows)
    return _json({"input": rows.to_numpy().tolist()})


def write_lists(subject: Subject, rows: pd.DataFrame) -> bytes:
    """`{"rows": [[…]]}` where all are numbers, else records."""
    if not subject.takes_arrays:
        return write_records(subject, rows)
    return _json({"rows": rows.to_numpy().tolist()})


def write_tensors(subject: Subject, rows: pd.DataFrame) -> bytes:
    """The protocol of version 2: one tensor of all columns where all are numbers, else one a column."""
    if subject.takes_arrays:
        values = rows.to_numpy()
        one = {"name": "predict", "shape": values.shape, "datatype": "FP64", "data": values.ravel().tolist()}
        return _json({"inputs": [one]})
    columns = []
    for name, column in rows.items():
        tensor = {"name": name, "shape": [len(rows), 1], "data": column.tolist()}
        kind = DATATYPES.get(column.dtype.kind)
        text = {"datatype": "BYTES", "parameters": {"content_type": "str"}}
        columns.append(tensor | ({"datatype": kind} if kind else text))
    return _json({"parameters": {"content_type": "pd"}, "inputs": columns})


def write_arrow(_: Subject, rows: pd.DataFrame) -> bytes:
    """An Arrow IPC stream."""
    table = pa.Table.from_pandas(rows, preserve_index=False)
    stream = io.BytesIO()
    with pa.ipc.new_stream(stream, table.schema) as writer:
        writer.write_table(table)
    return stream.getvalue()


def _json(document: object) -> bytes:
    return json.dumps(document, separators=(",", ":")).encode()


def _named(name: str) -> Callable[[bytes], list[int]]:
    return lambda content: json.loads(content)[name]


def _json_probabilities(content: bytes) -> np.ndarray:
    return np.array(json.loads(content)["probabilities"])


def _first_tensor(content: bytes) -> list[int]:
    return json.loads(content)["outputs"][0]["data"]  # type: ignore[no-any-return]


def _arrow_table(content: bytes) -> Any:
    with pa.ipc.open_stream(content) as stream:
        return stream.read_all()


def _arrow_labels(content: bytes) -> list[int]:
    return _arrow_table(content)["predictions"].to_pylist()  # type: ignore[no-any-return]


def _arrow_probabilities(content: bytes) -> np.ndarray:
    return np.array(_arrow_table(content)["probabilities"].to_pylist())


RECORDS = Form(write_records, _named("predictions"))
ROWS = replace(RECORDS, probabilities=_json_probabilities)
"""Noren's, and the limit's."""
RETRIED = replace(ROWS, headers={**JSON, "x-envoy-attempt-count": "2"})
"""Marked by Envoy as a retry: Noren answers it like any other, and neither counts nor logs it."""
ARROW = Form(
    write_arrow,
    _arrow_labels,
    headers={"content-type": ARROW_TYPE, "accept": ARROW_TYPE},
    probabilities=_arrow_probabilities,
)
SPLIT = Form(write_split, _named("predictions"), path="/invocations")
INPUT = Form(write_input, _named("output"))
PLAIN = Form(write_records, json.loads)
LISTS = Form(write_lists, json.loads)
TENSORS = Form(write_tensors, _first_tensor, path="/v2/models/model/infer")
