"""Pipelines of every usual transformer, and the known traps."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pandas as pd
from sklearn import (
    cluster,
    compose,
    decomposition,
    ensemble,
    impute,
    kernel_approximation,
    linear_model,
    model_selection,
    multioutput,
    naive_bayes,
    neighbors,
    pipeline,
    svm,
    tree,
)
from sklearn import feature_selection as selection
from sklearn import preprocessing as pre
from sklearn.calibration import CalibratedClassifierCV
from sklearn.datasets import make_classification

from models.case import logistic

ROWS = 300
Fitted = tuple[Any, pd.DataFrame, Any]


def forest() -> Any:
    """A head that is compiled to ONNX."""
    return ensemble.RandomForestClassifier(20, max_depth=6, random_state=0)


def numbers() -> tuple[pd.DataFrame, Any]:
    """Six numeric columns, text labels."""
    X, y = make_classification(ROWS, 6, n_informative=4, random_state=0)
    return pd.DataFrame(X, columns=[f"f{n}" for n in range(6)]), np.array(["no", "yes"])[y]


def zeros() -> tuple[pd.DataFrame, Any]:
    """The same, with labels 0 and 1."""
    X, y = numbers()
    return X, (y == "yes").astype(int)


def several() -> tuple[pd.DataFrame, Any]:
    """The same, with two targets."""
    X, y = zeros()
    return X, np.stack([y, 1 - y], axis=1)


def gaps() -> tuple[pd.DataFrame, Any]:
    """The same, with missing values."""
    X, y = numbers()
    return X.mask(np.random.default_rng(0).random(X.shape) < 0.1), y


def people() -> tuple[pd.DataFrame, Any]:
    """Numbers, whole numbers, flags and text."""
    random = np.random.default_rng(0)
    X = pd.DataFrame(
        {
            "income": random.normal(50, 10, ROWS),
            "age": random.integers(18, 90, ROWS),
            "member": random.random(ROWS) < 0.5,
            "town": random.choice(["Rome", "Oslo", "Lima"], ROWS),
            "job": random.choice(["cook", "nurse", None], ROWS),
        }
    )
    return X, np.where(X["income"] + X["age"] / 4 + 5 * X["member"] > 65, "yes", "no")


TRANSFORMERS: dict[str, tuple[Callable[[], Any], Callable[[], tuple[pd.DataFrame, Any]]]] = {
    "StandardScaler": (pre.StandardScaler, numbers),
    "MinMaxScaler": (lambda: pre.MinMaxScaler(clip=True), numbers),
    "MaxAbsScaler": (pre.MaxAbsScaler, numbers),
    "RobustScaler": (pre.RobustScaler, numbers),
    "Normalizer": (pre.Normalizer, numbers),
    "PowerTransformer": (pre.PowerTransformer, numbers),
    "QuantileTransformer": (lambda: pre.QuantileTransformer(n_quantiles=100), numbers),
    "PolynomialFeatures": (pre.PolynomialFeatures, numbers),
    "SplineTransformer": (pre.SplineTransformer, numbers),
    "KBinsDiscretizer": (lambda: pre.KBinsDiscretizer(quantile_method="averaged_inverted_cdf"), numbers),
    "Binarizer": (pre.Binarizer, numbers),
    "PCA": (lambda: decomposition.PCA(3), numbers),
    "SelectKBest": (lambda: selection.SelectKBest(k=3), numbers),
    "VarianceThreshold": (selection.VarianceThreshold, numbers),
    "FunctionTransformer(np.arctan)": (lambda: pre.FunctionTransformer(np.arctan), numbers),
    "Nystroem": (lambda: kernel_approximation.Nystroem(n_components=20, random_state=0), numbers),
    "KMeans": (lambda: cluster.KMeans(4, random_state=0), numbers),
    "SimpleImputer": (impute.SimpleImputer, gaps),
    "SimpleImputer with indicator": (lambda: impute.SimpleImputer(add_indicator=True), gaps),
    "KNNImputer": (impute.KNNImputer, gaps),
}
ENCODERS: dict[str, Callable[[], Any]] = {
    "OneHotEncoder, ignoring": lambda: pre.OneHotEncoder(handle_unknown="ignore"),
    "OneHotEncoder, raising": pre.OneHotEncoder,
    "OneHotEncoder, infrequent": lambda: pre.OneHotEncoder(
        handle_unknown="infrequent_if_exist", min_frequency=90, drop="first"
    ),
    "OrdinalEncoder": lambda: pre.OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-1),
    "TargetEncoder": lambda: pre.TargetEncoder(random_state=0),
}
MIXED: dict[str, Callable[[], Any]] = {
    "LogisticRegression": logistic,
    "HistGradientBoosting": lambda: ensemble.HistGradientBoostingClassifier(max_iter=20, random_state=0),
    "forest": forest,
}


def of_pipelines() -> Iterator[tuple[str, Callable[[], Fitted]]]:
    """Numeric pipelines with a linear head and with a forest, then mixed ones."""
    for name, (make, data) in TRANSFORMERS.items():
        yield (
            f"{name}, LogisticRegression",
            _fitted(lambda make=make: pipeline.make_pipeline(make(), logistic()), data),
        )
        if data is numbers:
            yield f"{name}, forest", _fitted(lambda make=make: pipeline.make_pipeline(make(), forest()), data)
    for words, encoder in ENCODERS.items():
        for last, head in MIXED.items():
            yield (
                f"{words}, {last}",
                _fitted(lambda encoder=encoder, head=head: _mixed(encoder(), head()), people),
            )


def _fitted(make: Callable[[], Any], data: Callable[[], tuple[pd.DataFrame, Any]]) -> Callable[[], Fitted]:
    def fitted() -> Fitted:
        X, y = data()
        return make().fit(X, y), X, y

    return fitted


def _mixed(encoder: Any, head: Any) -> Any:
    text = pipeline.make_pipeline(impute.SimpleImputer(strategy="constant", fill_value="none"), encoder)
    parts = [("numbers", pre.StandardScaler(), ["income", "age"]), ("flags", "passthrough", ["member"])]
    columns = compose.ColumnTransformer([*parts, ("text", text, ["town", "job"])], sparse_threshold=0)
    return pipeline.make_pipeline(columns, head)


def of_traps() -> Iterator[tuple[str, Callable[[], Fitted]]]:
    """What has gone wrong somewhere: lost thresholds, float32, ties, labels and targets of other kinds."""
    large = {
        "ids about 1e10": lambda: pd.DataFrame(
            {"id": 1e10 + np.arange(ROWS * 1.0), "x": np.linspace(0, 1, ROWS)}
        ),
        "epoch seconds": lambda: pd.DataFrame(
            {"at": 1.7e9 + np.arange(ROWS) / 7, "x": np.linspace(0, 1, ROWS)}
        ),
        "whole numbers about 1e15": lambda: pd.DataFrame(
            {"id": 10**15 + np.arange(ROWS), "n": np.arange(ROWS) % 7}
        ),
    }
    heads: dict[str, Callable[[], Any]] = {
        "LogisticRegression": lambda: pipeline.make_pipeline(pre.StandardScaler(), logistic()),
        "DecisionTree": lambda: tree.DecisionTreeClassifier(random_state=0),
        "HistGradientBoosting": lambda: ensemble.HistGradientBoostingClassifier(max_iter=10),
        "KNeighbors": neighbors.KNeighborsClassifier,
        "GaussianNB": naive_bayes.GaussianNB,
        "SVC": lambda: pipeline.make_pipeline(pre.StandardScaler(), svm.SVC()),
    }
    halves = np.arange(ROWS) // 10 % 2
    for words, frame in large.items():
        for last, head in heads.items():
            yield f"{words}, {last}", _fitted(head, lambda frame=frame: (frame(), halves))
    thresholds: dict[str, Callable[[], Any]] = {
        "TunedThreshold of LogisticRegression": lambda: model_selection.TunedThresholdClassifierCV(
            logistic(), scoring="recall"
        ),
        "TunedThreshold of a forest": lambda: model_selection.TunedThresholdClassifierCV(
            forest(), scoring="recall"
        ),
        "FixedThreshold of boosting": lambda: model_selection.FixedThresholdClassifier(
            ensemble.GradientBoostingClassifier(n_estimators=20, random_state=0), threshold=0.8
        ),
        "FixedThreshold inside a pipeline": lambda: pipeline.make_pipeline(
            pre.StandardScaler(), model_selection.FixedThresholdClassifier(forest(), threshold=0.2)
        ),
        "FixedThreshold of calibrated": lambda: model_selection.FixedThresholdClassifier(
            CalibratedClassifierCV(naive_bayes.GaussianNB()), threshold=0.2
        ),
    }
    for words, make in thresholds.items():
        yield words, _fitted(make, zeros)
    for words, kind in (("boolean", bool), ("whole-number", int), ("float", float)):
        yield (
            f"{words} labels, forest",
            _fitted(forest, lambda kind=kind: (numbers()[0], (numbers()[1] == "yes").astype(kind))),
        )
    yield "several targets, LinearRegression", _fitted(linear_model.LinearRegression, several)
    yield (
        "several targets, forest",
        _fitted(lambda: ensemble.RandomForestRegressor(10, random_state=0), several),
    )
    yield (
        "several targets, MultiOutputClassifier",
        _fitted(lambda: multioutput.MultiOutputClassifier(logistic()), several),
    )
    yield (
        "float32 columns, LogisticRegression",
        _fitted(logistic, lambda: (numbers()[0].astype("float32"), numbers()[1])),
    )
    yield (
        "nullable whole numbers, LogisticRegression",
        _fitted(logistic, lambda: ((numbers()[0] * 10).round().astype("Int64"), numbers()[1])),
    )
