"""Which engine answers for which model, and that none is ever silently wrong: the known traps, here and over HTTP."""

from __future__ import annotations

import subprocess
import sys
from importlib import import_module
from typing import Any

import httpx
import numpy as np
import pytest

from noren_bento.compile.adversarial import mixed_rows
from noren_bento.compile.parity import Expected, expect
from noren_bento.serving.answers import Answers
from noren_bento.serving.columns import columns_of_frame
from noren_bento.serving.comparison import compare, compare_bits
from noren_bento.serving.original import Original
from noren_bento.serving.predictor import predictor_of_bento
from noren_bento.serving.rows import rows_of_columns
from noren_bento.settings import Settings, load_settings
from noren_bento.targets.temporary import serving
from tests.imports import REPOSITORY
from tests.noren_bento.builds import build
from tests.stores import lay_store

TOOLS = REPOSITORY / "tools"


def page_of(only: str) -> str:
    command = [sys.executable, str(TOOLS / "ladder.py"), "--only", only]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


@pytest.mark.slow
def test_the_known_traps_of_thresholds_and_large_numbers_are_no_silent_differences() -> None:
    page = page_of("TunedThreshold of")
    assert "**0 silent differences in 2 models**: 1 exact, 0 onnx, 1 arrays, 0 sklearn." in page
    assert "the converter would lose the threshold of TunedThresholdClassifierCV" in page
    assert "**0 silent differences in 1 models**: 1 exact" in page_of("ids about 1e10, LogisticRegression")


@pytest.mark.soak
@pytest.mark.timeout(7200)
def test_no_estimator_and_no_pipeline_is_silently_different() -> None:
    page = page_of("")
    assert "**0 silent differences in " in page
    assert "| none |" not in page


HTTP = (
    "StandardScaler, LogisticRegression",
    "OneHotEncoder, infrequent, LogisticRegression",
    "OneHotEncoder, ignoring, HistGradientBoosting",
    "PCA, forest",
    "whole-number labels, forest",
    "TunedThreshold of LogisticRegression",
    "TunedThreshold of a forest",
    "ids about 1e10, DecisionTree",
    "epoch seconds, SVC",
    "several targets, LinearRegression",
)


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    return load_settings({"home": lay_store(tmp_path_factory.mktemp("ladder"))}, environ={})


@pytest.mark.soak
@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", HTTP)
def test_answers_over_http_are_the_originals(
    name: str, home: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(TOOLS)
    models = import_module("models.pipelines")
    makers = dict([*models.of_pipelines(), *models.of_traps()])
    model, X, y = makers[name]()
    built = build(model, f"http-{HTTP.index(name)}", (X, y), home)
    predictor = predictor_of_bento(built.path)
    signature = predictor.signature
    columns = columns_of_frame(X, signature)
    hard = mixed_rows(columns, signature, 514, seed=7, closed=predictor.manifest.closed)
    expected = expect(Original(model, signature).predict, columns, hard)
    with serving(built.path, settings=home, workers=1) as url, httpx.Client(timeout=30) as client:
        for one in expected.asked:
            response = client.post(f"{url}/predict", json={"rows": rows_of_columns(one.rows, signature)})
            if one.answers is None:
                assert response.status_code == 500
                continue
            assert response.status_code == 200, response.text
            given = answers_of(response.json(), one.answers)
            difference = differ(built.runtime, expected, one.answers, given)
            assert difference is None, difference


def answers_of(body: dict[str, Any], like: Answers) -> Answers:
    shares = body.get("probabilities")
    dtype = object if like.predictions.dtype.kind in "OU" else like.predictions.dtype
    return Answers(np.array(body["predictions"], dtype=dtype), None if shares is None else np.array(shares))


def differ(runtime: str, expected: Expected, original: Answers, given: Answers) -> str | None:
    if runtime == "onnx":
        return compare(original, given, scale=expected.scale)
    return compare_bits(original, given)
