"""Every public estimator of scikit-learn that predicts, fitted on data that its own tags ask for."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from sklearn import linear_model, tree
from sklearn.datasets import make_blobs, make_classification, make_regression
from sklearn.experimental import enable_halving_search_cv  # noqa: F401 -- else the halving searches are not there
from sklearn.preprocessing import StandardScaler
from sklearn.utils import all_estimators, get_tags

from models.case import ROWS, Case, logistic

GRID = {"C": [0.1, 1.0]}

MADE: dict[str, Callable[[Any], Any]] = {
    "ClassifierChain": lambda kind: kind(logistic()),
    **dict.fromkeys(("CCA", "PLSCanonical"), lambda kind: kind(n_components=1)),
    "FixedThresholdClassifier": lambda kind: kind(logistic(), threshold=0.4),
    "FrozenEstimator": lambda kind: kind(logistic().fit(*_labelled())),
    "GridSearchCV": lambda kind: kind(logistic(), GRID),
    "HalvingGridSearchCV": lambda kind: kind(logistic(), GRID, random_state=0),
    "HalvingRandomSearchCV": lambda kind: kind(logistic(), {"C": [0.1, 0.3, 1.0, 3.0]}, random_state=0),
    "MultiOutputClassifier": lambda kind: kind(logistic()),
    "MultiOutputRegressor": lambda kind: kind(linear_model.Ridge()),
    "OneVsOneClassifier": lambda kind: kind(logistic()),
    "OneVsRestClassifier": lambda kind: kind(logistic()),
    "OutputCodeClassifier": lambda kind: kind(logistic(), random_state=0),
    "Pipeline": lambda kind: kind([("scale", StandardScaler()), ("model", logistic())]),
    "QuadraticDiscriminantAnalysis": lambda kind: kind(reg_param=0.1),
    "RFE": lambda kind: kind(logistic(), n_features_to_select=3),
    "RFECV": lambda kind: kind(logistic()),
    "RandomizedSearchCV": lambda kind: kind(logistic(), GRID, n_iter=2, random_state=0),
    "RegressorChain": lambda kind: kind(linear_model.Ridge()),
    "SelfTrainingClassifier": lambda kind: kind(logistic()),
    "StackingClassifier": lambda kind: kind(
        [("one", logistic()), ("two", tree.DecisionTreeClassifier(random_state=0))]
    ),
    "StackingRegressor": lambda kind: kind(
        [("one", linear_model.Ridge()), ("two", tree.DecisionTreeRegressor(random_state=0))]
    ),
    "TunedThresholdClassifierCV": lambda kind: kind(logistic()),
    "VotingClassifier": lambda kind: kind(
        [("one", logistic()), ("two", tree.DecisionTreeClassifier(random_state=0))]
    ),
    "VotingRegressor": lambda kind: kind(
        [("one", linear_model.Ridge()), ("two", tree.DecisionTreeRegressor(random_state=0))]
    ),
    "LocalOutlierFactor": lambda kind: kind(novelty=True),
}
"""Those that cannot be made, or cannot predict, with their defaults."""


def _labelled() -> tuple[Any, Any]:
    X, y = make_classification(ROWS, 6, n_informative=4, random_state=0)
    return X, np.array(["no", "yes"], dtype=object)[y]


def _data(model: Any) -> tuple[Any, Any]:
    """Data that the estimator's own tags ask for."""
    tags = get_tags(model)
    name = type(model).__name__
    if name in ("ClassifierChain", "MultiOutputClassifier"):
        X, y = make_classification(ROWS, 6, n_informative=4, random_state=0)
        return X, np.stack([y, 1 - y], axis=1)
    if tags.estimator_type == "classifier":
        X, y = _labelled()
    elif tags.estimator_type == "regressor":
        X, y = make_regression(ROWS, 6, noise=1.0, random_state=0)
        y = np.abs(y) + 1  # some take positive targets only
    else:
        X, y = make_blobs(ROWS, 6, random_state=0)
    if name == "IsotonicRegression":
        X = X[:, :1]
    if tags.input_tags.positive_only:
        X = np.abs(X)
    if tags.target_tags.multi_output and not tags.target_tags.single_output:
        y = np.stack([y, y], axis=1)
    return X, y


def _fitted(kind: type[Any]) -> tuple[Any, Any, Any]:
    model = MADE.get(kind.__name__, lambda one: one())(kind)
    if "random_state" in model.get_params(deep=False):
        model.set_params(random_state=0)
    X, y = _data(model)
    return model.fit(X, y), X, y


def of_scikit_learn() -> Iterator[Case]:
    """Every public estimator with `predict`."""
    for name, kind in all_estimators():
        if hasattr(kind, "predict"):
            yield Case(kind.__module__.split(".")[1], name, lambda kind=kind: _fitted(kind))
