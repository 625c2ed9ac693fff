"""Models of other containers than a pandas frame, and of several targets: tagged, read again, answering the same."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy import sparse
from sklearn.compose import ColumnTransformer
from sklearn.datasets import make_multilabel_classification
from sklearn.ensemble import RandomForestRegressor
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.mixture import GaussianMixture
from sklearn.multiclass import OneVsRestClassifier
from sklearn.multioutput import ClassifierChain, MultiOutputClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from noren_bento.serving.original import Original, flat_predictions
from noren_bento.serving.schema import Schema
from noren_bento.settings import Settings
from noren_bento.stores.models import ModelStore
from noren_bento.tagging.rows import to_rows
from noren_bento.tagging.tag import tag_model

RANDOM = np.random.default_rng(0)
NUMBERS = RANDOM.normal(size=(90, 4))
PLACES = pd.DataFrame(NUMBERS[:, :2] * 3 + 1, columns=["north", "east"])
TEXTS = [("good " if number % 2 else "bad ") + f"word{number % 7}" for number in range(90)]
MOODS = np.array(["glad" if number % 2 else "sad" for number in range(90)])
LABELS_X, LABELS = make_multilabel_classification(90, 5, random_state=0)


def forest() -> tuple[Any, Any, Any]:
    frame = pd.DataFrame(NUMBERS, columns=list("abcd"))
    return RandomForestRegressor(8, random_state=0).fit(frame, PLACES), frame, PLACES


def labels_of_a_row() -> tuple[Any, Any, Any]:
    return OneVsRestClassifier(LogisticRegression()).fit(LABELS_X, LABELS), LABELS_X, LABELS


def sparse_labels() -> tuple[Any, Any, Any]:
    y = sparse.csr_matrix(LABELS)
    return OneVsRestClassifier(LogisticRegression(C=2.0)).fit(LABELS_X, y), LABELS_X, y


def chain() -> tuple[Any, Any, Any]:
    return ClassifierChain(LogisticRegression()).fit(LABELS_X, LABELS), LABELS_X, LABELS


def words_for_labels() -> tuple[Any, Any, Any]:
    y = np.where(LABELS[:, :2], "yes", "no")
    return MultiOutputClassifier(LogisticRegression()).fit(LABELS_X, y), LABELS_X, y


def series_of_text() -> tuple[Any, Any, Any]:
    X = pd.Series(TEXTS, name="review")
    return make_pipeline(TfidfVectorizer(), LogisticRegression()).fit(X, MOODS), X, MOODS


def list_of_text() -> tuple[Any, Any, Any]:
    return make_pipeline(TfidfVectorizer(), LogisticRegression(C=2.0)).fit(TEXTS, MOODS), TEXTS, MOODS


def sparse_matrix() -> tuple[Any, Any, Any]:
    X = sparse.random(90, 12, density=0.3, format="csr", random_state=0)
    y = np.asarray(X.sum(axis=1)).ravel()
    return Ridge().fit(X, y), X, y


def polars_frame() -> tuple[Any, Any, Any]:
    polars = pytest.importorskip("polars")
    X = polars.DataFrame(
        {
            "a": NUMBERS[:, 0],
            "n": np.arange(90, dtype=np.int32) % 7,
            "c": polars.Series(
                [("x", "y", "z")[number % 3] for number in range(90)], dtype=polars.Categorical
            ),
            "flag": [number % 2 == 0 for number in range(90)],
        }
    )
    encode = ColumnTransformer(
        [("c", OneHotEncoder(), ["c"]), ("n", StandardScaler(), ["a", "n"])], remainder="passthrough"
    )
    y = np.where(NUMBERS[:, 0] > 0, "high", "low")
    return make_pipeline(encode, LogisticRegression()).fit(X, y), X, y


def boosted_by(library: str, name: str, **options: Any) -> tuple[Any, Any, Any]:
    X = pd.DataFrame(NUMBERS, columns=list("abcd"))
    y = (NUMBERS[:, 0] > 0).astype(int)
    return getattr(pytest.importorskip(library), name)(**options).fit(X, y), X, y


def xgboost() -> tuple[Any, Any, Any]:
    return boosted_by("xgboost", "XGBClassifier", n_estimators=5)


def lightgbm() -> tuple[Any, Any, Any]:
    return boosted_by("lightgbm", "LGBMClassifier", n_estimators=5, verbose=-1)


def catboost() -> tuple[Any, Any, Any]:
    return boosted_by(
        "catboost", "CatBoostClassifier", iterations=5, verbose=False, allow_writing_files=False
    )


def mixture() -> tuple[Any, Any, Any]:
    return GaussianMixture(3, random_state=0).fit(NUMBERS), NUMBERS, None


CASES: list[tuple[Callable[[], tuple[Any, Any, Any]], str, int]] = [
    (forest, "frame", 2),
    (labels_of_a_row, "array", 5),
    (sparse_labels, "array", 5),
    (chain, "array", 5),
    (words_for_labels, "array", 2),
    (series_of_text, "series", 0),
    (list_of_text, "series", 0),
    (sparse_matrix, "sparse", 0),
    (polars_frame, "polars", 0),
    (mixture, "array", 0),
    (xgboost, "frame", 0),
    (lightgbm, "frame", 0),
    (catboost, "frame", 0),
]


@pytest.mark.filterwarnings("ignore:.* is stored with cloudpickle")
@pytest.mark.parametrize(("make", "container", "targets"), CASES, ids=[case[0].__name__ for case in CASES])
def test_what_was_fitted_answers_a_request_as_it_did_in_the_notebook(
    settings: Settings, make: Callable[[], tuple[Any, Any, Any]], container: str, targets: int
) -> None:
    model, X, y = make()
    version = tag_model(model, f"kept-{make.__name__}", train=(X, y), test=(X, y), settings=settings)
    signature = version.signature
    assert (signature.container, len(signature.targets)) == (container, targets)
    files = ModelStore(settings).files(version)
    assert len(files.profile().outputs) == max(1, targets)
    assert files.test_y().ndim == (2 if targets else 1)

    rows = to_rows(files.test(), signature)
    columns = Schema(signature).decode(json.dumps({"rows": rows}).encode())
    given = Original(files.model(), signature).predict(columns)
    expected = flat_predictions(model.predict(X))
    assert given.predictions.shape == expected.shape
    assert (given.predictions == expected).all()


def test_several_targets_keep_their_names_and_have_metrics_each(settings: Settings) -> None:
    model, X, y = forest()
    version = tag_model(model, "named", train=(X, y), test=(X, y), settings=settings)
    assert version.signature.targets == ("north", "east")
    metrics = ModelStore(settings).files(version).metrics()
    assert metrics["r2"] == pytest.approx((metrics["r2/north"] + metrics["r2/east"]) / 2)


def test_several_targets_with_labels_of_text_keep_their_classes(settings: Settings) -> None:
    model, X, y = words_for_labels()
    version = tag_model(model, "worded", train=(X, y), test=(X, y), settings=settings)
    assert version.signature.target_classes == (("no", "yes"), ("no", "yes"))
    assert version.signature.classes == ()
    assert not version.signature.probabilities
