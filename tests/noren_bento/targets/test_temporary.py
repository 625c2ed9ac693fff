from __future__ import annotations

import os
import shutil
import socket
import time
from collections import defaultdict
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import pandas as pd
import psutil
import pytest
from prometheus_client.parser import text_string_to_metric_families
from sklearn.compose import make_column_transformer
from sklearn.dummy import DummyClassifier
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, PowerTransformer, StandardScaler

from noren_bento.bento_build.build import Build
from noren_bento.errors import NorenError
from noren_bento.serving.predictor import MODEL_FOLDER, predictor_of_bento, read_replay
from noren_bento.settings import Settings
from noren_bento.targets.temporary import serving
from tests.noren_bento.builds import SHARED_DATA, build, numbers, people

pytestmark = pytest.mark.slow
ROW = {f"n{place}": 0.5 for place in range(4)}


def totals(url: str) -> dict[str, float]:
    """Each counter, summed over its labels."""
    found: dict[str, float] = defaultdict(float)
    for family in text_string_to_metric_families(httpx.get(f"{url}/metrics").text):
        for sample in family.samples if family.type == "counter" else ():
            found[sample.name] += sample.value
    return found


def wait_for(url: str, name: str, value: float) -> dict[str, float]:
    deadline = time.monotonic() + 5
    while (found := totals(url))[name] != value and time.monotonic() < deadline:
        time.sleep(0.05)
    return found


def test_counts_are_exact_over_two_workers(built: Build, build_settings: Settings) -> None:
    def ask(number: int) -> int:
        with httpx.Client() as client:
            codes = [
                client.post(f"{url}/predict", json={"rows": [ROW] * (1 + number)}).status_code
                for _ in range(100)
            ]
            bad = client.post(f"{url}/predict", json={"rows": [{}]}).status_code
        assert set(codes) == {200}
        return bad

    with serving(built.path, settings=build_settings, workers=2) as url:
        with ThreadPoolExecutor(8) as threads:
            assert set(threads.map(ask, range(8))) == {422}
        found = wait_for(url, "noren_requests_total", 808)
        assert found["noren_rows_total"] == 100 * sum(range(1, 9))
        assert (found["noren_client_errors_total"], found["noren_model_errors_total"]) == (8, 0)


def test_a_served_version_has_a_true_openapi_page_and_its_version(
    built: Build, build_settings: Settings
) -> None:
    with serving(built.path, settings=build_settings, workers=1) as url:
        assert httpx.get(f"{url}/version").json()["model"] == "served/1"
        assert httpx.get(f"{url}/readyz").status_code == 200
        schemas = httpx.get(f"{url}/docs.json").json()["components"]["schemas"]
        assert set(schemas["Row"]["required"]) == set(ROW)
        rows = read_replay(built.path / MODEL_FOLDER)
        answer = httpx.post(f"{url}/predict", json={"rows": rows}).json()
        expected = predictor_of_bento(built.path).predict_frame(pd.DataFrame(rows))
        assert answer["predictions"] == expected.predictions.tolist()


def test_nothing_is_left_when_the_block_ends(built: Build, build_settings: Settings) -> None:
    with pytest.raises(KeyboardInterrupt), serving(built.path, settings=build_settings, workers=1) as url:  # noqa: PT012 -- the block's end is what is tested
        port = int(url.rpartition(":")[2])
        mine = [one for one in psutil.process_iter() if str(built.path) in " ".join(_command(one))]
        home = Path(mine[0].environ()["BENTOML_HOME"])
        assert len(mine) == 2
        raise KeyboardInterrupt
    assert not [one for one in mine if one.is_running()]
    assert not home.exists()
    with socket.socket() as probe:
        assert probe.connect_ex(("127.0.0.1", port)) != 0


def _command(process: psutil.Process) -> list[str]:
    try:
        return process.cmdline()
    except psutil.Error:
        return []


def test_a_bento_that_was_changed_does_not_become_ready_and_says_why(
    built: Build, build_settings: Settings, tmp_path: Path
) -> None:
    changed = tmp_path / "changed"
    shutil.copytree(built.path, changed)
    path = changed / MODEL_FOLDER / "profile.json"
    path.write_bytes(path.read_bytes() + b"x")
    with (
        pytest.raises(NorenError, match=r"profile\.json is not the file that was built"),
        serving(changed, settings=build_settings, workers=1),
    ):
        pass


MODULE = '''
import numpy as np
from sklearn.linear_model import LogisticRegression


class Moody(LogisticRegression):
    """Raises on 13, answers NaN on 14, else what it learned."""

    def predict_proba(self, X):
        if (X["n0"] == 13).any():
            raise ZeroDivisionError("13")
        return np.where((X["n0"] == 14).to_numpy()[:, None], np.nan, super().predict_proba(X))
'''


