"""Estimators: tags every estimator of scikit-learn that predicts, and more, and writes what came of it into the docs.

`python tools/estimators.py` takes a few minutes. Each model is fitted and tagged here; then one fresh process, which
has fitted nothing, reads every version's files and answers the same rows. Equal means equal to the bit.
"""

# ruff: noqa: PLC0415 -- what may be missing is imported where it is looked for

from __future__ import annotations

import argparse
import json
import pickle
import platform
import subprocess
import sys
import tempfile
import warnings
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from sklearn import (
    compose,
    ensemble,
    linear_model,
    model_selection,
    pipeline,
    tree,
)
from sklearn.datasets import make_blobs, make_classification, make_regression
from sklearn.experimental import enable_halving_search_cv  # noqa: F401 -- else the halving searches are not there
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.preprocessing import OneHotEncoder, OrdinalEncoder, StandardScaler
from sklearn.utils import all_estimators, get_tags

from noren_bento.errors import NorenError
from noren_bento.serving.original import flat_predictions
from noren_bento.settings import load_settings
from noren_bento.stores.models import ModelStore
from noren_bento.tagging.frames import model_input
from noren_bento.tagging.tag import tag_model
from noren_bento.tagging.version_files import VersionFiles

DOCUMENT = Path(__file__).resolve().parent.parent / "docs" / "estimators.md"
ROWS = 150
GRID = {"C": [0.1, 1.0]}


@dataclass(frozen=True, slots=True)
class Case:
    """One model to be tagged."""

    family: str
    name: str
    make: Callable[[], tuple[Any, Any, Any]]
    """Gives the fitted model, X and y."""


@dataclass(frozen=True, slots=True)
class Row:
    """What came of it."""

    family: str
    name: str
    tagged: str
    """How it is stored; empty where it was refused."""
    equal: str
    """`equal`, or what was different."""
    why: str = ""


def logistic() -> Any:
    """The model inside others."""
    return linear_model.LogisticRegression(max_iter=500)


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


def _frame() -> tuple[pd.DataFrame, Any]:
    random = np.random.default_rng(0)
    frame = pd.DataFrame(
        {
            "number": np.where(random.random(ROWS) < 0.1, np.nan, random.normal(size=ROWS)),
            "count": random.integers(0, 9, ROWS),
            "nullable": pd.array(random.integers(0, 9, ROWS), dtype="Int64"),
            "flag": random.random(ROWS) < 0.5,
            "text": random.choice(["red", "green", "blue"], ROWS),
            "level": pd.Categorical(random.choice(["low", "high"], ROWS)),
            "at": pd.Timestamp("2026-01-01") + pd.to_timedelta(np.arange(ROWS), unit="h"),
        }
    )
    return frame, np.where(frame["number"].fillna(0) + frame["count"] > 4, "yes", "no")


def _mixed_pipeline(last: Any, frame: Any) -> Any:
    parts = [
        ("numbers", StandardScaler(), ["count", "nullable"]),
        ("words", OneHotEncoder(handle_unknown="ignore"), ["text", "level"]),
        ("codes", OrdinalEncoder(), ["flag"]),
    ]
    return pipeline.make_pipeline(compose.ColumnTransformer(parts), last)


