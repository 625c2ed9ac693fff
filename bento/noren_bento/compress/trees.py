"""Trees: minimal cost-complexity pruning of trees that are fitted already.

Of all subtrees the one with the least `risk + alpha × leaves`, where the risk is read from the impurities that the
fitted tree holds (Breiman, Friedman, Olshen and Stone 1984, section 3.3): the very tree that scikit-learn fits with
this `ccp_alpha`, without the data.
"""

# ruff: noqa: PLC0415 -- heavy libraries are imported where they are used

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from noren_bento.compress.parts import predictors_of
from noren_bento.compress.proposal import Proposal

LEAF, NO_FEATURE = -1, -2
"""How scikit-learn writes that there is no child and no feature."""
SHARES = (0.5, 0.25, 0.1)
SAMPLED_TREES = 8
"""So many trees of a forest are asked which alpha leaves which share of the leaves."""
STEPS = 30
LEAST_LEAVES = 16


class Levels:
    """A tree's nodes level by level, with each node's risk."""

    def __init__(self, tree: Any) -> None:
        self.nodes: NDArray[Any] = tree.__reduce__()[2]["nodes"]
        weights = self.nodes["weighted_n_node_samples"]
        self.risk: NDArray[np.float64] = self.nodes["impurity"] * weights / weights[0]
        self.inner: list[NDArray[np.int64]] = []
        """Ids of the nodes with children, the root's level first."""
        level = np.zeros(1, dtype=np.int64)
        while len(level := level[self.nodes["left_child"][level] != LEAF]):
            self.inner.append(level)
            level = np.concatenate([self.nodes["left_child"][level], self.nodes["right_child"][level]])

    def collapsed(self, alpha: float) -> NDArray[np.bool_]:
        """Say per node whether it is a leaf, or becomes one, where a leaf costs `alpha`."""
        left, right = self.nodes["left_child"], self.nodes["right_child"]
        cost, leaf = self.risk + alpha, np.asarray(left == LEAF)
        for ids in reversed(self.inner):
            below = cost[left[ids]] + cost[right[ids]]
            # As in scikit-learn, a subtree that is only just worth it goes; sums of floats are never quite equal.
            leaf[ids] = cost[ids] <= below * (1 + 1e-12)
            cost[ids] = np.minimum(cost[ids], below)
        return leaf

    def kept(self, alpha: float) -> NDArray[np.int64]:
        """Ids of the nodes that are left, in the order in which they stand."""
        leaf = self.collapsed(alpha)
        left, right = self.nodes["left_child"], self.nodes["right_child"]
        level, kept = np.zeros(1, dtype=np.int64), []
        while len(level):
            kept.append(level)
            split = level[~leaf[level]]
            level = np.concatenate([left[split], right[split]])
        return np.sort(np.concatenate(kept))

    def leaves(self, alpha: float) -> int:
        """Leaves that are left: a binary tree has one more than inner nodes."""
        return (len(self.kept(alpha)) + 1) // 2


def prune(tree: Any, alpha: float) -> Any:
    """Return a pruned copy of an estimator's `tree_`."""
    levels = Levels(tree)
    kept, leaf = levels.kept(alpha), levels.collapsed(alpha)
    make, arguments, state = tree.__reduce__()
    places = np.full(len(leaf), LEAF, dtype=np.int64)
    places[kept] = np.arange(len(kept))
    nodes = state["nodes"][kept].copy()
    ends = leaf[kept]
    for side in ("left_child", "right_child"):
        nodes[side] = np.where(ends, LEAF, places[nodes[side]])
    nodes["feature"][ends], nodes["threshold"][ends] = NO_FEATURE, NO_FEATURE
    nodes["missing_go_to_left"][ends] = 0
    pruned = make(*arguments)
    changed = {"nodes": nodes, "values": state["values"][kept].copy(), "node_count": len(kept)}
    pruned.__setstate__(state | changed | {"max_depth": _depth(nodes)})
    return pruned


def _depth(nodes: NDArray[Any]) -> int:
    level, depth = np.zeros(1, dtype=np.int64), -1
    while len(level):
        depth += 1
        split = level[nodes["left_child"][level] != LEAF]
        level = np.concatenate([nodes["left_child"][split], nodes["right_child"][split]])
    return depth


def alpha_for(trees: Sequence[Any], share: float) -> float:
    """Return the alpha, to two digits, that leaves about this share of the trees' leaves."""
    sample = [Levels(tree) for tree in trees[:: max(1, len(trees) // SAMPLED_TREES)][:SAMPLED_TREES]]
    wanted = share * sum(levels.leaves(0.0) for levels in sample)
    most = max(float(levels.risk[0]) for levels in sample) or 1.0
    low, high = np.log(most) - 30, np.log(most)
    for _ in range(STEPS):
        middle = (low + high) / 2
        if sum(levels.leaves(float(np.exp(middle))) for levels in sample) > wanted:
            low = middle
        else:
            high = middle
    return float(f"{np.exp(high):.1e}")


def trees_of(model: Any) -> list[Any]:
    """The fitted decision trees that a model's answers are made from, boosted ones left out.

    The leaves of boosted trees are steps of the boosting; its inner nodes hold nothing that could stand in for them.
    """
    from sklearn.tree import BaseDecisionTree

    parts = predictors_of(model)
    return [part for part in parts if isinstance(part, BaseDecisionTree) and hasattr(part, "tree_")]


def prune_all(model: Any, alpha: float) -> None:
    """Prune all trees of a model in place."""
    from sklearn.ensemble._forest import BaseForest

    for part in trees_of(model):
        part.tree_ = prune(part.tree_, alpha)
    for part in predictors_of(model):
        if isinstance(part, BaseForest) or part in trees_of(model):
            part.ccp_alpha = alpha


def propose_pruning(model: Any) -> list[Proposal]:
    """Propose to prune to a half, a quarter and a tenth of the leaves."""
    trees = [part.tree_ for part in trees_of(model)]
    if not trees or max(tree.n_leaves for tree in trees) < LEAST_LEAVES:
        return []
    found = {alpha_for(trees, share): share for share in SHARES}
    of = f"each of {len(trees)} trees" if len(trees) > 1 else "the tree"
    return [
        Proposal(
            f"prune {alpha:g}",
            f"Cost-complexity pruning with ccp_alpha={alpha:g}: {of} keeps about {share:.0%} of its leaves.",
            lambda copy, alpha=alpha: prune_all(copy, alpha),  # type: ignore[misc]
        )
        for alpha, share in found.items()
    ]
