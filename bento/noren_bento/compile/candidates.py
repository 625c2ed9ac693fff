"""Candidates: the engines that may answer for a model, step by step of the ladder, not yet proven."""

# ruff: noqa: PLC0415 -- heavy libraries are imported where they are used

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from noren_bento.compile.exact.programs import read_programs
from noren_bento.compile.onnx import Form, choose_forms, convert
from noren_bento.compile.portable import MISSING_TEXT
from noren_bento.compile.probes import Answer
from noren_bento.compile.refusal import PassedOverError
from noren_bento.release.version import Signature
from noren_bento.serving.arrays import Arrays
from noren_bento.serving.columns import Columns
from noren_bento.serving.exact.engine import Exact
from noren_bento.serving.exact.program import Program, pack, unpack, write_program
from noren_bento.serving.graph import Graph
from noren_bento.serving.manifest import GRAPH, Runtime
from noren_bento.serving.original import Original


@dataclass(frozen=True, slots=True)
class Candidate:
    """An engine that may answer."""

    runtime: Runtime
    form: str
    answer: Answer
    write: Callable[[Path], object]
    """Writes what it is made of into a model folder."""


Make = Callable[[], Candidate]


def exact_candidates(model: Any, signature: Signature, columns: Columns) -> Iterator[Make]:
    """Programs in numpy alone; raises PassedOverError for a model that has none."""
    for program in read_programs(model, signature, columns):
        yield partial(_exact, program, signature)


def _exact(program: Program, signature: Signature) -> Candidate:
    engine = Exact(unpack(*pack(program)), signature)
    return Candidate("exact", "numpy", engine.predict, lambda folder: write_program(folder, program))


def graph_candidates(model: Any, signature: Signature) -> Iterator[Make]:
    """Graphs for ONNX Runtime; raises PassedOverError for a model that has none."""
    for form in choose_forms(model, signature):
        yield partial(_graph, model, signature, form)


def _graph(model: Any, signature: Signature, form: Form) -> Candidate:
    content = convert(model, signature, form)
    graph = Graph(content, signature, missing_text=MISSING_TEXT)
    return Candidate("onnx", str(form), graph.predict, lambda folder: (folder / GRAPH).write_bytes(content))


def array_candidates(model: Any, signature: Signature) -> Iterator[Make]:
    """The original on arrays; raises PassedOverError for what is fitted on frames that are not pandas'."""
    import cloudpickle

    if signature.container == "polars":
        raise PassedOverError("it takes a polars frame")
    if b"pandas" in cloudpickle.dumps(model):
        raise PassedOverError("something in it is pandas' own")
    yield lambda: Candidate(
        "arrays", "arrays", Arrays(copy.deepcopy(model), signature).predict, lambda _: None
    )


def original_candidate(model: Any, signature: Signature) -> Candidate:
    """The original, which equals itself."""
    return Candidate("sklearn", "as it was fitted", Original(model, signature).predict, lambda _: None)