def of_containers() -> Iterator[Case]:
    """Pipelines over mixed columns, text, sparse matrices and polars frames."""

    def mixed() -> tuple[Any, Any, Any]:
        frame, y = _frame()
        return _mixed_pipeline(logistic(), frame).fit(frame, y), frame, y

    def boosted() -> tuple[Any, Any, Any]:
        frame, y = _frame()
        kept = frame[["number", "count", "level"]]
        model = ensemble.HistGradientBoostingClassifier(
            max_iter=20, categorical_features="from_dtype", random_state=0
        )
        return model.fit(kept, y), kept, y

    def text() -> tuple[Any, Any, Any]:
        X = pd.Series([("good " if n % 2 else "bad ") + f"word{n % 7}" for n in range(ROWS)], name="review")
        y = np.array(["glad" if n % 2 else "sad" for n in range(ROWS)])
        return pipeline.make_pipeline(TfidfVectorizer(), logistic()).fit(X, y), X, y

    def thin() -> tuple[Any, Any, Any]:
        from scipy import sparse

        X = sparse.random(ROWS, 20, density=0.2, format="csr", random_state=0)
        y = np.asarray(X.sum(axis=1)).ravel()
        return linear_model.Ridge().fit(X, y), X, y

    def searched() -> tuple[Any, Any, Any]:
        frame, y = _frame()
        inner = _mixed_pipeline(logistic(), frame)
        search = model_selection.GridSearchCV(inner, {"logisticregression__C": [0.1, 1.0]})
        return search.fit(frame, y), frame, y

    yield Case("pipelines", "ColumnTransformer of mixed columns", mixed)
    yield Case("pipelines", "GridSearchCV over that pipeline", searched)
    yield Case("pipelines", "HistGradientBoosting on categories and missing values", boosted)
    yield Case("pipelines", "TfidfVectorizer on a Series of text", text)
    yield Case("pipelines", "Ridge on a sparse matrix", thin)
    if find_spec("polars"):
        yield Case("pipelines", "ColumnTransformer of a polars frame", _polars)


def _polars() -> tuple[Any, Any, Any]:
    import polars

    frame, y = _frame()
    X = polars.DataFrame({"count": frame["count"].to_numpy(), "text": frame["text"].tolist()})
    parts = [("n", StandardScaler(), ["count"]), ("t", OneHotEncoder(), ["text"])]
    return pipeline.make_pipeline(compose.ColumnTransformer(parts), logistic()).fit(X, y), X, y


def of_other_libraries() -> Iterator[Case]:
    """Gradient boosting of other makers and what an AutoML search gives back, where installed."""

    def numbered(make: Callable[[], Any]) -> Callable[[], tuple[Any, Any, Any]]:
        def fitted() -> tuple[Any, Any, Any]:
            X, y = make_classification(ROWS, 6, n_informative=4, random_state=0)
            frame = pd.DataFrame(X, columns=[f"f{n}" for n in range(6)])
            return make().fit(frame, y), frame, y

        return fitted

    def valued(make: Callable[[], Any]) -> Callable[[], tuple[Any, Any, Any]]:
        def fitted() -> tuple[Any, Any, Any]:
            X, y = make_regression(ROWS, 6, noise=1.0, random_state=0)
            frame = pd.DataFrame(X, columns=[f"f{n}" for n in range(6)])
            return make().fit(frame, y), frame, y

        return fitted

    if find_spec("xgboost"):
        import xgboost

        yield Case("xgboost", "XGBClassifier", numbered(lambda: xgboost.XGBClassifier(n_estimators=10)))
        yield Case("xgboost", "XGBRegressor", valued(lambda: xgboost.XGBRegressor(n_estimators=10)))
    if find_spec("lightgbm"):
        import lightgbm

        yield Case(
            "lightgbm",
            "LGBMClassifier",
            numbered(lambda: lightgbm.LGBMClassifier(n_estimators=10, verbose=-1)),
        )
        yield Case(
            "lightgbm", "LGBMRegressor", valued(lambda: lightgbm.LGBMRegressor(n_estimators=10, verbose=-1))
        )
    if find_spec("catboost"):
        import catboost

        quiet = {"iterations": 10, "verbose": False, "allow_writing_files": False}
        yield Case("catboost", "CatBoostClassifier", numbered(lambda: catboost.CatBoostClassifier(**quiet)))
        yield Case("catboost", "CatBoostRegressor", valued(lambda: catboost.CatBoostRegressor(**quiet)))
    if find_spec("flaml") and find_spec("lightgbm"):
        yield Case("flaml", "AutoML's best estimator", _searched_by_flaml)


def _searched_by_flaml() -> tuple[Any, Any, Any]:
    from flaml import AutoML

    X, y = make_classification(ROWS, 6, n_informative=4, random_state=0)
    frame = pd.DataFrame(X, columns=[f"f{n}" for n in range(6)])
    search = AutoML()
    search.fit(
        frame, y, task="classification", max_iter=3, verbose=0, estimator_list=["lgbm"], log_file_name=""
    )
    return search.model.estimator, frame, y


