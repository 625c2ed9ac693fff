"""Pruning a fitted tree gives the tree that scikit-learn fits with that `ccp_alpha`."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.ensemble import RandomForestClassifier, RandomForestRegressor
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

from noren_bento.compress.trees import Levels, alpha_for, propose_pruning, prune, prune_all


@pytest.fixture(scope="module")
def data() -> tuple[np.ndarray, np.ndarray]:
    random = np.random.default_rng(0)
    X = random.normal(size=(1_500, 6))
    X[random.random(X.shape) < 0.02] = np.nan
    return X, np.nan_to_num(X[:, 0]) ** 2 + np.nan_to_num(X[:, 1]) + 0.5 * random.normal(size=1_500)


@pytest.mark.parametrize("alpha", [0.0005, 0.002, 0.01, 0.2])
@pytest.mark.parametrize("kind", ["classifier", "regressor", "several targets", "best first"])
def test_a_pruned_tree_is_the_one_that_scikit_learn_fits(data, kind: str, alpha: float) -> None:
    X, y = data
    target = {"classifier": y > 0.5, "several targets": np.stack([y, -2 * y + X[:, 3] ** 2], axis=1)}.get(
        kind, y
    )
    target = np.nan_to_num(target)
    make = DecisionTreeClassifier if kind == "classifier" else DecisionTreeRegressor
    more = {"max_leaf_nodes": 200} if kind == "best first" else {}
    fitted = make(random_state=0, ccp_alpha=alpha, **more).fit(X, target)
    ours = make(random_state=0, **more).fit(X, target)
    ours.tree_ = prune(ours.tree_, alpha)
    assert ours.tree_.node_count == fitted.tree_.node_count
    assert ours.get_depth() == fitted.get_depth()
    assert ours.get_n_leaves() == fitted.get_n_leaves()
    assert np.array_equal(ours.predict(X), fitted.predict(X))


def test_pruning_leaves_the_tree_that_it_was_given(data) -> None:
    X, y = data
    tree = DecisionTreeRegressor(random_state=0).fit(X, y)
    before = tree.predict(X)
    prune(tree.tree_, 0.1)
    assert np.array_equal(tree.predict(X), before)


@pytest.mark.parametrize("share", [0.5, 0.1])
def test_an_alpha_leaves_about_the_share_of_leaves_that_it_was_chosen_for(data, share: float) -> None:
    X, y = data
    forest = RandomForestRegressor(10, random_state=0).fit(X, y)
    trees = [tree.tree_ for tree in forest.estimators_]
    alpha = alpha_for(trees, share)
    kept = sum(Levels(tree).leaves(alpha) for tree in trees) / sum(tree.n_leaves for tree in trees)
    assert kept == pytest.approx(share, rel=0.25)


def test_all_trees_of_a_forest_are_pruned_and_it_says_so(data) -> None:
    X, y = data
    forest = RandomForestClassifier(5, random_state=0).fit(X, y > 0.5)
    nodes = sum(tree.tree_.node_count for tree in forest.estimators_)
    prune_all(forest, 0.005)
    assert sum(tree.tree_.node_count for tree in forest.estimators_) < nodes / 2
    assert forest.ccp_alpha == forest.estimators_[0].ccp_alpha == 0.005
    assert forest.score(X, y > 0.5) > 0.8


def test_a_small_tree_is_left_alone(data) -> None:
    X, y = data
    assert propose_pruning(DecisionTreeRegressor(max_depth=2).fit(X, y)) == []
