"""Programs: what may compute a model's answers exactly, most promising first. The proof decides which one does.

Where releases of scikit-learn make probabilities of scores in several ways, each way is a program of its own.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from noren_bento.compile.exact.columns import Rows, read_blocks
from noren_bento.compile.exact.heads import read_heads
from noren_bento.compile.exact.steps import read_steps
from noren_bento.compile.refusal import PassedOverError, require_own
from noren_bento.release.version import Signature
from noren_bento.serving.columns import NUMERIC, Columns
from noren_bento.serving.exact.program import Numbers, Program, Step, Table

LAID_OUT = 8
"""Rows at which it is seen how features lie in memory."""
NARROW = ("float32", "float16", "Float32")


@dataclass(frozen=True, slots=True)
class Unwrapped:
    """A model without what only wraps it."""

    estimator: Any
    threshold: dict[str, Any] = field(default_factory=dict)
    """What `Classes` says of a threshold; empty without one."""


def read_programs(model: Any, signature: Signature, reference: Columns) -> Iterator[Program]:
    """The programs; raises PassedOverError, saying why, for what has none."""
    if signature.container not in ("frame", "array", "sparse"):
        raise PassedOverError(f"it takes a {signature.container}")
    if any(column.dtype in NARROW for column in signature.columns):
        raise PassedOverError("its float32 columns are computed in float32")
    unwrapped = unwrap(model)
    steps = _steps_of(unwrapped.estimator)
    heads = read_heads(steps[-1], signature, unwrapped.threshold)
    rows = Rows(model, signature, reference)
    blocks, after, width, sparse = _read_features(steps[:-1], signature, rows)
    head = heads.add_in_order(sequential=sparse or signature.container == "sparse")
    fortran = _lies_by_column(steps[:-1], rows)
    for classes in heads.classes or (None,):
        yield Program(blocks, width, after, fortran, head, heads.link, classes)


def _lies_by_column(transformers: list[Any], rows: Rows) -> bool:
    """Whether the features that the last step is given lie column by column in memory.

    BLAS adds in another order then, and most rows do not show it: so it is looked at, not tried.
    """
    given = rows.take(LAID_OUT)
    for transformer in transformers:
        given = transformer.transform(given) if hasattr(transformer, "transform") else given
    if hasattr(given, "toarray"):
        return False
    flags = np.asarray(given).flags
    return bool(flags.f_contiguous and not flags.c_contiguous)


def unwrap(model: Any) -> Unwrapped:
    """What a search, a frozen estimator or a threshold is put around."""
    require_own(model)
    match type(model).__name__:
        case "FrozenEstimator":
            return unwrap(model.estimator)
        case "GridSearchCV" | "RandomizedSearchCV" | "HalvingGridSearchCV" | "HalvingRandomSearchCV":
            return unwrap(model.best_estimator_)
        case "FixedThresholdClassifier" | "TunedThresholdClassifierCV":
            return _unwrap_threshold(model)
        case "Pipeline" if len(model.steps) == 1:
            return unwrap(model.steps[0][1])
        case _:
            return Unwrapped(model)


def _unwrap_threshold(model: Any) -> Unwrapped:
    inner = unwrap(getattr(model, "estimator_", model.estimator))
    if inner.threshold:
        raise PassedOverError("it holds a threshold around a threshold")
    last = _steps_of(inner.estimator)[-1]
    wanted = (
        ["predict_proba", "decision_function"] if model.response_method == "auto" else [model.response_method]
    )
    method = next(name for name in wanted if hasattr(last, name))
    if type(model).__name__ == "TunedThresholdClassifierCV":
        threshold, label = float(model.best_threshold_), model._curve_scorer._get_pos_label()
    else:
        label = model.pos_label
        automatic = 0.5 if method == "predict_proba" else 0.0
        threshold = automatic if model.threshold == "auto" else float(model.threshold)
    labels = list(model.classes_)
    return Unwrapped(
        inner.estimator,
        {
            "threshold": threshold,
            "threshold_of": "probability" if method == "predict_proba" else "score",
            "positive": 1 if label is None else labels.index(label),
        },
    )


def _steps_of(model: Any) -> list[Any]:
    if type(model).__name__ != "Pipeline":
        return [model]
    require_own(model)
    return [part for _, part in model.steps]


def _read_features(
    transformers: list[Any], signature: Signature, rows: Rows
) -> tuple[tuple[Numbers | Table, ...], tuple[Step, ...], int, bool]:
    """Blocks, steps after them, number of features, whether they were a sparse matrix."""
    if transformers and type(first := transformers[0]).__name__ == "ColumnTransformer":
        require_own(first)
        blocks, width = read_blocks(first, signature, rows)
        after, last = read_steps(transformers[1:], width)
        return blocks, after, last, bool(first.sparse_output_)
    if not all(column.kind in NUMERIC for column in signature.columns):
        raise PassedOverError("its text or dates are not encoded by a ColumnTransformer")
    width = len(signature.columns)
    steps, last = read_steps(transformers, width)
    block = Numbers(tuple(range(width)), steps, tuple(range(last)))
    return (block,), (), last, False
