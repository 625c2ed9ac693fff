from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.compose import make_column_transformer
from sklearn.ensemble import HistGradientBoostingRegressor
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder

from noren_bento.bento_build.build import Build, build_bento
from noren_bento.settings import Settings, load_settings
from noren_bento.stores.models import ModelStore
from noren_bento.tagging.tag import tag_model
from noren_bento.tagging.version_files import VersionFiles
from tests.stores import lay_store


@dataclass(frozen=True)
class Built:
    """One version, tagged and built."""

    files: VersionFiles
    build: Build


@pytest.fixture(scope="session")
def settings(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """One store for all tests; each model has a name of its own."""
    return load_settings(
        {"home": lay_store(tmp_path_factory.mktemp("home")), "workers": 1}, environ={}, folder=Path("/")
    )


@pytest.fixture(scope="session")
def make_version(settings: Settings) -> Callable[..., Built]:
    def make(model: Any, name: str, *, train: tuple, test: tuple) -> Built:
        version = tag_model(model, name, train=train, test=test, settings=settings)
        files = VersionFiles(ModelStore(settings).folder(version))
        return Built(files, build_bento(files, settings=settings))

    return make


def people(rows: int, seed: int) -> tuple[pd.DataFrame, np.ndarray]:
    """Text, numbers and missing values; a label that two columns explain in part."""
    random = np.random.default_rng(seed)
    frame = pd.DataFrame(
        {
            "age": np.where(random.random(rows) < 0.1, np.nan, random.uniform(18, 80, rows).round(1)),
            "hours": random.integers(1, 60, rows),
            "job": random.choice(["clerk", "cook", "pilot"], rows, p=[0.5, 0.3, 0.2]),
        }
    )
    frame.loc[random.random(rows) < 0.05, "job"] = None
    noise = random.normal(0, 8, rows)
    return frame, np.where(frame["hours"] + 20 * (frame["job"] == "pilot") + noise > 35, "yes", "no")


def fit_people(
    rows: int = 1500, *, strength: float = 1.0, drop: tuple[str, ...] = ()
) -> tuple[Any, tuple, tuple]:
    """A classifier with its train and test data."""
    (X, y), (X_test, y_test) = people(rows, 0), people(700, 1)
    X, X_test = X.drop(columns=list(drop)), X_test.drop(columns=list(drop))
    text = [name for name in ("job",) if name in X]
    numbers = [name for name in X if name not in text]
    columns = make_column_transformer(
        (SimpleImputer(), numbers),
        (
            make_pipeline(SimpleImputer(strategy="most_frequent"), OneHotEncoder(handle_unknown="ignore")),
            text,
        ),
    )
    model = make_pipeline(columns, LogisticRegression(C=strength, max_iter=2000)).fit(X, y)
    return model, (X, y), (X_test, y_test)


@pytest.fixture(scope="session")
def classifier(make_version: Callable[..., Built]) -> Built:
    model, train, test = fit_people()
    return make_version(model, "people", train=train, test=test)


@pytest.fixture(scope="session")
def regressor(make_version: Callable[..., Built]) -> Built:
    """Fitted on a plain array."""
    random = np.random.default_rng(0)
    X = random.normal(size=(1200, 4))
    y = X[:, 0] * 3 + np.sin(X[:, 1]) + random.normal(0, 0.3, 1200)
    model = HistGradientBoostingRegressor(max_iter=40, random_state=0).fit(X[:900], y[:900])
    return make_version(model, "values", train=(X[:900], y[:900]), test=(X[900:], y[900:]))
