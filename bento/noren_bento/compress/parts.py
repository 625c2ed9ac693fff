"""Parts of a fitted model that predict: what may be made smaller without its neighbours noticing.

What prepares or selects columns is left alone, also where a model does it: other columns would come out of it.
"""

# ruff: noqa: PLC0415 -- heavy libraries are imported where they are used

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

SINGLE = ("best_estimator_", "final_estimator_", "regressor_")
SEVERAL = ("estimators_", "calibrated_classifiers_")
DEPTH = 8


def predictors_of(model: Any, depth: int = DEPTH) -> Iterator[Any]:
    """The model itself and the fitted models inside that its answers are made from, outer before inner, each once.

    >>> from sklearn.linear_model import LinearRegression
    >>> from sklearn.pipeline import make_pipeline
    >>> from sklearn.preprocessing import StandardScaler
    >>> [type(part).__name__ for part in predictors_of(make_pipeline(StandardScaler(), LinearRegression()))]
    ['Pipeline', 'LinearRegression']
    """
    seen: set[int] = set()
    yield from _walk(model, depth, seen)


def _walk(model: Any, depth: int, seen: set[int]) -> Iterator[Any]:
    if id(model) in seen or (
        not callable(getattr(model, "predict", None)) and not hasattr(model, "estimator")
    ):
        return
    seen.add(id(model))
    yield model
    if not depth:
        return
    inner = [step for _, step in getattr(model, "steps", [])[-1:]]
    inner += [getattr(model, name, None) for name in SINGLE]
    if not hasattr(
        model, "estimators_"
    ):  # where there are several, `estimator_` is what they were copied from
        inner.append(getattr(model, "estimator_", None))
    if not hasattr(model, "get_params") or type(model).__name__ == "FrozenEstimator":
        inner.append(getattr(model, "estimator", None))  # elsewhere a parameter, not fitted
    for name in SEVERAL:
        held = getattr(model, name, None)
        inner += held if isinstance(held, list | tuple) else []
    for part in inner:
        if part is not None and not isinstance(part, str | type):
            yield from _walk(part, depth - 1, seen)


def last_step(model: Any, X: Any) -> tuple[Any, Any]:
    """Return what a search or a Pipeline ends in, and X as that sees it; of any other model both as they are."""
    from sklearn.pipeline import Pipeline

    while True:
        if hasattr(model, "best_estimator_"):
            model = model.best_estimator_
        elif isinstance(model, Pipeline):
            X = model[:-1].transform(X) if len(model.steps) > 1 else X
            model = model.steps[-1][1]
        else:
            return model, X
