"""Pipelines over mixed columns, text, sparse matrices and polars frames."""

# ruff: noqa: PLC0415 -- what may be missing is imported where it is looked for

from __future__ import annotations

from collections.abc import Iterator
from importlib.util import find_spec
from typing import Any

import numpy as np
import pandas as pd
from sklearn import compose, ensemble, linear_model, model_selection, pipeline
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.preprocessing import OneHotEncoder, OrdinalEncoder, StandardScaler

from models.case import ROWS, Case, logistic


def _frame() -> tuple[pd.DataFrame, Any]:
    random = np.random.default_rng(0)
    frame = pd.DataFrame(
        {
            "number": np.where(random.random(ROWS) < 0.1, np.nan, random.normal(size=ROWS)),
            "count": random.integers(0, 9, ROWS),
            "nullable": pd.array(random.integers(0, 9, ROWS), dtype="Int64"),
            "flag": random.random(ROWS) < 0.5,
            "text": random.choice(["red", "green", "blue"], ROWS),
            "level": pd.Categorical(random.choice(["low", "high"], ROWS)),
            "at": pd.Timestamp("2026-01-01") + pd.to_timedelta(np.arange(ROWS), unit="h"),
        }
    )
    return frame, np.where(frame["number"].fillna(0) + frame["count"] > 4, "yes", "no")


def _mixed_pipeline(last: Any, frame: Any) -> Any:
    parts = [
        ("numbers", StandardScaler(), ["count", "nullable"]),
        ("words", OneHotEncoder(handle_unknown="ignore"), ["text", "level"]),
        ("codes", OrdinalEncoder(), ["flag"]),
    ]
    return pipeline.make_pipeline(compose.ColumnTransformer(parts), last)


def of_containers() -> Iterator[Case]:
    """Pipelines over mixed columns, text, sparse matrices and polars frames."""

    def mixed() -> tuple[Any, Any, Any]:
        frame, y = _frame()
        return _mixed_pipeline(logistic(), frame).fit(frame, y), frame, y

    def boosted() -> tuple[Any, Any, Any]:
        frame, y = _frame()
        kept = frame[["number", "count", "level"]]
        model = ensemble.HistGradientBoostingClassifier(
            max_iter=20, categorical_features="from_dtype", random_state=0
        )
        return model.fit(kept, y), kept, y

    def text() -> tuple[Any, Any, Any]:
        X = pd.Series([("good " if n % 2 else "bad ") + f"word{n % 7}" for n in range(ROWS)], name="review")
        y = np.array(["glad" if n % 2 else "sad" for n in range(ROWS)])
        return pipeline.make_pipeline(TfidfVectorizer(), logistic()).fit(X, y), X, y

    def thin() -> tuple[Any, Any, Any]:
        from scipy import sparse

        X = sparse.random(ROWS, 20, density=0.2, format="csr", random_state=0)
        y = np.asarray(X.sum(axis=1)).ravel()
        return linear_model.Ridge().fit(X, y), X, y

    def searched() -> tuple[Any, Any, Any]:
        frame, y = _frame()
        inner = _mixed_pipeline(logistic(), frame)
        search = model_selection.GridSearchCV(inner, {"logisticregression__C": [0.1, 1.0]})
        return search.fit(frame, y), frame, y

    yield Case("pipelines", "ColumnTransformer of mixed columns", mixed)
    yield Case("pipelines", "GridSearchCV over that pipeline", searched)
    yield Case("pipelines", "HistGradientBoosting on categories and missing values", boosted)
    yield Case("pipelines", "TfidfVectorizer on a Series of text", text)
    yield Case("pipelines", "Ridge on a sparse matrix", thin)
    if find_spec("polars"):
        yield Case("pipelines", "ColumnTransformer of a polars frame", _polars)


def _polars() -> tuple[Any, Any, Any]:
    import polars

    frame, y = _frame()
    X = polars.DataFrame({"count": frame["count"].to_numpy(), "text": frame["text"].tolist()})
    parts = [("n", StandardScaler(), ["count"]), ("t", OneHotEncoder(), ["text"])]
    return pipeline.make_pipeline(compose.ColumnTransformer(parts), logistic()).fit(X, y), X, y
