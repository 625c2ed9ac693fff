from __future__ import annotations

import numpy as np
import pytest
from sklearn.calibration import CalibratedClassifierCV
from sklearn.compose import TransformedTargetRegressor
from sklearn.ensemble import (
    AdaBoostClassifier,
    BaggingClassifier,
    RandomForestClassifier,
    RandomForestRegressor,
    RandomTreesEmbedding,
    StackingClassifier,
    VotingClassifier,
)
from sklearn.feature_selection import SelectFromModel
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, TunedThresholdClassifierCV
from sklearn.multioutput import MultiOutputClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler

from noren_bento.compress.forests import forests_of
from noren_bento.compress.parts import last_step

FOREST = RandomForestClassifier(4, random_state=0)
X = np.random.default_rng(0).normal(size=(80, 4))
Y = (X[:, 0] > 0).astype(int)
HOLDERS = {
    "pipeline": (make_pipeline(StandardScaler(), FOREST), 1),
    "search": (GridSearchCV(FOREST, {"max_depth": [2]}, cv=2), 1),
    "voting": (VotingClassifier([("a", FOREST), ("b", LogisticRegression())]), 1),
    "stacking": (StackingClassifier([("a", LogisticRegression())], FOREST, cv=2), 1),
    "calibrated": (CalibratedClassifierCV(FOREST, cv=2), 2),
    "tuned": (TunedThresholdClassifierCV(FOREST, cv=2), 1),
    "bagging": (BaggingClassifier(FOREST, 3), 3),
    "boosted": (
        AdaBoostClassifier(RandomForestClassifier(2, max_depth=1, random_state=0), n_estimators=2),
        None,
    ),
}


@pytest.mark.parametrize("name", HOLDERS)
def test_forests_are_found_wherever_they_answer(name: str) -> None:
    model, count = HOLDERS[name]
    found = forests_of(model.fit(X, Y))
    assert found
    assert all(hasattr(forest, "estimators_") for forest in found)
    assert count is None or len(found) == count


def test_forests_of_several_targets_and_of_a_transformed_target_are_found() -> None:
    assert len(forests_of(MultiOutputClassifier(FOREST).fit(X, np.stack([Y, 1 - Y], axis=1)))) == 2
    regression = TransformedTargetRegressor(RandomForestRegressor(2), func=np.exp, inverse_func=np.log)
    assert len(forests_of(regression.fit(X, X[:, 0]))) == 1


def test_what_prepares_the_columns_is_left_alone() -> None:
    selects = make_pipeline(SelectFromModel(FOREST), LogisticRegression()).fit(X, Y)
    embeds = make_pipeline(RandomTreesEmbedding(4), LogisticRegression()).fit(X, Y)
    assert forests_of(selects) == forests_of(embeds) == []


def test_the_last_step_sees_what_the_steps_before_it_give() -> None:
    search = GridSearchCV(make_pipeline(FunctionTransformer(np.negative), FOREST), {}, cv=2).fit(X, Y)
    last, given = last_step(search, X)
    assert isinstance(last, RandomForestClassifier)
    assert np.array_equal(given, -X)