def test_the_original_of_a_users_module_answers_and_its_faults_are_500(
    build_settings: Settings, tmp_path: Path, monkeypatch: Any
) -> None:
    (tmp_path / "moody_of_test.py").write_text(MODULE)
    monkeypatch.syspath_prepend(tmp_path)
    from moody_of_test import Moody  # type: ignore[import-not-found]

    X, y = numbers()
    model = Moody().fit(X, y)
    own = build(model, "moody", (X, y), build_settings, (tmp_path / "moody_of_test.py",))
    assert own.runtime == "sklearn"
    with serving(own.path, settings=build_settings, workers=1) as url:
        rows = X.head(20).to_dict("records")
        assert (
            httpx.post(f"{url}/predict", json={"rows": rows}).json()["predictions"]
            == model.predict(X.head(20)).tolist()
        )
        for value, words in ((13, "raised ZeroDivisionError: 13"), (14, "is not a finite number")):
            response = httpx.post(f"{url}/predict", json={"rows": [{**ROW, "n0": value}]})
            assert response.status_code == 500
            assert words in response.json()["error"]
        found = wait_for(url, "noren_requests_total", 3)
        assert (found["noren_model_errors_total"], found["noren_rows_total"]) == (2, 20)


def test_where_a_model_raises_its_service_answers_500(build_settings: Settings) -> None:
    X, y = numbers()
    X = X.abs() + 1
    model = make_pipeline(PowerTransformer(method="box-cox"), LogisticRegression()).fit(X, y)
    built = build(model, "positive", (X, y), build_settings)
    with serving(built.path, settings=build_settings, workers=1) as url:
        assert httpx.post(f"{url}/predict", json={"rows": [ROW]}).status_code == 200
        assert httpx.post(f"{url}/predict", json={"rows": [{**ROW, "n1": 0}]}).status_code == 500


def pipeline(text: list[str], numeric: list[str]) -> Any:
    encode = make_pipeline(SimpleImputer(strategy="most_frequent"), OneHotEncoder(handle_unknown="ignore"))
    parts = make_column_transformer((StandardScaler(), numeric), (encode, text), sparse_threshold=0)
    return make_pipeline(parts, HistGradientBoostingClassifier(max_iter=20, random_state=0))


def test_text_and_missing_values_are_served(build_settings: Settings) -> None:
    X, y = people()
    model = pipeline(["home-town"], ["income", "age"]).fit(X, y)
    compiled = build(model, "people", (X, y), build_settings)
    assert compiled.runtime == "exact", compiled.because
    with serving(compiled.path, settings=build_settings, workers=1) as url:
        rows = read_replay(compiled.path / MODEL_FOLDER)
        assert None in [row["home-town"] for row in rows]
        answer = httpx.post(f"{url}/predict", json={"rows": rows}).json()["predictions"]
        assert answer == model.predict(pd.DataFrame(rows)).tolist()
        unseen = httpx.post(f"{url}/predict", json={"rows": [{**rows[0], "home-town": "Bonn"}]})
        assert unseen.status_code == 200
        wrong = httpx.post(f"{url}/predict", json={"rows": [{**rows[0], "age": None}]})
        assert (wrong.status_code, wrong.json()["column"], wrong.json()["row"]) == (422, "age", 0)


@pytest.mark.soak
@pytest.mark.skipif(
    not (SHARED_DATA / "adult_census.parquet").is_file(), reason="the census data is not here"
)
def test_the_census_is_served(build_settings: Settings) -> None:
    X = pd.read_parquet(SHARED_DATA / "adult_census.parquet").sample(4000, random_state=0)
    y = X.pop("income-per-year")
    text = [name for name in X if X[name].dtype.kind not in "if"]
    model = pipeline(text, [name for name in X if name not in text]).fit(X, y)
    census = build(model, "census", (X, y), build_settings)
    assert census.runtime == "exact", census.because
    with serving(census.path, settings=build_settings, workers=1) as url:
        rows = read_replay(census.path / MODEL_FOLDER)
        answer = httpx.post(f"{url}/predict", json={"rows": rows}).json()["predictions"]
        assert answer == model.predict(pd.DataFrame(rows)[list(X)]).tolist()


@pytest.mark.skipif(
    not (SHARED_DATA / "adult_census.parquet").is_file(), reason="the census data is not here"
)
def test_the_census_is_served_by_an_original(build_settings: Settings) -> None:
    X = pd.read_parquet(SHARED_DATA / "adult_census.parquet").sample(1000, random_state=0)
    y = X.pop("income-per-year")
    original = build(DummyClassifier().fit(X, y), "census-original", (X, y), build_settings)
    assert original.runtime == "arrays"
    with serving(original.path, settings=build_settings, workers=1) as url:
        rows = read_replay(original.path / MODEL_FOLDER)
        answer = httpx.post(f"{url}/predict", json={"rows": rows}).json()
        assert set(answer["predictions"]) == {"<=50K"}


def test_a_body_over_the_limit_is_413(built: Build, build_settings: Settings) -> None:
    small = replace(build_settings, max_body_bytes=500)
    with serving(built.path, settings=small, workers=1) as url:
        response = httpx.post(f"{url}/predict", json={"rows": [ROW] * 50})
        assert response.status_code == 413
        assert os.environ.get("NOREN_MAX_BODY_BYTES") is None
