"""Casts around the tree nodes of a float64 graph: scikit-learn's trees round their input to float32, and so must it."""

# ruff: noqa: PLC0415 -- heavy libraries are imported where they are used

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from noren_bento.errors import NorenError

EXACT = "sklearn.ensemble._hist_gradient_boosting"
"""Histogram boosting compares float64; all other trees of scikit-learn round to float32 first."""
TREES = (
    "sklearn.tree",
    "sklearn.ensemble._forest",
    "sklearn.ensemble._gb",
    "sklearn.ensemble._iforest",
    EXACT,
)


def cast_around_trees(graph: Any, parts: Iterable[Any]) -> None:
    """Round the input of each tree node to float32, where the model's trees do, and widen what regressors give.

    ONNX Runtime's tree nodes give float32, which the converter's float64 graphs overlook. Raises NorenError for a
    model with trees of both sorts: the nodes of a graph do not say which is which.
    """
    from onnx import TensorProto, helper

    modules = {type(part).__module__ for part in parts if type(part).__module__.startswith(TREES)}
    exact = {module.startswith(EXACT) for module in modules}
    if len(exact) > 1:
        raise NorenError("a model with trees of two sorts has no float64 graph")
    nodes = []
    for place, node in enumerate(graph.node):
        tree = node.op_type.startswith("TreeEnsemble")
        if tree and exact == {False}:
            narrow = f"noren_narrow_{place}"
            nodes.append(helper.make_node("Cast", [node.input[0]], [narrow], to=TensorProto.FLOAT))
            node.input[0] = narrow
        nodes.append(node)
        if tree and node.op_type == "TreeEnsembleRegressor":
            wide, node.output[0] = node.output[0], f"noren_given_{place}"
            nodes.append(helper.make_node("Cast", [node.output[0]], [wide], to=TensorProto.DOUBLE))
    kept = [type(node).FromString(node.SerializeToString()) for node in nodes]
    del graph.node[:]
    graph.node.extend(kept)
