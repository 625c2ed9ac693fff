from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import (
    GradientBoostingClassifier,
    HistGradientBoostingClassifier,
    HistGradientBoostingRegressor,
)
from sklearn.feature_selection import SelectKBest
from sklearn.impute import SimpleImputer
from sklearn.linear_model import (
    LinearRegression,
    LogisticRegression,
    PoissonRegressor,
    Ridge,
    RidgeClassifier,
    SGDClassifier,
)
from sklearn.model_selection import FixedThresholdClassifier, GridSearchCV, TunedThresholdClassifierCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MinMaxScaler, OneHotEncoder, OrdinalEncoder, RobustScaler, StandardScaler

from noren_bento.compile.compiled import Compiled
from noren_bento.compile.ladder import climb
from noren_bento.serving.answers import Answers
from noren_bento.serving.columns import columns_of_frame
from noren_bento.serving.exact.engine import load_exact
from noren_bento.serving.proof import read_proof
from noren_bento.tagging.signature import read_signature
from tests.noren_bento.builds import numbers, people

pytestmark = pytest.mark.filterwarnings("ignore")  # scikit-learn's own, of small data


@pytest.fixture(autouse=True, scope="module")
def _one_thread() -> Iterator[None]:
    """Boosting starts OpenMP's threads for each of a thousand single rows otherwise."""
    from threadpoolctl import threadpool_limits

    with threadpool_limits(1):
        yield


def climbed(model: Any, X: Any, y: Any, folder: Path) -> Compiled:
    model.fit(X, y)
    return climb(model, read_signature(model, X, X, y), X, folder, steps=["exact"])


def answer(model: Any, X: pd.DataFrame, y: Any, folder: Path, rows: pd.DataFrame) -> Answers:
    signature = read_signature(model, X, X, y)
    return load_exact(folder, signature).predict(columns_of_frame(rows, signature))


THREE = np.array(["low", "mid", "top"])


def classes(count: int) -> tuple[pd.DataFrame, np.ndarray]:
    X, _ = numbers()
    return X, THREE[:count][np.minimum((X["n0"] > 0).astype(int) + (X["n1"] > 0), count - 1)]


@pytest.mark.parametrize("count", [2, 3])
@pytest.mark.parametrize(
    "model",
    [
        LogisticRegression(),
        RidgeClassifier(),
        SGDClassifier(loss="log_loss", random_state=0),
        make_pipeline(StandardScaler(), LogisticRegression()),
        make_pipeline(MinMaxScaler(clip=True), SelectKBest(k=2), LogisticRegression()),
        GridSearchCV(make_pipeline(RobustScaler(), LogisticRegression()), {"logisticregression__C": [1.0]}),
        HistGradientBoostingClassifier(max_iter=10, random_state=0),
        GradientBoostingClassifier(n_estimators=10, random_state=0),
    ],
    ids=lambda model: type(model[-1] if hasattr(model, "steps") else model).__name__,
)
def test_a_classifier_is_computed_to_the_last_bit(model: Any, count: int, tmp_path: Path) -> None:
    outcome = climbed(model, *classes(count), tmp_path)
    assert outcome.runtime == "exact", outcome.because
    proof = read_proof(tmp_path)
    assert (proof.reference_rows, proof.largest_difference, proof.passed_over) == (400, 0.0, {})
    assert proof.adversarial_rows > 100


@pytest.mark.parametrize(
    "model",
    [
        LinearRegression(),
        Ridge(),
        PoissonRegressor(),
        HistGradientBoostingRegressor(max_iter=10, loss="poisson"),
    ],
    ids=lambda model: type(model).__name__,
)
def test_a_regressor_is_computed_to_the_last_bit(model: Any, tmp_path: Path) -> None:
    X, _ = numbers()
    outcome = climbed(model, X, X.sum(axis=1).abs(), tmp_path)
    assert outcome.runtime == "exact", outcome.because


def test_several_targets_are_computed_to_the_last_bit(tmp_path: Path) -> None:
    X, _ = numbers()
    y = np.stack([X["n0"] - X["n1"], X["n2"]], axis=1)
    model = LinearRegression()
    outcome = climbed(model, X, y, tmp_path)
    assert outcome.runtime == "exact", outcome.because
    assert (answer(model, X, y, tmp_path, X).predictions == model.predict(X)).all()


def mixed(encoder: Any, last: Any, share: float) -> Any:
    numeric = make_pipeline(SimpleImputer(), StandardScaler())
    text = make_pipeline(SimpleImputer(strategy="most_frequent"), encoder)
    parts = [("numbers", numeric, ["income", "age"]), ("text", text, ["home-town"])]
    return make_pipeline(ColumnTransformer(parts, sparse_threshold=share), last)


