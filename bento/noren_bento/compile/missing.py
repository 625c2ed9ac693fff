"""Missing values in trees: which way each split of scikit-learn's trees sends NaN, written into the graph."""

# ruff: noqa: PLC0415 -- heavy libraries are imported where they are used

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np


def send_missing_as_trees_do(graph: Any, parts: Iterable[Any]) -> None:
    """Set `nodes_missing_value_tracks_true` of a graph's only tree node from the model's only tree or forest.

    The converter leaves it at 0, but each split of a fitted tree knows where NaN goes, seen in training or not.
    Graphs with several tree nodes stay as they are: the proof of equality decides about them.
    """
    from onnx import helper

    nodes = [node for node in graph.node if node.op_type.startswith("TreeEnsemble")]
    forests = [trees for part in parts if (trees := _trees(part))]
    if len(nodes) != 1 or len(forests) != 1:
        return
    values = {attribute.name: helper.get_attribute_value(attribute) for attribute in nodes[0].attribute}
    places = list(zip(values["nodes_treeids"], values["nodes_nodeids"], strict=True))
    if max(tree for tree, _ in places) >= len(forests[0]):
        return
    left = [np.asarray(tree.missing_go_to_left) for tree in forests[0]]
    if any(place >= len(left[tree]) for tree, place in places):
        return
    name = "nodes_missing_value_tracks_true"
    kept = [attribute for attribute in nodes[0].attribute if attribute.name != name]
    del nodes[0].attribute[:]
    nodes[0].attribute.extend(kept)
    nodes[0].attribute.append(helper.make_attribute(name, [int(left[tree][place]) for tree, place in places]))


def _trees(part: Any) -> list[Any]:
    """The fitted trees of a tree or forest of scikit-learn; none for any other part."""
    if not type(part).__module__.startswith(("sklearn.tree", "sklearn.ensemble._forest")):
        return []
    members = getattr(part, "estimators_", [part])
    trees = [getattr(member, "tree_", None) for member in members]
    return trees if all(hasattr(tree, "missing_go_to_left") for tree in trees) else []
