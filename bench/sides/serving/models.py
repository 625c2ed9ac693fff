"""The four models, their data, and the files that the servers load."""

from __future__ import annotations

import json
import logging
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import pandas as pd
from sklearn.compose import make_column_transformer
from sklearn.datasets import make_classification
from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from noren_bento.settings import Settings

ROWS = 6_000
COLUMNS = 20
WIDE = 100
ASKED = 1_000
"""Rows that are asked about: the last ones, on which no model was fitted."""
KINDS = {"f": "number", "i": "integer"}


@dataclass(frozen=True, slots=True)
class Data:
    """Rows with their labels, 0 or 1."""

    X: pd.DataFrame
    y: np.ndarray


@dataclass(frozen=True, slots=True)
class Subject:
    """One model, ready to be served by anybody."""

    name: str
    folder: Path
    """Holds frame.joblib, array.joblib where all columns are numbers, columns.json, model.onnx, and mlflow/."""
    bento: Path
    runtime: str
    """What answers in Noren's bento."""
    rows: pd.DataFrame
    """The rows that are asked about."""
    labels: np.ndarray
    """What the model itself answers to them."""
    probabilities: np.ndarray

    @property
    def takes_arrays(self) -> bool:
        """Whether all columns are numbers."""
        return (self.folder / "array.joblib").is_file()


def numbers(columns: int = COLUMNS) -> Data:
    """Columns of numbers."""
    X, y = make_classification(ROWS, columns, n_informative=10, random_state=0)
    names = [f"feature_{place:02}" for place in range(columns)]
    return Data(pd.DataFrame(X.round(4), columns=names), y)


def customers() -> Data:
    """Numbers, whole numbers and text."""
    random = np.random.default_rng(0)
    X = pd.DataFrame(
        {
            "income": random.normal(50_000, 12_000, ROWS).round(2),
            "balance": random.exponential(2_000, ROWS).round(2),
            "age": random.integers(18, 90, ROWS),
            "tenure_months": random.integers(0, 120, ROWS),
            "plan": random.choice(["basic", "family", "business"], ROWS),
            "region": random.choice(["north", "east", "south", "west"], ROWS),
            "device": random.choice(["phone", "tablet", "desktop", "television"], ROWS),
        }
    )
    score = X["balance"] / 2_000 - X["tenure_months"] / 40 + (X["plan"] == "basic") + random.normal(size=ROWS)
    return Data(X, (score > 0).to_numpy(dtype=int))


def _logistic() -> Any:
    return make_pipeline(StandardScaler(), LogisticRegression())


def _mixed() -> Any:
    numeric, text = ["income", "balance", "age", "tenure_months"], ["plan", "region", "device"]
    columns = make_column_transformer(
        (StandardScaler(), numeric), (OneHotEncoder(handle_unknown="ignore"), text)
    )
    return make_pipeline(columns, LogisticRegression())


def _forest() -> Any:
    return RandomForestClassifier(n_estimators=200, random_state=0)


def _boosting() -> Any:
    return HistGradientBoostingClassifier(random_state=0)


MODELS: dict[str, tuple[Callable[[], Any], Callable[[], Data]]] = {
    "logistic": (_logistic, numbers),
    "mixed": (_mixed, customers),
    "forest": (_forest, numbers),
    "boosting": (_boosting, numbers),
    "wide": (_logistic, lambda: numbers(WIDE)),
}
"""Each with its data."""
USUAL = ("logistic", "mixed", "forest", "boosting")
"""Those that are measured where none are named."""
TITLES = {
    "logistic": "logistic regression",
    "mixed": "mixed pipeline",
    "forest": "forest of 200",
    "boosting": "hist. boosting",
    "wide": f"logistic regression, {WIDE} columns",
}


def prepare(name: str, folder: Path, settings: Settings) -> Subject:
    """Fit a model and write it for every server: pickled, for MLflow, as a graph, and as Noren's bento."""
    make, data = MODELS[name]
    rows = data()
    train = Data(rows.X.iloc[:-ASKED], rows.y[:-ASKED])
    asked = Data(rows.X.iloc[-ASKED:].reset_index(drop=True), rows.y[-ASKED:])
    model = make().fit(train.X, train.y)
    folder.mkdir(parents=True)
    kinds = {column: KINDS.get(dtype.kind, "text") for column, dtype in rows.X.dtypes.items()}
    (folder / "columns.json").write_text(json.dumps(kinds))
    joblib.dump(model, folder / "frame.joblib")
    if "text" not in kinds.values():
        # The same model for those who are asked with arrays: one fitted on a DataFrame warns about them.
        joblib.dump(make().fit(train.X.to_numpy(), train.y), folder / "array.joblib")
    _write_mlflow(model, train, folder / "mlflow")
    bento, runtime = _build(model, name, train=train, test=asked, folder=folder, settings=settings)
    labels, probabilities = model.predict(asked.X), model.predict_proba(asked.X)
    return Subject(name, folder, bento, runtime, asked.X, labels, probabilities)


def _write_mlflow(model: Any, train: Data, folder: Path) -> None:
    import mlflow.sklearn
    from mlflow.models import infer_signature

    logging.getLogger("mlflow").setLevel(logging.ERROR)  # it advises against pickles
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # and against whole numbers
        signature = infer_signature(train.X, model.predict(train.X))
        mlflow.sklearn.save_model(model, folder, signature=signature, serialization_format="cloudpickle")


def _build(
    model: Any, name: str, *, train: Data, test: Data, folder: Path, settings: Settings
) -> tuple[Path, str]:
    """Noren's own tag and build; and the graph for the limit, by the converter that the build tries."""
    from noren_bento.bento_build.build import build_bento
    from noren_bento.compile.candidates import graph_candidates
    from noren_bento.stores.models import ModelStore
    from noren_bento.tagging.tag import tag_model
    from noren_bento.tagging.version_files import VersionFiles

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        version = tag_model(model, name, train=(train.X, train.y), test=(test.X, test.y), settings=settings)
    built = build_bento(VersionFiles(ModelStore(settings).folder(version)), settings=settings)
    next(graph_candidates(model, version.signature))().write(folder)
    return built.path, built.runtime
