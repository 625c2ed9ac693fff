"""FAULT 10 by schemathesis: whatever a service's own OpenAPI document allows is answered, all else is a 4xx."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from sklearn.compose import make_column_transformer
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder

from noren_bento.settings import Settings, load_settings
from noren_bento.targets.temporary import serving
from tests.faults.conftest import Figure
from tests.noren_bento.builds import build, numbers, people
from tests.stores import lay_store

pytestmark = pytest.mark.slow
CONFIGURATION = """
# 413 is how a service says that there are too many rows.
[checks]
negative_data_rejection.expected-statuses = ["400", "413", "415", "422"]
"""


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    home = tmp_path_factory.mktemp("home")
    return load_settings(
        {"home": lay_store(home), "environments": os.environ["NOREN_ENVIRONMENTS"]},
        environ={},
        folder=Path("/"),
    )


def classifier() -> tuple[Any, Any]:
    """Text with missing values, numbers, whole numbers, text labels."""
    X, y = people()
    text = OneHotEncoder(handle_unknown="ignore")
    columns = make_column_transformer((text, ["home-town"]), remainder="passthrough")
    return make_pipeline(columns, LogisticRegression(max_iter=500)).fit(X, y), (X, y)


def regression() -> tuple[Any, Any]:
    X, _ = numbers()
    y = X.sum(axis=1).to_numpy()
    return LinearRegression().fit(X, y), (X, y)


@pytest.fixture(scope="module", params=[classifier, regression], ids=lambda make: make.__name__)
def url(request: Any, settings: Settings) -> Iterator[str]:
    model, data = request.param()
    built = build(model, f"documented-{request.param.__name__}", data, settings)
    with serving(built.path, settings=settings, workers=1) as url:
        yield url


@pytest.mark.parametrize("examples", [10, pytest.param(500, marks=pytest.mark.soak)])
def test_schemathesis_finds_nothing(examples: int, url: str, tmp_path: Path, figure: Figure) -> None:
    (tmp_path / "schemathesis.toml").write_text(CONFIGURATION)
    command = [Path(sys.executable).parent / "schemathesis", "run", f"{url}/docs.json", "--checks", "all"]
    # Of columns of numbers alone schemathesis makes so many long lists that its coverage phase takes minutes.
    only_numbers = "n0" in httpx.get(f"{url}/docs.json").text
    command += ["--phases", "examples,fuzzing" if only_numbers else "examples,coverage,fuzzing"]
    command += ["--max-examples", str(examples), "--seed", "1", "--no-color", "--workers", "1"]
    done = subprocess.run(
        command, cwd=tmp_path, capture_output=True, text=True, timeout=200 + 10 * examples, check=False
    )
    assert done.returncode == 0, done.stdout[-6000:] + done.stderr[-2000:]
    figure(10, f"schemathesis on the service's own document, {examples} examples an operation: 0 failures")


def test_the_examples_are_answered(url: str) -> None:
    document = httpx.get(f"{url}/docs.json").json()
    for path in ("/predict", "/invocations", "/feedback"):
        body = document["paths"][path]["post"]["requestBody"]["content"]["application/json"]
        values = (
            [body["example"]] if "example" in body else [one["value"] for one in body["examples"].values()]
        )
        assert values
        for value in values:
            answer = httpx.post(f"{url}{path}", json=value)
            assert answer.status_code == 200, (path, value, answer.text)
