"""The digest is over the fitted state: equal for equal fits, another for another, the same after a round trip."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone
from sklearn.calibration import CalibratedClassifierCV
from sklearn.compose import make_column_selector, make_column_transformer
from sklearn.ensemble import (
    GradientBoostingClassifier,
    HistGradientBoostingClassifier,
    RandomForestClassifier,
    StackingClassifier,
    VotingClassifier,
)
from sklearn.feature_selection import SelectKBest
from sklearn.gaussian_process import GaussianProcessClassifier
from sklearn.gaussian_process.kernels import RBF, WhiteKernel
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, TunedThresholdClassifierCV
from sklearn.naive_bayes import GaussianNB
from sklearn.neighbors import KNeighborsClassifier
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import FeatureUnion, make_pipeline
from sklearn.preprocessing import FunctionTransformer, OneHotEncoder, SplineTransformer, StandardScaler
from sklearn.svm import SVC
from sklearn.tree import DecisionTreeClassifier

from noren_bento.errors import NorenError
from noren_bento.tagging.digest import read_state
from noren_bento.tagging.serialise import FILES, file_sha256, read_model, write_model

RANDOM = np.random.default_rng(0)
FRAME = pd.DataFrame(RANDOM.normal(size=(90, 3)), columns=["a", "b", "c"]).assign(
    word=RANDOM.choice(["x", "y"], 90)
)
X = FRAME[["a", "b", "c"]]
Y = (X["a"] + 0.3 * X["b"] > 0).to_numpy()

MODELS: dict[str, Any] = {
    "linear": LogisticRegression(),
    "tree": DecisionTreeClassifier(random_state=0),
    "forest": RandomForestClassifier(5, random_state=0),
    "boosting": GradientBoostingClassifier(n_estimators=3, random_state=np.random.RandomState(0)),
    "histogram boosting": HistGradientBoostingClassifier(max_iter=3),
    "neighbours": KNeighborsClassifier(),
    "ball tree": KNeighborsClassifier(algorithm="ball_tree", metric="manhattan"),
    "process": GaussianProcessClassifier(RBF() + WhiteKernel(), optimizer=None),
    "network": MLPClassifier((4,), max_iter=300, random_state=0, tol=0.1),
    "support vectors": SVC(),
    "bayes": GaussianNB(),
    "calibrated": CalibratedClassifierCV(LogisticRegression(), cv=2),
    "search": GridSearchCV(LogisticRegression(), {"C": [0.1, 1.0]}, cv=2, scoring="roc_auc"),
    "threshold": TunedThresholdClassifierCV(LogisticRegression(), cv=2),
    "vote": VotingClassifier([("one", LogisticRegression()), ("two", GaussianNB())]),
    "stack": StackingClassifier([("one", LogisticRegression()), ("two", GaussianNB())], cv=2),
    "spline": make_pipeline(SplineTransformer(), LogisticRegression()),
    "union": make_pipeline(FeatureUnion([("one", StandardScaler())]), SelectKBest(k=2), LogisticRegression()),
    "function": make_pipeline(FunctionTransformer(np.abs), LogisticRegression()),
    "frames": make_pipeline(StandardScaler(), LogisticRegression()).set_output(transform="pandas"),
    "columns": make_pipeline(
        make_column_transformer(
            (OneHotEncoder(), make_column_selector(dtype_exclude="number")), remainder="passthrough"
        ),
        LogisticRegression(),
    ),
}


@pytest.mark.parametrize("name", MODELS)
def test_two_equal_fits_have_one_digest_before_and_after_predicting_and_storing(
    name: str, tmp_path: Path
) -> None:
    data = FRAME if name == "columns" else X
    first, second = (clone(MODELS[name]).fit(data, Y) for _ in range(2))
    digest = read_state(first).digest
    assert read_state(second).digest == digest
    first.predict(data)
    assert read_state(first).digest == digest
    form, again = write_model(first, tmp_path)
    assert form == "skops"
    assert read_state(again).digest == digest
    loaded = read_model(tmp_path, form, sha256=file_sha256(tmp_path / FILES[form]))
    assert read_state(loaded).digest == digest
    assert (loaded.predict(data) == first.predict(data)).all()


@pytest.mark.parametrize("name", MODELS)
def test_other_data_gives_another_digest(name: str) -> None:
    data = FRAME if name == "columns" else X
    model = clone(MODELS[name]).fit(data, Y)
    other = clone(MODELS[name]).fit(data.iloc[:70], Y[:70])
    assert read_state(model).digest != read_state(other).digest


def test_a_parameter_a_dtype_and_one_bit_of_an_array_count() -> None:
    model = LogisticRegression().fit(X, Y)
    digest = read_state(model).digest
    assert read_state(LogisticRegression(verbose=1).fit(X, Y)).digest != digest
    model.coef_[0, 0] = np.nextafter(model.coef_[0, 0], 1)
    changed = read_state(model).digest
    assert changed != digest
    model.coef_ = model.coef_.astype(np.float32)
    assert read_state(model).digest != changed


def test_where_an_array_lies_in_memory_does_not_count() -> None:
    values = np.arange(6.0).reshape(2, 3)
    assert read_state(values).digest == read_state(np.asfortranarray(values)).digest
    assert read_state(values).digest != read_state(values.T).digest


def test_padding_and_the_order_of_a_dict_or_set_do_not_count() -> None:
    kind = np.dtype([("flag", "u1"), ("value", "f8")], align=True)
    one, two = np.zeros(3, kind), np.frombuffer(b"\xff" * 3 * kind.itemsize, kind).copy()
    two["flag"], two["value"] = 0, 0
    assert one.tobytes() != two.tobytes()
    assert read_state(one).digest == read_state(two).digest
    assert read_state({"a": 1, "b": 2}).digest == read_state({"b": 2, "a": 1}).digest
    assert read_state({"a", "b"}).digest == read_state({"b", "a"}).digest


def test_values_that_look_alike_do_not_collide() -> None:
    alike: list[Any] = [
        1,
        1.0,
        True,
        "1",
        b"1",
        np.int64(1),
        [1],
        (1,),
        {1},
        {1: 1},
        None,
        "",
        [],
        [[]],
        [[], []],
    ]
    assert len({read_state(value).digest for value in alike}) == len(alike)


class Node:
    def __init__(self) -> None:
        self.peer: Any = None


def test_objects_that_refer_to_each_other_have_a_digest() -> None:
    def ring() -> Node:
        one, two = Node(), Node()
        one.peer, two.peer = two, one
        return one

    assert read_state(ring()).digest == read_state(ring()).digest
    shared = Node()
    assert read_state([shared, shared]).digest == read_state([Node(), Node()]).digest


def test_pandas_objects_inside_a_model_count_by_value() -> None:
    one, two = pd.DataFrame({"a": [1], "b": ["x"]}), pd.DataFrame({"b": ["x"], "a": [1]})[["a", "b"]]
    assert read_state(one).digest == read_state(two).digest
    assert read_state(one).digest != read_state(one.assign(a=2)).digest
    low, high = pd.CategoricalDtype(["a", "b"]), pd.CategoricalDtype(["b", "a"])
    assert read_state(low).digest != read_state(high).digest


def test_nesting_without_end_is_refused() -> None:
    deep: list[Any] = []
    for _ in range(5000):
        deep = [deep]
    with pytest.raises(NorenError, match="nested too deeply"):
        read_state(deep)


def test_a_catboost_model_has_the_digest_of_what_it_answers_by() -> None:
    catboost = pytest.importorskip("catboost")
    X, y = np.random.default_rng(0).normal(size=(80, 3)), np.arange(80) % 2

    def fit(iterations: int) -> object:
        model = catboost.CatBoostClassifier(iterations=iterations, verbose=False, allow_writing_files=False)
        return model.fit(X, y)

    one, two, other = fit(5), fit(5), fit(6)
    assert (
        read_state(one).digest == read_state(two).digest == read_state(pickle.loads(pickle.dumps(one))).digest
    )
    assert read_state(one).digest != read_state(other).digest
