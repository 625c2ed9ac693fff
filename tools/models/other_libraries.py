"""Gradient boosting of other makers, and what an AutoML search gives back: where installed."""

# ruff: noqa: PLC0415 -- what may be missing is imported where it is looked for

from __future__ import annotations

from collections.abc import Callable, Iterator
from importlib.util import find_spec
from typing import Any

import pandas as pd
from sklearn.datasets import make_classification, make_regression

from models.case import ROWS, Case


def of_other_libraries() -> Iterator[Case]:
    """Gradient boosting of other makers and what an AutoML search gives back, where installed."""

    def numbered(make: Callable[[], Any]) -> Callable[[], tuple[Any, Any, Any]]:
        def fitted() -> tuple[Any, Any, Any]:
            X, y = make_classification(ROWS, 6, n_informative=4, random_state=0)
            frame = pd.DataFrame(X, columns=[f"f{n}" for n in range(6)])
            return make().fit(frame, y), frame, y

        return fitted

    def valued(make: Callable[[], Any]) -> Callable[[], tuple[Any, Any, Any]]:
        def fitted() -> tuple[Any, Any, Any]:
            X, y = make_regression(ROWS, 6, noise=1.0, random_state=0)
            frame = pd.DataFrame(X, columns=[f"f{n}" for n in range(6)])
            return make().fit(frame, y), frame, y

        return fitted

    if find_spec("xgboost"):
        import xgboost

        yield Case("xgboost", "XGBClassifier", numbered(lambda: xgboost.XGBClassifier(n_estimators=10)))
        yield Case("xgboost", "XGBRegressor", valued(lambda: xgboost.XGBRegressor(n_estimators=10)))
    if find_spec("lightgbm"):
        import lightgbm

        yield Case(
            "lightgbm",
            "LGBMClassifier",
            numbered(lambda: lightgbm.LGBMClassifier(n_estimators=10, verbose=-1)),
        )
        yield Case(
            "lightgbm", "LGBMRegressor", valued(lambda: lightgbm.LGBMRegressor(n_estimators=10, verbose=-1))
        )
    if find_spec("catboost"):
        import catboost

        quiet = {"iterations": 10, "verbose": False, "allow_writing_files": False}
        yield Case("catboost", "CatBoostClassifier", numbered(lambda: catboost.CatBoostClassifier(**quiet)))
        yield Case("catboost", "CatBoostRegressor", valued(lambda: catboost.CatBoostRegressor(**quiet)))
    if find_spec("flaml") and find_spec("lightgbm"):
        yield Case("flaml", "AutoML's best estimator", _searched_by_flaml)


def _searched_by_flaml() -> tuple[Any, Any, Any]:
    from flaml import AutoML

    X, y = make_classification(ROWS, 6, n_informative=4, random_state=0)
    frame = pd.DataFrame(X, columns=[f"f{n}" for n in range(6)])
    search = AutoML()
    search.fit(
        frame, y, task="classification", max_iter=3, verbose=0, estimator_list=["lgbm"], log_file_name=""
    )
    return search.model.estimator, frame, y
