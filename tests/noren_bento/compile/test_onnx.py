from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.compose import ColumnTransformer, make_column_selector, make_column_transformer
from sklearn.datasets import load_diabetes
from sklearn.ensemble import (
    ExtraTreesClassifier,
    GradientBoostingRegressor,
    HistGradientBoostingClassifier,
    HistGradientBoostingRegressor,
    IsolationForest,
    RandomForestClassifier,
    RandomForestRegressor,
)
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.model_selection import TunedThresholdClassifierCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, OrdinalEncoder, StandardScaler
from sklearn.tree import DecisionTreeClassifier

from noren_bento.compile.compiled import Compiled
from noren_bento.compile.ladder import climb
from noren_bento.release.version import Signature
from noren_bento.serving.columns import columns_of_frame
from noren_bento.serving.graph import Graph
from noren_bento.serving.original import Original
from noren_bento.tagging.signature import read_signature
from tests.noren_bento.builds import numbers, people

pytestmark = pytest.mark.filterwarnings("ignore")  # the converter's own


def compiled(model: Any, X: pd.DataFrame, y: Any, folder: Any) -> Any:
    model.fit(X, y)
    return prove(model, read_signature(model, X, X, y), X, folder)


def prove(model: Any, signature: Signature, reference: pd.DataFrame, folder: Any) -> Compiled:
    return climb(model, signature, reference, folder, steps=["onnx"])


@pytest.mark.parametrize(
    "model",
    [
        make_pipeline(StandardScaler(), LogisticRegression()),
        DecisionTreeClassifier(random_state=0),
        RandomForestClassifier(20, random_state=0, n_jobs=2),
        ExtraTreesClassifier(20, max_depth=3, random_state=0),
        HistGradientBoostingClassifier(max_iter=20, random_state=0),
        make_pipeline(StandardScaler(), RandomForestClassifier(20, random_state=0)),
    ],
    ids=lambda model: type(model[-1] if hasattr(model, "steps") else model).__name__,
)
def test_a_classifier_is_compiled(model: Any, tmp_path: Any) -> None:
    outcome = compiled(model, *numbers(), tmp_path)
    assert outcome.runtime == "onnx", outcome.because
    assert (tmp_path / "model.onnx").is_file()


def test_a_linear_model_with_sparse_weights_is_compiled(tmp_path: Any) -> None:
    X, y = numbers()
    model = LogisticRegression().fit(X, y).sparsify()
    outcome = prove(model, read_signature(model, X, X, y), X, tmp_path)
    assert outcome.runtime == "onnx", outcome.because
    assert hasattr(model.coef_, "nnz")


@pytest.mark.parametrize(
    "model",
    [
        Ridge(),
        RandomForestRegressor(20, random_state=0),
        GradientBoostingRegressor(n_estimators=20, random_state=0),
        HistGradientBoostingRegressor(max_iter=20, random_state=0),
    ],
    ids=lambda model: type(model).__name__,
)
def test_a_regressor_is_compiled(model: Any, tmp_path: Any) -> None:
    outcome = compiled(model, *load_diabetes(return_X_y=True, as_frame=True), tmp_path)
    assert outcome.runtime == "onnx", outcome.because


def test_an_outlier_detector_is_compiled_or_says_why_not(tmp_path: Any) -> None:
    outcome = compiled(IsolationForest(n_estimators=20, random_state=0), *numbers(), tmp_path)
    assert outcome.because


def texts(encoder: Any, *, impute: bool) -> Any:
    text = make_pipeline(SimpleImputer(strategy="most_frequent"), encoder) if impute else encoder
    return ColumnTransformer(
        [("numbers", StandardScaler(), ["income", "age"]), ("text", text, ["home-town"])]
    )


@pytest.mark.parametrize("impute", [True, False])
@pytest.mark.parametrize(
    "encoder",
    [
        OneHotEncoder(handle_unknown="ignore"),
        OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-1),
        OneHotEncoder(),
    ],
    ids=["ignores unknown", "ordinal", "raises on unknown"],
)
def test_text_columns_with_missing_values_are_compiled(encoder: Any, impute: bool, tmp_path: Any) -> None:
    model = make_pipeline(texts(encoder, impute=impute), HistGradientBoostingClassifier(max_iter=20))
    model[0].set_params(sparse_threshold=0)
    outcome = compiled(model, *people(), tmp_path)
    assert outcome.runtime == "onnx", outcome.because
    raises = getattr(encoder, "handle_unknown", "") == "error"
    assert outcome.closed == ({"home-town": ("Lima", "Oslo", "Rome")} if raises else {})


def test_columns_chosen_by_a_selector_are_compiled(tmp_path: Any) -> None:
    chosen = make_column_selector(dtype_include="number")
    model = make_pipeline(make_column_transformer((StandardScaler(), chosen)), LogisticRegression())
    outcome = compiled(model, *people(), tmp_path)
    assert outcome.runtime == "onnx", outcome.because


def test_tied_votes_of_a_forest_give_the_original_label(tmp_path: Any) -> None:
    random = np.random.default_rng(3)
    X = pd.DataFrame(random.integers(0, 3, size=(3000, 3)).astype(float), columns=list("abc"))
    y = random.choice(
        ["left", "right"], 3000
    )  # nothing to learn: impure leaves and votes that are nearly equal
    model = RandomForestClassifier(10, random_state=0).fit(X, y)
    signature = read_signature(model, X, X, y)
    outcome = prove(model, signature, X, tmp_path)
    assert outcome.runtime == "onnx", outcome.because
    columns = columns_of_frame(X, signature)
    given = Graph(tmp_path / "model.onnx", signature).predict(columns)
    assert (given.predictions == Original(model, signature).predict(columns).predictions).all()


def test_a_threshold_that_the_converter_would_lose_keeps_the_original(tmp_path: Any) -> None:
    model = TunedThresholdClassifierCV(LogisticRegression(), scoring="f1")
    outcome = compiled(model, *numbers(), tmp_path)
    assert outcome.runtime == "sklearn"
    assert not (tmp_path / "model.onnx").exists()


def test_ids_that_float32_confuses_are_told_apart(tmp_path: Any) -> None:
    X = pd.DataFrame({"id": 1e10 + np.arange(400.0), "x": np.linspace(0, 1, 400)})
    y = np.arange(400) % 2
    outcome = compiled(make_pipeline(StandardScaler(), LogisticRegression()), X, y, tmp_path)
    assert outcome.runtime == "onnx", outcome.because
    assert "float64" in outcome.because
