"""Signature from a model and its data: what each column holds, what the model gives, which columns may be missing."""

# ruff: noqa: PLC0415 -- heavy libraries are imported where they are used

from __future__ import annotations

import warnings
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from noren_bento.errors import NorenError
from noren_bento.release.version import Column, Kind, Label, Signature, Task
from noren_bento.serving.original import flat_predictions, read_scores
from noren_bento.tagging.frames import model_input, read_container

if TYPE_CHECKING:
    import pandas as pd

TASKS: dict[str, Task] = {
    "classifier": "classification",
    "regressor": "regression",
    "clusterer": "clustering",
    "outlier_detector": "outliers",
    "density_estimator": "clustering",  # mixtures, whose components are the clusters
}
PROBED_COLUMNS = 64
"""So many columns are tried one by one with a missing value when the model does not take all of them at once."""

FIX = "Convert it, for example with .astype(str) or pd.to_numeric, and fit again."


def read_signature(
    model: Any, X: Any, frame: pd.DataFrame, y: Any, targets: tuple[str, ...] = ()
) -> Signature:
    """Read the signature of a fitted model off the model and its training data (X as given, and as a frame).

    `targets` are the names of y's columns, where y is of shape (rows, targets).
    """
    task = read_task(model, y)
    columns = tuple(read_column(name, frame[name]) for name in frame.columns)
    several, classify = np.ndim(y) == 2, task == "classification"
    probabilities = classify and not several and callable(getattr(model, "predict_proba", None))
    signature = Signature(
        columns=columns,
        task=task,
        container=read_container(X),
        classes=_read_classes(model, y) if classify and not several else (),
        probabilities=probabilities,
        targets=targets if several else (),
        target_classes=tuple(tuple(np.unique(one).tolist()) for one in y.T) if classify and several else (),
    )
    if not several and not probabilities and task in ("classification", "outliers"):
        signature = replace(signature, scores=_count_scores(model, signature, frame))
    return _with_proven_missing(model, signature, frame)


def _count_scores(model: Any, signature: Signature, frame: pd.DataFrame) -> int:
    """How many numbers the model's `decision_function` gives for a row; 0 where it gives no usable ones."""
    if not callable(getattr(model, "decision_function", None)) or not len(frame):
        return 0
    rows = frame.iloc[:2]
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            scores = read_scores(model, model_input(rows, signature))
    except Exception:  # a model that cannot give scores is served with its labels alone
        return 0
    whole = scores.dtype.kind == "f" and bool(np.isfinite(scores).all())
    return scores.size // len(rows) if whole and len(scores) == len(rows) and scores.ndim <= 2 else 0


def needs_target(model: Any) -> bool:
    """Whether the model's data must come with a target: not with what scikit-learn fits without."""
    from sklearn.base import BaseEstimator
    from sklearn.utils import get_tags

    known = get_tags(model).estimator_type if isinstance(model, BaseEstimator) else None
    return known not in ("clusterer", "outlier_detector", "density_estimator")


def read_task(model: Any, y: Any) -> Task:
    """Return what the model is for: scikit-learn says so, other libraries by `predict_proba` or by the target."""
    from sklearn.base import BaseEstimator
    from sklearn.utils import get_tags

    if isinstance(model, BaseEstimator):
        kind = get_tags(model).estimator_type
        if kind in TASKS:
            return TASKS[kind]
    if hasattr(model, "predict_proba") or hasattr(model, "classes_"):
        return "classification"
    return "regression" if np.asarray(y).dtype.kind in "fiu" else "classification"


def read_column(name: str, series: pd.Series[Any]) -> Column:
    """Return one column's kind and dtype; raises NorenError for what JSON cannot carry.

    >>> import pandas as pd
    >>> read_column("age", pd.Series([20.0, None]))
    Column(name='age', kind='number', dtype='float64', missing=True, categories=())
    """
    import pandas as pd

    missing = bool(series.isna().any())
    dtype = series.dtype
    if isinstance(dtype, pd.CategoricalDtype):
        values = dtype.categories.to_series()
        kind = _read_kind(name, values)
        if kind == "datetime":
            raise NorenError(f"Column {name!r} has dates as categories. {FIX}")
        return Column(name, kind, "category", missing, tuple(str(value) for value in values.tolist()))
    return Column(name, _read_kind(name, series), str(dtype), missing)


def _read_kind(name: str, series: pd.Series[Any]) -> Kind:
    import pandas as pd

    types = pd.api.types
    dtype = series.dtype
    if types.is_bool_dtype(dtype):
        return "boolean"
    if types.is_integer_dtype(dtype):
        return "integer"
    if types.is_float_dtype(dtype):
        return "number"
    if types.is_datetime64_any_dtype(dtype):
        return "datetime"
    if isinstance(dtype, pd.StringDtype):
        return "text"
    kinds: dict[str, Kind] = {
        "string": "text",
        "empty": "text",
        "boolean": "boolean",
        "integer": "integer",
        "floating": "number",
        "mixed-integer-float": "number",
    }
    held = types.infer_dtype(series, skipna=True) if dtype.kind in "OUS" else str(dtype)
    if held not in kinds:
        raise NorenError(f"Column {name!r} holds {held} values, which a JSON request cannot carry. {FIX}")
    return kinds[held]


def _read_classes(model: Any, y: Any) -> tuple[Label, ...]:
    labels = np.asarray(getattr(model, "classes_", np.unique(np.asarray(y))))
    if labels.ndim != 1 or labels.dtype.kind not in "OUSbiuf":
        raise NorenError(
            f"The classes have {labels.ndim} dimensions of {labels.dtype}; a version has one target. "
            "Tag one model a target."
        )
    return tuple(labels.tolist())


def _with_proven_missing(model: Any, signature: Signature, frame: pd.DataFrame) -> Signature:
    """Mark columns that the training data had complete but that the model answers without.

    Integers and booleans stay required: numpy's types have no missing value, so null would change the column's type.
    """
    asked = [c.name for c in signature.columns if not c.missing and c.kind not in ("integer", "boolean")]
    taken = _columns_answered(model, signature, frame, asked)
    columns = tuple(replace(c, missing=c.missing or c.name in taken) for c in signature.columns)
    return replace(signature, columns=columns)


def _columns_answered(model: Any, signature: Signature, frame: pd.DataFrame, names: list[str]) -> set[str]:
    if not names or not len(frame):
        return set()
    if len(names) > 1 and _answers(model, signature, _without(frame, names)):
        return set(names)
    return {name for name in names[:PROBED_COLUMNS] if _answers(model, signature, _without(frame, [name]))}


def _without(frame: pd.DataFrame, names: list[str]) -> pd.DataFrame:
    """One row a name, complete but for that name."""
    import pandas as pd

    rows = frame.iloc[np.arange(len(names)) % len(frame)].reset_index(drop=True)
    holes = {name: rows[name].mask(pd.Series(np.arange(len(rows)) == row)) for row, name in enumerate(names)}
    return rows.assign(**holes)


def _answers(model: Any, signature: Signature, frame: pd.DataFrame) -> bool:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            answers = flat_predictions(model.predict(model_input(frame, signature)))
    except Exception:  # any refusal at all means that null is not taken
        return False
    return answers.dtype.kind not in "fc" or bool(np.isfinite(answers).all())
