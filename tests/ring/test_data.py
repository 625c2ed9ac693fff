"""The ring on real data: bike rentals that drift by themselves, and a census with mixed types and missing values."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator

import httpx
import numpy as np
import pandas as pd
import pytest
from sklearn.compose import ColumnTransformer, make_column_selector
from sklearn.ensemble import HistGradientBoostingRegressor
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from noren.ring import Ring, Task
from noren_bento.control.client import ControlClient
from noren_bento.settings import Settings
from tests.ring.home import SHARED_DATA, quick_plan, running_home, until

pytestmark = [pytest.mark.slow, pytest.mark.timeout(400)]


def read(name: str) -> pd.DataFrame:
    path = SHARED_DATA / name
    if not path.exists():
        pytest.skip(f"{name} is not beside the project")
    return pd.read_parquet(path)


def send(settings: Settings, name: str, frame: pd.DataFrame, *, rows: int = 5) -> list[object]:
    """Send all rows, a few a request, and return the predictions."""
    predictions: list[object] = []
    records = json.loads(frame.to_json(orient="records", date_format="iso"))
    with httpx.Client(base_url=f"http://127.0.0.1:{settings.port}") as client:
        for start in range(0, len(records), rows):
            answer = client.post(f"/{name}/predict", json={"rows": records[start : start + rows]}, timeout=30)
            assert answer.status_code == 200, answer.text
            predictions += answer.json()["predictions"]
    return predictions


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Settings]:
    with running_home(tmp_path_factory.mktemp("data")) as settings:
        yield settings


def test_bike_rentals_of_2012_drift_from_a_model_of_early_2011(settings: Settings) -> None:
    hours = read("bike_sharing_hourly.parquet")
    features = [c for c in hours.columns if c not in ("cnt", "casual", "registered", "dteday", "instant")]
    early = hours[(hours["yr"] == 0) & (hours["mnth"] <= 6)]
    later = hours[(hours["yr"] == 1)]
    held = early.sample(frac=0.3, random_state=0)
    kept = early.drop(held.index)
    model = HistGradientBoostingRegressor(max_iter=60, random_state=0).fit(kept[features], kept["cnt"])
    release = Ring(settings).deploy(
        Task(model, "rentals", (kept[features], kept["cnt"]), (held[features], held["cnt"]))
    )
    assert release.state == "promoted"
    client = ControlClient(settings)

    same = held[features].sample(600, replace=True, random_state=1)
    answers = send(settings, "rentals", same)
    assert np.allclose(np.asarray(answers, dtype=float), model.predict(same), rtol=1e-4, atol=1e-2)
    until(lambda: client.drift("rentals").rows >= 600)
    assert client.drift("rentals").alarms == (), "the same months do not drift"

    send(settings, "rentals", later[features].iloc[:3000])
    until(lambda: client.drift("rentals").rows >= 3000)
    alarms = set(client.drift("rentals").alarms)
    assert "yr" in alarms, "no reference row is of 2012"
    assert not alarms & {"hr", "holiday"}, "hours of the day come in equal shares in both years"


def test_a_census_pipeline_with_mixed_types_and_missing_values_goes_round(settings: Settings) -> None:
    people = read("adult_census.parquet")
    target = "income-per-year"
    X, y = people.drop(columns=target), people[target].astype(str).to_numpy()
    assert X.isna().any().any(), "the data have missing values"
    numbers = make_pipeline(SimpleImputer(strategy="median"), StandardScaler())
    texts = make_pipeline(
        SimpleImputer(strategy="constant", fill_value="missing"), OneHotEncoder(handle_unknown="ignore")
    )
    encode = ColumnTransformer(
        [
            ("numbers", numbers, make_column_selector(dtype_include="number")),
            ("texts", texts, make_column_selector(dtype_exclude="number")),
        ]
    )
    train, test = X.index[:8000], X.index[8000:11000]
    first = make_pipeline(encode, LogisticRegression(C=0.01, max_iter=300)).fit(X.loc[train], y[:8000])
    second = make_pipeline(encode, LogisticRegression(C=0.1, max_iter=300)).fit(X.loc[train], y[:8000])
    data = {"train": (X.loc[train], y[:8000]), "test": (X.loc[test], y[8000:11000])}
    assert Ring(settings).deploy(Task(first, "income", **data)).state == "promoted"
    release = Ring(settings).deploy(Task(second, "income", **data, plan=quick_plan(30, 60)))
    later = X.iloc[11000:15000]
    deadline = time.monotonic() + 120
    while release.now.active and time.monotonic() < deadline:
        send(settings, "income", later.iloc[:400], rows=1)
    assert release.state == "promoted", release.because
    answers = send(settings, "income", later.iloc[:400])
    assert list(map(str, answers)) == list(second.predict(later.iloc[:400]))
    assert release.evidence.candidate.failed == 0
