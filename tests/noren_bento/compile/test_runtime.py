from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.compose import make_column_transformer
from sklearn.dummy import DummyClassifier
from sklearn.ensemble import RandomForestClassifier
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, PowerTransformer, StandardScaler

from noren_bento.compile.runtime import compile_model
from noren_bento.errors import NorenError
from noren_bento.serving.comparison import finite_rows
from noren_bento.serving.graph import Graph
from noren_bento.serving.proof import read_proof
from noren_bento.tagging.signature import read_signature
from tests.noren_bento.builds import SHARED_DATA, numbers

pytestmark = pytest.mark.slow


def test_where_a_model_raises_on_zero_what_answers_gives_no_answer_either(tmp_path: Any) -> None:
    X, y = numbers()
    X = X.abs() + 1
    model = make_pipeline(PowerTransformer(method="box-cox"), LogisticRegression()).fit(X, y)
    signature = read_signature(model, X, X, y)
    outcome = compile_model(model, signature, X, tmp_path)
    assert outcome.runtime == "onnx", outcome.because
    assert read_proof(tmp_path).refused_rows > 0
    graph = Graph(tmp_path / "model.onnx", signature)
    for value in (0.0, -1.0):
        given = graph.predict({name: np.array([value]) for name in X})
        assert not finite_rows(given).any()


def test_a_model_without_a_converter_is_answered_by_the_original(tmp_path: Any) -> None:
    X, y = numbers()
    model = DummyClassifier().fit(X, y)
    outcome = compile_model(model, read_signature(model, X, X, y), X, tmp_path)
    assert outcome.runtime == "arrays"
    assert "not onnx: " in outcome.because


def test_a_model_that_does_not_answer_in_time_answers_unproven(tmp_path: Any) -> None:
    X, y = numbers()
    model = RandomForestClassifier(5).fit(X, y)
    outcome = compile_model(model, read_signature(model, X, X, y), X, tmp_path, seconds=0.05)
    assert outcome.runtime == "sklearn"
    assert "its answering of rows that fit its signature did not end within 0 s" in outcome.because
    proof = read_proof(tmp_path)
    assert (proof.reference_rows, proof.adversarial_rows) == (24, 0)
    assert proof.predictions == model.predict(pd.DataFrame(proof.rows)).tolist()


def test_a_model_of_a_module_that_is_not_there_is_an_error_with_the_fix(
    tmp_path: Any, monkeypatch: Any
) -> None:
    (tmp_path / "own_model_of_test.py").write_text(
        "from sklearn.linear_model import LogisticRegression\n\n\nclass Own(LogisticRegression):\n    pass\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    from own_model_of_test import Own  # type: ignore[import-not-found]

    X, y = numbers()
    model = Own().fit(X, y)
    signature = read_signature(model, X, X, y)
    folder = tmp_path / "out"
    folder.mkdir()
    with pytest.raises(NorenError, match=r"own_model_of_test.*--with"):
        compile_model(model, signature, X, folder)
    assert compile_model(model, signature, X, folder, import_from=(tmp_path,)).because


@pytest.mark.skipif(
    not (SHARED_DATA / "adult_census.parquet").is_file(), reason="the census data is not here"
)
def test_the_census_pipeline_is_compiled(tmp_path: Any) -> None:
    X = pd.read_parquet(SHARED_DATA / "adult_census.parquet").sample(3000, random_state=0)
    y = X.pop("income-per-year")
    text = [name for name in X if X[name].dtype.kind not in "if"]
    numeric = [name for name in X if name not in text]
    encode = make_pipeline(SimpleImputer(strategy="most_frequent"), OneHotEncoder(handle_unknown="ignore"))
    parts = make_column_transformer((StandardScaler(), numeric), (encode, text))
    model = make_pipeline(parts, LogisticRegression(max_iter=500)).fit(X, y)
    outcome = compile_model(model, read_signature(model, X, X, y), X, tmp_path)
    assert outcome.runtime == "exact", outcome.because
    assert outcome.speedup
