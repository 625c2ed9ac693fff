"""From a fitted model to a version, end to end, on a real MLflow store."""

from __future__ import annotations

import subprocess
import sys
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy.sparse import csr_matrix
from sklearn.cluster import KMeans
from sklearn.compose import make_column_selector, make_column_transformer
from sklearn.ensemble import HistGradientBoostingClassifier, IsolationForest, RandomForestRegressor
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from noren_bento.release.version import ModelVersion
from noren_bento.settings import Settings
from noren_bento.stores.models import ModelStore
from noren_bento.tagging.digest import read_state
from noren_bento.tagging.frames import model_input
from noren_bento.tagging.tag import tag_model

Data = tuple[Any, Any]


def split(data: Data) -> dict[str, Data]:
    X, y = data
    cut = len(X) * 3 // 4
    if isinstance(X, pd.DataFrame):
        return {"train": (X.iloc[:cut], y[:cut]), "test": (X.iloc[cut:], y[cut:])}
    return {"train": (X[:cut], y[:cut]), "test": (X[cut:], y[cut:])}


def columns_of(version: ModelVersion) -> dict[str, tuple[str, str, bool]]:
    return {c.name: (c.kind, c.dtype, c.missing) for c in version.signature.columns}


def mixed_pipeline() -> Any:
    words = make_pipeline(
        SimpleImputer(strategy="constant", fill_value="none"), OneHotEncoder(handle_unknown="ignore")
    )
    return make_pipeline(
        make_column_transformer(
            (make_pipeline(SimpleImputer(), StandardScaler()), ["number", "hole", "count"]),
            (words, ["text", "object"]),
            (OneHotEncoder(handle_unknown="ignore"), ["level", "season", "flag"]),
        ),
        LogisticRegression(),
    )


def test_a_classifier_on_an_array_gets_named_columns_metrics_and_a_profile(settings: Settings) -> None:
    random = np.random.default_rng(1)
    X = random.normal(size=(200, 3))
    y = (X[:, 0] > 0).astype(int)
    data = split((X, y))
    model = LogisticRegression().fit(*data["train"])
    version = tag_model(model, "arrays", **data, settings=settings)
    files = ModelStore(settings).files(version)
    assert str(version) == "arrays/1"
    assert version.signature.names() == ("x0", "x1", "x2")
    assert version.signature.container == "array"
    assert version.signature.classes == (0, 1)
    assert version.signature.probabilities
    assert files.metrics()["accuracy"] > 0.9
    assert files.profile().rows == 150
    assert [column.name for column in files.profile().outputs] == ["prediction"]
    again = files.model().predict(model_input(files.test(), version.signature))
    assert (again == model.predict(data["test"][0])).all()
    assert files.test_y().tolist() == data["test"][1].tolist()


def test_the_same_fitted_state_is_the_same_version_and_another_is_the_next(settings: Settings) -> None:
    X = np.arange(40.0).reshape(-1, 1)
    data = split((X, X.ravel() * 2))
    first = tag_model(Ridge().fit(*data["train"]), "again", **data, settings=settings)
    second = tag_model(Ridge().fit(*data["train"]), "again", **data, settings=settings)
    third = tag_model(Ridge(alpha=5).fit(*data["train"]), "again", **data, settings=settings)
    assert (first.number, second, third.number) == (1, first, 2)
    assert ModelStore(settings).versions("again") == (first, third)


def test_every_kind_of_column_comes_back_as_the_model_was_fitted_on_it(
    settings: Settings, mixed: Data
) -> None:
    data = split(mixed)
    model = mixed_pipeline().fit(*data["train"])
    version = tag_model(model, "mixed", **data, settings=settings)
    files = ModelStore(settings).files(version)
    kinds = columns_of(version)
    assert kinds["count"] == ("integer", "int64", False)
    assert kinds["nullable"] == ("integer", "Int64", True)
    assert kinds["flag"][0] == "boolean"
    assert kinds["text"] == ("text", "str", True)
    assert kinds["object"][:2] == ("text", "object")
    assert kinds["level"][:2] == ("text", "category")
    assert kinds["season"][:2] == ("integer", "category")
    assert kinds["at"][0] == kinds["zoned"][0] == "datetime"
    level = next(c for c in version.signature.columns if c.name == "level")
    assert level.categories == ("low", "mid", "high")
    reference = files.reference()
    pd.testing.assert_series_equal(reference.dtypes, data["train"][0].dtypes)
    pd.testing.assert_frame_equal(reference, data["train"][0].reset_index(drop=True))
    assert (files.model().predict(files.test()) == model.predict(data["test"][0])).all()
    assert files.example()[0].keys() == set(reference.columns)