@pytest.mark.parametrize("share", [0.0, 1.0], ids=["dense", "sparse"])
@pytest.mark.parametrize(
    "encoder",
    [
        OneHotEncoder(handle_unknown="ignore"),
        OneHotEncoder(handle_unknown="infrequent_if_exist", min_frequency=120, drop="first"),
        OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-1),
        OneHotEncoder(),
    ],
    ids=["ignores", "infrequent", "ordinal", "raises"],
)
def test_encoded_columns_are_computed_to_the_last_bit(encoder: Any, share: float, tmp_path: Path) -> None:
    X, y = people()
    model = mixed(encoder, LogisticRegression(), share)
    outcome = climbed(model, X, y, tmp_path)
    assert outcome.runtime == "exact", outcome.because
    rows = X.head(3).assign(**{"home-town": ["Bonn", None, "Oslo"]})
    if encoder.handle_unknown == "error":
        assert outcome.closed == {"home-town": ("Lima", "Oslo", "Rome")}
        with pytest.raises(ValueError, match="'home-town' holds a value that the model was not fitted on"):
            answer(model, X, y, tmp_path, rows)
        return
    given = answer(model, X, y, tmp_path, rows)
    assert given.predictions.tolist() == model.predict(rows).tolist()
    assert given.probabilities is not None
    assert (given.probabilities == model.predict_proba(rows)).all()


def test_boosting_behind_encoders_is_computed_to_the_last_bit(tmp_path: Path) -> None:
    encoder = OneHotEncoder(handle_unknown="ignore")
    model = mixed(encoder, HistGradientBoostingClassifier(max_iter=10, random_state=0), 0.0)
    outcome = climbed(model, *people(), tmp_path)
    assert outcome.runtime == "exact", outcome.because


@pytest.mark.parametrize(
    "model",
    [
        TunedThresholdClassifierCV(LogisticRegression(), scoring="recall"),
        FixedThresholdClassifier(LogisticRegression(), threshold=0.9),
        FixedThresholdClassifier(LogisticRegression(), threshold=-1.0, response_method="decision_function"),
        FixedThresholdClassifier(LogisticRegression(), threshold=0.2, pos_label=0),
        FixedThresholdClassifier(make_pipeline(StandardScaler(), LogisticRegression()), threshold=0.7),
    ],
    ids=["tuned", "fixed", "of the score", "of the other class", "around a pipeline"],
)
def test_a_threshold_is_never_lost(model: Any, tmp_path: Path) -> None:
    X, y = numbers()
    outcome = climbed(model, X, y, tmp_path)
    assert outcome.runtime == "exact", outcome.because
    given = answer(model, X, y, tmp_path, X).predictions
    assert (given == model.predict(X)).all()
    inner = model.estimator_.predict(X)
    assert (given != inner).any(), "the threshold makes no difference here: the test shows nothing"


def test_ids_and_epoch_seconds_are_told_apart(tmp_path: Path) -> None:
    X = pd.DataFrame({"id": 1e10 + np.arange(400.0), "at": 1.7e9 + np.arange(400.0) / 7})
    model = make_pipeline(StandardScaler(), LogisticRegression())
    outcome = climbed(model, X, (np.arange(400) % 2).astype(bool), tmp_path)
    assert outcome.runtime == "exact", outcome.because


class Doubling(LogisticRegression):
    """A user's own class, whose answers its attributes do not tell."""

    def predict(self, X: Any) -> Any:
        return super().predict(X) * 2


@pytest.mark.parametrize(
    ("model", "words"),
    [
        (Doubling(), "not exact: Doubling is not scikit-learn's own"),
        (make_pipeline(Doubling()), "not exact: Doubling is not scikit-learn's own"),
        (
            HistGradientBoostingClassifier(max_iter=3, max_leaf_nodes=200, min_samples_leaf=1),
            "leaves, and at most 64",
        ),
    ],
    ids=["a subclass", "in a pipeline", "large trees"],
)
def test_what_is_not_computed_exactly_says_why(model: Any, words: str, tmp_path: Path) -> None:
    X, y = numbers(800)
    outcome = climbed(model, X, np.where(X["n0"] * X["n1"] * X["n2"] > 0, y, 1 - y), tmp_path)
    assert outcome.runtime == "sklearn"
    assert words in outcome.because


def test_columns_of_float32_are_left_to_others(tmp_path: Path) -> None:
    X, y = numbers()
    outcome = climbed(LogisticRegression(), X.astype("float32"), y, tmp_path)
    assert "not exact: its float32 columns are computed in float32" in outcome.because