def tag_all(home: Path, expected: dict[str, Any]) -> Iterator[tuple[Case, str, str]]:
    """Tag each case: (case, how it is stored, why not); `expected` is filled with the answers by folder."""
    settings = load_settings({"home": home})
    store = ModelStore(settings)
    for number, case in enumerate([*of_scikit_learn(), *of_containers(), *of_other_libraries()]):
        model, X, y = case.make()
        try:
            tagged = tag_model(model, f"model-{number}", train=(X, y), test=(X, y), settings=settings)
        except NorenError as error:
            yield case, "", str(error)
            continue
        files = store.files(tagged)
        # Copies: where it is given the very array that it was fitted on, BLAS takes another way to the last bit.
        expected[str(files.path)] = flat_predictions(
            model.predict(model_input(files.test(), tagged.signature))
        )
        yield case, files.manifest.serialisation, ""


def load_all(task: Path) -> None:
    """In a fresh process: answer with each version's files; print, by folder, `equal` or what differs, as JSON."""
    expected: dict[str, Any] = pickle.loads(task.read_bytes())  # noqa: S301 -- written by our own parent process
    said = {}
    for folder, answers in expected.items():
        files = VersionFiles(Path(folder))
        try:
            given = flat_predictions(
                files.model().predict(model_input(files.test(), files.manifest.version.signature))
            )
        except Exception as error:  # whatever it is goes into the table
            said[folder] = f"{type(error).__name__}: {error}"
            continue
        same = given.shape == answers.shape and bool((given == answers).all())
        said[folder] = "equal" if same else "different"
    print(json.dumps(said))


def survey() -> list[Row]:
    """Tag here, load there, compare."""
    with tempfile.TemporaryDirectory(prefix="noren-estimators-") as work:
        expected: dict[str, Any] = {}
        rows: list[tuple[Case, str, str, str]] = []
        for case, form, why in tag_all(Path(work) / "home", expected):
            folder = list(expected)[-1] if form else ""
            rows.append((case, form, why, folder))
            print(f"{case.name}: {form or why}", file=sys.stderr, flush=True)
        task = Path(work) / "task.pkl"
        task.write_bytes(pickle.dumps(expected))
        command = [sys.executable, str(Path(__file__)), "--load", str(task)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            sys.exit(done.stderr)
        said = json.loads(done.stdout.strip().splitlines()[-1])
    return [Row(case.family, case.name, form, said.get(folder, ""), why) for case, form, why, folder in rows]


def render(rows: list[Row]) -> str:
    """The page."""
    good = sum(row.equal == "equal" for row in rows)
    forms = Counter(row.tagged for row in rows if row.tagged)
    names = ("scikit-learn", "skops", "polars", "xgboost", "xgboost-cpu", "lightgbm", "catboost", "flaml")
    told = ", ".join(f"{name} {found}" for name in names if (found := _installed(name)))
    counted = ", ".join(f"{count} stored with {form}" for form, count in forms.most_common())
    lines = [
        "# Which models can be tagged",
        "",
        "Every estimator of scikit-learn that predicts, pipelines over other containers, and estimators of other",
        "libraries: fitted, tagged, read again in a fresh process, and asked the same rows. *Equal* means to the bit.",
        "`python tools/estimators.py` writes this page.",
        "",
        f"**{good} of {len(rows)} answer equally**; {counted}.",
        f"{datetime.now(UTC):%Y-%m-%d}, {platform.system()} {platform.machine()},",
        f"Python {platform.python_version()}; {told}.",
        "",
        "| from | model | stored with | in a fresh process |",
        "|---|---|---|---|",
    ]
    for row in rows:
        lines.append(f"| {row.family} | {row.name} | {row.tagged or 'refused'} | {row.equal or row.why} |")
    return "\n".join(lines) + "\n"


def _installed(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None


def main() -> None:
    """Write the page, or be the fresh process."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--load", type=Path)
    given = parser.parse_args()
    warnings.simplefilter("ignore")
    if given.load:
        load_all(given.load)
        return
    DOCUMENT.write_text(render(survey()))
    print(DOCUMENT)


if __name__ == "__main__":
    main()