def test_a_column_without_missing_values_takes_them_when_the_model_was_shown_to(
    settings: Settings, mixed: Data
) -> None:
    data = split(mixed)
    version = tag_model(mixed_pipeline().fit(*data["train"]), "shown", **data, settings=settings)
    kinds = columns_of(version)
    assert kinds["number"][2]
    assert not kinds["count"][2]  # an integer cannot be missing without becoming a float
    X = np.random.default_rng(0).normal(size=(60, 2))
    plain = split((X, X[:, 0]))
    version = tag_model(Ridge().fit(*plain["train"]), "refuses", **plain, settings=settings)
    assert not any(column.missing for column in version.signature.columns)


def test_the_census_with_text_and_missing_values(
    settings: Settings, adult: tuple[pd.DataFrame, pd.Series]
) -> None:
    data = split((adult[0].head(4000), adult[1].head(4000)))
    words = make_pipeline(SimpleImputer(strategy="most_frequent"), OneHotEncoder(handle_unknown="ignore"))
    shape = make_column_transformer(
        (words, make_column_selector(dtype_exclude="number")), remainder=StandardScaler()
    )
    model = make_pipeline(shape, LogisticRegression(max_iter=300)).fit(*data["train"])
    version = tag_model(model, "census", **data, settings=settings)
    files = ModelStore(settings).files(version)
    assert version.signature.classes == ("<=50K", ">50K")
    assert files.metrics()["balanced_accuracy"] > 0.7
    assert 0.8 < files.metrics()["roc_auc"] < 1
    assert files.profile().column("workclass").missing_share > 0.03
    assert (files.model().predict(files.test()) == model.predict(data["test"][0])).all()


def test_a_boosted_model_with_categories_is_stored_without_a_pickle(
    settings: Settings, adult: tuple[pd.DataFrame, pd.Series]
) -> None:
    frame = adult[0].head(2000)
    frame = frame.assign(**{name: frame[name].astype("category") for name in frame.select_dtypes("str")})
    data = split((frame, adult[1].head(2000)))
    model = HistGradientBoostingClassifier(max_iter=10).fit(*data["train"])
    version = tag_model(model, "boosted", **data, settings=settings)
    files = ModelStore(settings).files(version)
    assert files.manifest.serialisation == "skops"
    assert (files.model().predict(files.test()) == model.predict(data["test"][0])).all()


def test_bike_rentals_with_a_date_column_left_out_by_a_forest(
    settings: Settings, bike: tuple[pd.DataFrame, pd.Series]
) -> None:
    data = split((bike[0].head(3000), bike[1].head(3000)))
    numbers = make_column_transformer(("passthrough", make_column_selector(dtype_include="number")))
    model = make_pipeline(numbers, RandomForestRegressor(10, random_state=0)).fit(*data["train"])
    version = tag_model(model, "bike", **data, settings=settings)
    files = ModelStore(settings).files(version)
    assert columns_of(version)["dteday"][0] == "datetime"
    assert version.signature.task == "regression"
    names = {"r2", "mae", "rmse", "median_absolute_error"}
    assert set(files.metrics()) == names | {f"training_{name}" for name in names}
    low, high = files.intervals()["r2"]
    assert low < files.metrics()["r2"] < high
    assert files.example()[0]["dteday"] == "2011-01-01T00:00:00"


def test_models_without_a_target_are_tagged(settings: Settings) -> None:
    X = np.random.default_rng(0).normal(size=(80, 2))
    data = {"train": (X[:60], None), "test": (X[60:], None)}
    clusters = tag_model(KMeans(2, n_init=1).fit(X[:60]), "clusters", **data, settings=settings)
    outliers = tag_model(IsolationForest(n_estimators=10).fit(X[:60]), "outliers", **data, settings=settings)
    store = ModelStore(settings)
    assert clusters.signature.task == "clustering"
    assert store.files(clusters).metrics()["clusters"] == 2
    assert outliers.signature.task == "outliers"
    assert store.files(outliers).test_y().empty


