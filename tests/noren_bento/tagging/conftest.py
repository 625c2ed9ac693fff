from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from noren_bento.settings import Settings, load_settings
from tests.stores import lay_store

DATA = Path(__file__).parents[3] / ".." / "shared" / "data"


@pytest.fixture(scope="session")
def settings(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """One store for all tests; each test has model names of its own."""
    return load_settings({"home": lay_store(tmp_path_factory.mktemp("home"))}, environ={}, folder=Path("/"))


@pytest.fixture(scope="session")
def adult() -> tuple[pd.DataFrame, pd.Series]:
    return _read("adult_census.parquet", "income-per-year")


@pytest.fixture(scope="session")
def bike() -> tuple[pd.DataFrame, pd.Series]:
    frame, y = _read("bike_sharing_hourly.parquet", "cnt")
    return frame.drop(columns=["casual", "registered"]), y


def _read(name: str, target: str) -> tuple[pd.DataFrame, pd.Series]:
    path = DATA / name
    if not path.is_file():
        pytest.skip(f"{name} is not in ../shared/data")
    frame = pd.read_parquet(path)
    return frame.drop(columns=[target]), frame[target]


@pytest.fixture
def mixed() -> tuple[pd.DataFrame, np.ndarray]:
    """A frame with a column of each kind, with and without missing values."""
    random = np.random.default_rng(0)
    rows = 120
    frame = pd.DataFrame(
        {
            "number": random.normal(size=rows),
            "hole": np.where(random.random(rows) < 0.2, np.nan, random.normal(size=rows)),
            "count": random.integers(0, 9, rows),
            "nullable": pd.array(random.integers(0, 9, rows), dtype="Int64"),
            "flag": random.random(rows) < 0.5,
            "text": random.choice(["red", "green"], rows),
            "object": pd.Series(random.choice(["a", "b"], rows), dtype=object),
            "level": pd.Categorical(random.choice(["low", "high"], rows), categories=["low", "mid", "high"]),
            "season": pd.Categorical(random.integers(1, 5, rows), categories=[1, 2, 3, 4]),
            "at": pd.Timestamp("2026-01-01") + pd.to_timedelta(np.arange(rows), unit="h"),
            "zoned": pd.date_range("2026-01-01", periods=rows, freq="h", tz="Europe/Berlin"),
        }
    )
    frame.loc[3, "nullable"] = pd.NA
    frame.loc[4, "text"] = None
    frame.loc[5, "at"] = pd.NaT
    return frame, (frame["number"] > 0).to_numpy()
