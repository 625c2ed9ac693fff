"""Graph: a compiled model in ONNX Runtime. One thread, no spinning, for few rows; a second session for bulk."""

# ruff: noqa: PLC0415 -- heavy libraries are imported where they are used

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from noren_bento.release.version import Signature
from noren_bento.serving.answers import Answers
from noren_bento.serving.columns import Columns, as_matrix, count_rows

Feed = dict[str, NDArray[Any]]
BULK_ROWS = 64
"""From here on rows are shared out to threads, and each is computed as by one thread, to the last bit. Of fewer rows
ONNX Runtime may share out a forest's trees instead, whose sums are then taken in another order."""
MOST_THREADS = 4
DTYPES: dict[str, type[np.generic]] = {
    "tensor(float)": np.float32,
    "tensor(double)": np.float64,
    "tensor(int64)": np.int64,
    "tensor(bool)": np.bool_,
}


class Graph:
    """Answers rows with an ONNX graph: one matrix goes in, or one (rows, 1) tensor a column."""

    def __init__(self, model: Path | bytes, signature: Signature, *, missing_text: str = "") -> None:
        self._session = self._bulk = _open_session(model, 1)
        if (threads := bulk_threads(os.environ)) > 1:
            self._bulk = _open_session(model, threads)
        self._signature = signature
        self._names = signature.names()
        self._missing_text = missing_text
        self._feed = self._choose_feed()
        outputs = [output.name for output in self._session.get_outputs()]
        self._outputs = outputs[:2] if signature.probabilities or signature.scores else outputs[:1]
        self._flags = bool(signature.classes) and isinstance(signature.classes[0], bool)

    def _choose_feed(self) -> Callable[[Columns], Feed]:
        inputs = self._session.get_inputs()
        if len(inputs) == 1 and inputs[0].name == "matrix":
            dtype = DTYPES[inputs[0].type]
            return lambda columns: {"matrix": as_matrix(columns, self._names).astype(dtype, copy=False)}
        # Inputs are named c0, c1, … by the column's place: not every column's name can name a tensor.
        fillers = [(one.name, self._names[int(one.name[1:])], DTYPES.get(one.type)) for one in inputs]
        return lambda columns: {given: self._tensor(columns[name], dtype) for given, name, dtype in fillers}

    def _tensor(self, values: NDArray[Any], dtype: type[np.generic] | None) -> NDArray[Any]:
        if dtype is not None:
            return values.astype(dtype, copy=False).reshape(-1, 1)
        texts = [self._missing_text if value is None else value for value in values.tolist()]
        return np.array(texts, dtype=object).reshape(-1, 1)

    def predict(self, columns: Columns) -> Answers:
        """Answer the rows."""
        session = self._session if count_rows(columns) < BULK_ROWS else self._bulk
        given = session.run(self._outputs, self._feed(columns))
        predictions = given[0]
        if predictions.ndim == 2 and predictions.shape[1] == 1:
            predictions = predictions[:, 0]
        if self._flags:
            predictions = predictions.astype(np.bool_)
        if self._signature.scores:
            return Answers(predictions, scores=_read_scores(given[1], self._signature.scores))
        return Answers(predictions, given[1] if len(given) > 1 else None)


def _open_session(model: Path | bytes, threads: int) -> Any:
    import onnxruntime

    onnxruntime.set_default_logger_severity(3)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads, options.inter_op_num_threads = threads, 1
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    source = str(model) if isinstance(model, Path) else model
    return onnxruntime.InferenceSession(source, options, providers=["CPUExecutionProvider"])


def bulk_threads(environ: Mapping[str, str]) -> int:
    """Threads of a body of many rows: the cores that this worker has for itself, MOST_THREADS at most.

    >>> bulk_threads({"NOREN_WORKERS": "1000"})
    1
    """
    workers = max(1, int(environ.get("NOREN_WORKERS", "2")))
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return max(1, min(MOST_THREADS, cores // workers))


def _read_scores(scores: NDArray[Any], width: int) -> NDArray[np.float64]:
    """Scores as `decision_function` gives them: where a graph gives those of both of two classes, the second's."""
    scores = scores.astype(np.float64, copy=False).reshape(len(scores), -1)
    return scores[:, -1] if width == 1 else scores
