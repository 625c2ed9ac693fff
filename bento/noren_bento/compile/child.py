"""The process that converts a model and proves the graph: `python -m noren_bento.compile.child <task> <folder>`."""

from __future__ import annotations

import pickle
import sys
import time
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np

from noren_bento.compile.compiled import Compiled
from noren_bento.compile.onnx import choose_forms, convert
from noren_bento.compile.parity import Expected, expect, find_difference
from noren_bento.compile.portable import MISSING_TEXT, parts_of
from noren_bento.compile.probes import Answer, find_closed, probe_rows, take_rows
from noren_bento.release.version import Signature
from noren_bento.serving.columns import Columns, columns_of_frame
from noren_bento.serving.graph import Graph
from noren_bento.serving.original import Original

if TYPE_CHECKING:
    import pandas as pd

TIMED_CALLS = 15


def prove(model: Any, signature: Signature, reference: pd.DataFrame, folder: Path) -> Compiled:
    """Try the forms one after the other; the first that equals the original and is faster is written."""
    columns = columns_of_frame(reference, signature)
    original = Original(model, signature).predict
    closed = find_closed(original, columns, signature, _known_texts(model, columns, signature))
    expected = expect(original, columns, probe_rows(columns, signature, closed=frozenset(closed)))
    if isinstance(expected, str):
        return Compiled("sklearn", expected, closed=closed)
    forms = choose_forms(model, signature)
    reasons = []
    for form in forms:
        try:
            content = convert(model, signature, form)
            graph = Graph(content, signature, missing_text=MISSING_TEXT)
            difference = find_difference(expected, graph.predict)
        except Exception as error:  # a form that does not convert or run is passed over, and said
            reasons.append(
                f"{form}: {type(error).__name__}: {str(error).splitlines()[0][:120] if str(error) else ''}"
            )
            continue
        if difference:
            reasons.append(f"{form}: {difference}")
            continue
        speedup = _measure(original, columns) / _measure(graph.predict, columns)
        if speedup < 1:
            return Compiled(
                "sklearn", f"the {form} graph is slower than the original ({speedup:.2f}×)", closed=closed
            )
        (folder / "model.onnx").write_bytes(content)
        because = (
            f"equal to the original on {len(reference)} reference and {_probes(expected)} probe rows ({form})"
        )
        return Compiled("onnx", because, speedup, MISSING_TEXT, closed)
    why = "; ".join(reasons) if reasons else "there is no graph for its columns, its targets or its classes"
    return Compiled("sklearn", why, closed=closed)


def _probes(expected: Expected) -> int:
    return len(expected.probe_answers.predictions)


def _known_texts(model: Any, columns: Columns, signature: Signature) -> dict[str, tuple[str, ...]]:
    """Values of each text column: those of the encoders inside the model that know all of its reference values."""
    encoded = [
        {value for value in np.asarray(values, dtype=object).tolist() if isinstance(value, str)}
        for part in parts_of(model)
        for values in getattr(part, "categories_", ())
    ]
    known = {}
    for column in signature.columns:
        if column.kind == "text":
            seen = {value for value in columns[column.name].tolist() if value is not None}
            known[column.name] = tuple(sorted(seen.union(*(values for values in encoded if values >= seen))))
    return known


def _measure(answer: Answer, columns: Columns) -> float:
    """Seconds that one row takes: the median of a few calls."""
    row = take_rows(columns, np.zeros(1, dtype=np.int64))
    taken = []
    for _ in range(TIMED_CALLS):
        began = time.perf_counter()
        answer(row)
        taken.append(time.perf_counter() - began)
    return float(np.median(taken))


def main() -> None:
    """Read the task, write the outcome to standard output as JSON."""
    task, folder = Path(sys.argv[1]), Path(sys.argv[2])
    stdout, sys.stdout = sys.stdout, sys.stderr
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model, signature, reference = pickle.loads(task.read_bytes())  # noqa: S301 -- written by our own parent process
        compiled = prove(model, signature, reference, folder)
    stdout.write(msgspec.json.encode(compiled).decode())


if __name__ == "__main__":
    main()
