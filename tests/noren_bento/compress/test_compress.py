"""Each variant is a model of its own, measured on test rows; the original stays as it was."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.cluster import KMeans
from sklearn.datasets import make_classification
from sklearn.ensemble import (
    AdaBoostClassifier,
    ExtraTreesClassifier,
    GradientBoostingClassifier,
    GradientBoostingRegressor,
    HistGradientBoostingClassifier,
    HistGradientBoostingRegressor,
    RandomForestClassifier,
    RandomForestRegressor,
)
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.neighbors import KNeighborsClassifier
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.tree import DecisionTreeClassifier

from noren_bento.compress.compress import apply, compress, propose
from noren_bento.compress.forests import rank_trees
from noren_bento.compress.result import Compression
from noren_bento.errors import NotFoundError
from noren_bento.release.version import ModelVersion
from noren_bento.tagging.digest import read_state
from noren_bento.tagging.frames import to_frame
from noren_bento.tagging.signature import read_signature

X, Y = make_classification(1_200, 20, n_informative=8, random_state=0)
Z = X[:, 0] + X[:, 1] ** 2
CUT = 800


def compressed(model: Any, y: Any = Y, data: Any = X) -> tuple[Compression, Any]:
    fitted = model.fit(data[:CUT], y[:CUT])
    frame = to_frame(data[:CUT])
    version = ModelVersion("churn", 3, "ab" * 32, read_signature(fitted, data[:CUT], frame, y[:CUT]))
    test = to_frame(data[CUT:])
    return compress(fitted, version, train=(data[:CUT], y[:CUT]), test=(test, y[CUT:])), fitted


def test_a_forests_variants_are_smaller_and_quicker_and_its_own_trees_stay() -> None:
    forest = RandomForestClassifier(60, random_state=0)
    result, fitted = compressed(forest)
    before = read_state(fitted).digest
    original, *variants = result.variants
    assert original.name == "original"
    assert {"30 trees", "15 trees", "6 trees"} <= set(result.names)
    assert sum(name.startswith("prune") for name in result.names) == 3
    assert [one.bytes for one in variants] == sorted((one.bytes for one in variants), reverse=True)
    small = next(one for one in variants if one.name == "6 trees")
    assert small.bytes < original.bytes / 5
    assert small.one_row_ms < original.one_row_ms / 2
    assert small.rows_per_second > original.rows_per_second
    assert len(result["6 trees"].estimators_) == 6
    assert len(fitted.estimators_) == 60
    assert read_state(fitted).digest == before


def test_the_table_says_what_scikit_learn_would_say() -> None:
    result, fitted = compressed(RandomForestClassifier(40, random_state=0))
    table = result.table
    for name in result.names:
        model = result[name]
        assert table.loc[name, "accuracy"] == pytest.approx(model.score(X[CUT:], Y[CUT:]))
        changed = np.mean(model.predict(X[CUT:]) != fitted.predict(X[CUT:]))
        assert table.loc[name, "labels_changed"] == pytest.approx(changed)
        assert (
            table.loc[name, "accuracy_low"] < table.loc[name, "accuracy"] < table.loc[name, "accuracy_high"]
        )
    assert table.loc["original", "accuracy_gain"] == 0
    gain = table.loc["4 trees", "accuracy"] - table.loc["original", "accuracy"]
    assert table.loc["4 trees", "accuracy_gain"] == pytest.approx(gain)


def test_trees_that_help_on_rows_they_did_not_see_are_kept() -> None:
    """Half of the trees are spoilt: none of them is among the first half."""
    forest = RandomForestClassifier(20, random_state=0).fit(X[:CUT], Y[:CUT])
    for tree in forest.estimators_[::2]:
        spoilt = tree.tree_.__reduce__()
        state = spoilt[2] | {"values": spoilt[2]["values"][..., ::-1].copy()}
        tree.tree_ = spoilt[0](*spoilt[1])
        tree.tree_.__setstate__(state)
    order = rank_trees(forest, X[:CUT], Y[:CUT])
    assert set(order[:10].tolist()) == set(range(1, 20, 2))


def test_without_the_rows_of_the_fit_the_first_trees_are_kept() -> None:
    forest = RandomForestClassifier(20, random_state=0).fit(X[:CUT], Y[:CUT])
    assert rank_trees(forest, X[:50], Y[:50]) is None
    assert rank_trees(ExtraTreesClassifier(20).fit(X, Y), X, Y) is None
    proposal = next(one for one in propose(forest, X[:50], Y[:50]) if one.name == "10 trees")
    assert "the first ones" in proposal.how
    kept = apply(proposal, forest).estimators_
    assert [tree.random_state for tree in kept] == [tree.random_state for tree in forest.estimators_[:10]]


@pytest.mark.parametrize(
    ("kind", "stages"),
    [
        (HistGradientBoostingClassifier, "max_iter"),
        (GradientBoostingClassifier, "n_estimators"),
        (AdaBoostClassifier, "n_estimators"),
    ],
)
def test_cut_boosting_is_what_fewer_stages_would_have_fitted(kind: Any, stages: str) -> None:
    result, _ = compressed(kind(**{stages: 40}, random_state=0))
    expected = kind(**{stages: 20}, random_state=0).fit(X[:CUT], Y[:CUT])
    assert np.allclose(result["20 stages"].predict_proba(X[CUT:]), expected.predict_proba(X[CUT:]))
    sizes = {one.name: one.bytes for one in result.variants}
    assert sizes["20 stages"] < 0.8 * sizes["original"]


@pytest.mark.parametrize("library", ["xgboost", "lightgbm", "catboost"])
def test_other_libraries_boosting_is_cut_too(library: str) -> None:
    module = pytest.importorskip(library)
    make = {
        "xgboost": lambda count: module.XGBClassifier(n_estimators=count, random_state=0),
        "lightgbm": lambda count: module.LGBMClassifier(n_estimators=count, random_state=0, verbose=-1),
        "catboost": lambda count: module.CatBoostClassifier(
            iterations=count, random_seed=0, verbose=False, allow_writing_files=False, learning_rate=0.1
        ),
    }[library]
    model = make(20).fit(X[:CUT], Y[:CUT])
    proposal = next(one for one in propose(model, X[:CUT], Y[:CUT]) if one.name == "10 stages")
    cut = apply(proposal, model).predict_proba(X[CUT:])
    assert np.allclose(cut, make(10).fit(X[:CUT], Y[:CUT]).predict_proba(X[CUT:]), atol=1e-6)
    assert not np.allclose(cut, model.predict_proba(X[CUT:]), atol=1e-3)


@pytest.mark.parametrize(
    "model",
    [HistGradientBoostingRegressor(max_iter=20), RandomForestRegressor(10), GradientBoostingRegressor()],
)
def test_numbers_are_compared_by_r2_and_by_the_largest_difference(model: Any) -> None:
    result, fitted = compressed(model, Z)
    table = result.table
    name = result.names[-1]
    assert table.loc[name, "r2"] == pytest.approx(result[name].score(X[CUT:], Z[CUT:]))
    far = np.max(np.abs(result[name].predict(X[CUT:]) - fitted.predict(X[CUT:])))
    assert table.loc[name, "largest_difference"] == pytest.approx(far)
    assert "largest |Δ|" in repr(result)


def test_a_wide_logistic_regression_loses_small_weights_by_what_they_do() -> None:
    random = np.random.default_rng(0)
    wide = random.normal(size=(1_200, 300)) * np.where(np.arange(300) < 10, 1, 1e-3)
    wide[:, 5] *= 1e4  # large numbers have small weights that do much
    y = (wide[:, :5].sum(axis=1) + wide[:, 5] / 1e4 + 0.3 * random.normal(size=1_200) > 0).astype(int)
    result, fitted = compressed(LogisticRegression(C=100, max_iter=5_000), y, wide)
    assert {"zero 0.01", "zero 0.05", "zero 0.2", "float32"} <= set(result.names)
    few = result["zero 0.2"]
    assert few.coef_.nnz < 30
    assert few.coef_[0, 5] == fitted.coef_[0, 5]
    assert result.table.loc["zero 0.2", "bytes"] < result.table.loc["original", "bytes"]
    assert result.table.loc["zero 0.2", "accuracy_gain_high"] > -0.05
    assert (result.table.loc["float32", "labels_changed"]) == 0


def test_text_models_and_small_trees_in_pipelines_are_compressed_too() -> None:
    random = np.random.default_rng(0)
    words = np.array([f"word{number}" for number in range(400)])
    texts = pd.Series([" ".join(random.choice(words, 12)) for _ in range(1_200)])
    y = texts.str.contains("word1").to_numpy().astype(int)
    result, _ = compressed(make_pipeline(TfidfVectorizer(), LogisticRegression()), y, texts)
    assert "zero 0.05" in result.names
    tree, _ = compressed(make_pipeline(StandardScaler(), DecisionTreeClassifier(random_state=0)))
    assert tree.table["bytes"].iloc[-1] < tree.table["bytes"].iloc[0]


def test_networks_are_written_with_half_the_bits_and_without_what_only_training_needs() -> None:
    result, _ = compressed(MLPClassifier((200, 100), tol=0.05, n_iter_no_change=2, random_state=0))
    table = result.table
    assert table.loc["float32", "bytes"] < 0.25 * table.loc["original", "bytes"]
    assert table.loc["float32", "labels_changed"] < 0.01


def test_what_has_nothing_to_leave_out_says_so() -> None:
    for model in (KNeighborsClassifier(), Ridge()):
        result, _ = compressed(model, Y if isinstance(model, KNeighborsClassifier) else Z)
        assert result.names == ("original",)
        assert "Nothing here can be left out" in repr(result)
    assert propose(KMeans(2, n_init=1).fit(X), X, None) == []


def test_a_variant_that_is_not_there_is_named_with_the_nearest() -> None:
    result, _ = compressed(RandomForestClassifier(20, random_state=0))
    with pytest.raises(NotFoundError, match="Is '10 trees' meant"):
        result["10 tres"]
    assert np.array_equal(result["original"].predict(X), result.model.predict(X))


def test_the_text_is_a_table_with_a_line_of_what_to_do_next() -> None:
    result, _ = compressed(RandomForestClassifier(20, random_state=0))
    lines = repr(result).splitlines()
    assert lines[0] == "churn/3 compressed, measured on 400 test rows, times of one core"
    assert lines[1].split()[:4] == ["variant", "size", "one", "row"]
    assert lines[2].startswith("original")
    assert "The tagged version is the original" in lines[-1]
