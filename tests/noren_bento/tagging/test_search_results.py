from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest
from sklearn.experimental import enable_halving_search_cv  # noqa: F401 -- makes the halving searches importable
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, HalvingGridSearchCV, RandomizedSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MinMaxScaler, StandardScaler

from noren_bento.errors import NorenError
from noren_bento.settings import Settings
from noren_bento.stores.models import ModelStore
from noren_bento.tagging.search_results import best_of, read_search
from noren_bento.tagging.tag import tag_model

X = np.random.default_rng(0).normal(size=(200, 3))
Y = (X[:, 0] > 0).astype(int)
GRID = {"C": [0.01, 1.0, 100.0]}


@pytest.mark.parametrize(
    "search",
    [
        GridSearchCV(LogisticRegression(), GRID, cv=2),
        RandomizedSearchCV(LogisticRegression(), GRID, n_iter=2, cv=2, random_state=0),
        HalvingGridSearchCV(LogisticRegression(), GRID, cv=2, min_resources=50, random_state=0),
        GridSearchCV(LogisticRegression(), GRID, cv=2, scoring=["accuracy", "roc_auc"], refit="roc_auc"),
    ],
    ids=["grid", "random", "halving", "several scores"],
)
def test_what_a_search_tried_is_a_table_with_the_best_first(search: Any) -> None:
    table = read_search(search.fit(X, Y))
    assert table is not None
    assert len(table) == len(search.cv_results_["params"])
    assert json.loads(table["params"][0]) == search.best_params_
    assert table["best"].tolist() == [True, *[False] * (len(table) - 1)]
    assert {"mean_fit_time", "params", "best"} <= set(table.columns)
    assert best_of(search) is search.best_estimator_


def test_parameters_that_json_does_not_know_are_written_as_python_shows_them() -> None:
    grid = {"standardscaler": [StandardScaler(), MinMaxScaler()], "logisticregression__C": np.array([1.0])}
    search = GridSearchCV(make_pipeline(StandardScaler(), LogisticRegression()), grid, cv=2).fit(X, Y)
    table = read_search(search)
    assert table is not None
    assert {json.loads(text)["standardscaler"] for text in table["params"]} == {
        "StandardScaler()",
        "MinMaxScaler()",
    }


def test_the_best_estimator_is_what_is_tagged_and_the_same_version_however_it_was_found(
    settings: Settings,
) -> None:
    data = {"train": (X, Y), "test": (X, Y)}
    search = GridSearchCV(LogisticRegression(), GRID, cv=2).fit(X, Y)
    version = tag_model(search, "searched", **data, settings=settings)
    files = ModelStore(settings).files(version)
    assert isinstance(files.model(), LogisticRegression)
    table = files.search()
    assert table is not None
    assert json.loads(table["params"][0]) == search.best_params_
    assert tag_model(search.best_estimator_, "searched", **data, settings=settings) == version
    plain = tag_model(LogisticRegression().fit(X, Y), "unsearched", **data, settings=settings)
    assert ModelStore(settings).files(plain).search() is None


def test_a_search_at_the_end_of_a_pipeline_is_kept_and_the_pipeline_is_what_predicts() -> None:
    pipeline = make_pipeline(StandardScaler(), GridSearchCV(LogisticRegression(), GRID, cv=2)).fit(X, Y)
    assert best_of(pipeline) is pipeline
    table = read_search(pipeline)
    assert table is not None
    assert len(table) == 3


def test_a_search_with_a_predict_of_its_own_stays_as_it_is() -> None:
    class Opposite(GridSearchCV):
        def predict(self, X: Any) -> Any:
            return 1 - super().predict(X)

    search = Opposite(LogisticRegression(), GRID, cv=2).fit(X, Y)
    assert best_of(search) is search


def test_a_search_that_was_not_refitted_is_refused_with_what_to_do() -> None:
    search = GridSearchCV(LogisticRegression(), GRID, cv=2, refit=False).fit(X, Y)
    with pytest.raises(NorenError, match="refit=False, so it holds no fitted model"):
        best_of(search)
    assert best_of("no model") == "no model"
    assert read_search(LogisticRegression()) is None