def test_sparse_matrices_and_lists_of_rows_are_tables_too(settings: Settings) -> None:
    X = np.eye(4)[np.arange(40) % 4]
    y = np.arange(40) % 4
    data = {"train": (csr_matrix(X), y), "test": (X.tolist(), y.tolist())}
    version = tag_model(LogisticRegression().fit(csr_matrix(X), y), "sparse", **data, settings=settings)
    assert version.signature.names() == ("x0", "x1", "x2", "x3")


def test_the_reference_is_a_seeded_sample_of_at_most_ten_thousand_rows(settings: Settings) -> None:
    X = np.arange(20_500.0).reshape(-1, 1)
    data = {"train": (X, X.ravel()), "test": (X[:100], X[:100].ravel())}
    version = tag_model(Ridge().fit(X, X.ravel()), "many", **data, settings=settings)
    files = ModelStore(settings).files(version)
    profile = files.profile()
    assert len(files.reference()) == profile.sampled == 10_000
    assert sum(profile.outputs[0].counts) == 10_000
    assert profile.rows == sum(profile.columns[0].counts) == 20_500
    assert profile.columns[0].range == (0.0, 20_499.0)
    assert (files.reference()["x0"].to_numpy() == files.reference_y().to_numpy()).all()
    assert files.lineage().train.rows == 20_500


def test_lineage_says_who_with_what_from_which_commit(settings: Settings) -> None:
    X = np.arange(40.0).reshape(-1, 1)
    data = split((X, X.ravel()))
    version = tag_model(Ridge(alpha=3).fit(*data["train"]), "lineage", **data, settings=settings)
    lineage = ModelStore(settings).files(version).lineage()
    assert lineage.who
    assert "scikit-learn" in lineage.libraries
    assert (lineage.train.rows, lineage.test.rows) == (30, 10)
    assert any(one.startswith("scikit-learn==") for one in version.requirements)
    assert not any(one.startswith("pandas==") for one in version.requirements)


def test_a_class_from_a_module_of_the_users_travels_with_the_version(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = tmp_path / "noren_test_features.py"
    source.write_text(
        "from sklearn.linear_model import Ridge\n\n\nclass Doubled(Ridge):\n"
        "    def predict(self, X):\n        return 2 * super().predict(X)\n"
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    import noren_test_features

    X = np.arange(40.0).reshape(-1, 1)
    data = split((X, X.ravel()))
    model = noren_test_features.Doubled().fit(*data["train"])
    version = tag_model(model, "own", **data, settings=settings, with_modules=[source])
    files = ModelStore(settings).files(version)
    assert files.manifest.serialisation == "skops"
    assert [path.name for path in files.modules()] == ["noren_test_features.py"]
    elsewhere = (
        "import sys; from pathlib import Path; from noren_bento.tagging.version_files import VersionFiles;"
        "print(VersionFiles(Path(sys.argv[1])).model().predict([[1.0]])[0])"
    )
    done = subprocess.run(
        [sys.executable, "-c", elsewhere, str(files.path)],
        capture_output=True,
        text=True,
        cwd="/",
        check=True,
    )
    assert float(done.stdout) == pytest.approx(model.predict([[1.0]])[0])
    before = read_state(model, [source.read_bytes()]).digest
    assert before != read_state(model, [source.read_bytes() + b"\n"]).digest


def test_a_model_of_no_library_is_stored_with_cloudpickle_and_a_warning(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = tmp_path / "noren_test_own.py"
    source.write_text(
        "from fractions import Fraction\n\n\nclass Own:\n    factor = 2.0\n\n    def __init__(self):\n"
        "        self.half = Fraction(1, 2)\n\n    def predict(self, X):\n        return X[:, 0] * self.factor\n"
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    import noren_test_own

    X = np.arange(40.0).reshape(-1, 1)
    data = split((X, X.ravel()))
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        version = tag_model(noren_test_own.Own(), "pickled", **data, settings=settings, with_modules=[source])
    files = ModelStore(settings).files(version)
    assert version.signature.task == "regression"
    assert files.manifest.serialisation == "cloudpickle"
    assert any("stored with cloudpickle" in str(one.message) for one in caught)
    assert files.model().predict(np.array([[3.0]])) == [6.0]


def test_progress_names_each_stage(settings: Settings) -> None:
    X = np.arange(40.0).reshape(-1, 1)
    data = split((X, X.ravel()))
    told: list[str] = []
    tag_model(Ridge(alpha=9).fit(*data["train"]), "told", **data, settings=settings, progress=told.append)
    assert told[0].startswith("inspect")
    assert told[-1] == "register it"
