from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.compose import make_column_transformer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from noren_bento.errors import NorenError
from noren_bento.profile.profile import Profile
from noren_bento.serving.answers import Answers, ModelError
from noren_bento.serving.manifest import hash_files, read_manifest, write_manifest
from noren_bento.serving.predictor import Predictor, load_predictor
from tests.noren_bento.builds import numbers, people
from tests.noren_bento.serving.folders import write_folder


def pipeline() -> Any:
    encode = OneHotEncoder(handle_unknown="ignore")
    parts = make_column_transformer((StandardScaler(), ["income", "age"]), (encode, ["home-town"]))
    return make_pipeline(parts, LogisticRegression())


@pytest.mark.parametrize("runtime", ["exact", "onnx", "arrays", "sklearn"])
def test_a_loaded_version_answers_like_the_model(runtime: Any, tmp_path: Path) -> None:
    X, y = people()
    model = pipeline().fit(X, y)
    predictor = load_predictor(write_folder(tmp_path / "model", model, X, y, steps=[runtime]))
    assert predictor.manifest.runtime == runtime
    answers = predictor.predict_frame(X[X.columns[::-1]])
    assert (answers.predictions == model.predict(X)).all()
    assert answers.probabilities is not None
    np.testing.assert_allclose(answers.probabilities, model.predict_proba(X), atol=1e-6)
    assert (predictor.version, predictor.digest) == ("churn/1", "ab" * 32)


@pytest.mark.parametrize("name", ["exact.json", "exact.npz", "proof.json", "profile.json", "replay.json"])
def test_a_changed_file_is_refused_before_anything_is_loaded(name: str, tmp_path: Path) -> None:
    X, y = numbers()
    folder = write_folder(tmp_path / "model", LogisticRegression().fit(X, y), X, y)
    content = bytearray((folder / name).read_bytes())
    content[len(content) // 2] ^= 1
    (folder / name).write_bytes(content)
    with pytest.raises(NorenError, match=f"{name} is not the file that was built for churn/1"):
        load_predictor(folder)


def test_an_engine_that_answers_otherwise_here_than_at_build_time_is_not_ready(tmp_path: Path) -> None:
    X, y = numbers()
    folder = write_folder(tmp_path / "model", LogisticRegression().fit(X, y), X, y)
    other = write_folder(tmp_path / "other", LogisticRegression(C=1e-4).fit(X, y), X, y)
    (other / "exact.npz").replace(folder / "exact.npz")
    manifest = read_manifest(folder)
    write_manifest(folder, replace(manifest, files=hash_files(folder)))
    with pytest.raises(
        NorenError, match=r"\(exact, numpy\) answers its packaged rows otherwise here.*labels differ"
    ):
        load_predictor(folder)


def test_a_file_that_was_added_or_removed_is_refused(tmp_path: Path) -> None:
    X, y = numbers()
    folder = write_folder(tmp_path / "model", LogisticRegression().fit(X, y), X, y)
    (folder / "modules").mkdir()
    (folder / "modules" / "evil.py").write_text("raise SystemExit")
    with pytest.raises(NorenError, match=r"evil\.py is not the file"):
        load_predictor(folder)
    (folder / "modules" / "evil.py").unlink()
    (folder / "replay.json").unlink()
    with pytest.raises(NorenError, match=r"replay\.json is not the file"):
        load_predictor(folder)


def test_a_damaged_manifest_is_named(tmp_path: Path) -> None:
    (tmp_path / "manifest.json").write_text('{"format": 1, "version": 3}')
    with pytest.raises(NorenError, match="damaged"):
        load_predictor(tmp_path)
    (tmp_path / "manifest.json").write_text('{"format": 99}')
    with pytest.raises(NorenError, match="format 99; this Noren reads 1"):
        load_predictor(tmp_path)
    with pytest.raises(NorenError, match="not a bento's model folder"):
        load_predictor(tmp_path / "nowhere")


class Odd:
    """A runtime that answers what it is told."""

    def __init__(self, answers: Answers | Exception) -> None:
        self.answers = answers

    def predict(self, _: Any) -> Answers:
        if isinstance(self.answers, Exception):
            raise self.answers
        return self.answers


@pytest.mark.parametrize(
    ("given", "words"),
    [
        (ValueError("boom"), "churn/1 raised ValueError: boom"),
        (Answers(np.array([1.0, np.nan])), "prediction for row 1 is not a finite number"),
        (Answers(np.array([1, 1]), np.array([[0.5, 0.5], [np.inf, 0]])), "probability for row 1"),
        (Answers(np.array([1, 1]), scores=np.array([0.5, np.inf])), "score for row 1"),
        (Answers(np.array([1.0])), "1 predictions for 2 rows"),
    ],
)
def test_what_is_no_prediction_is_the_models_error(given: Any, words: str, tmp_path: Path) -> None:
    X, y = numbers()
    manifest = read_manifest(write_folder(tmp_path / "model", LogisticRegression().fit(X, y), X, y))
    predictor = Predictor(manifest, Profile(0, ()), Odd(given))
    with pytest.raises(ModelError, match=words):
        predictor.predict({"n0": np.zeros(2)})
