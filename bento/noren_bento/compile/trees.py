"""Trees: what the converter loses of scikit-learn's trees is written back into the graph.

Each split knows where it sends NaN; the converter sends it right. Thresholds and leaf values are float64; the
converter rounds them to float32, which flips labels of forests whose votes are nearly equal. And all trees but those
of histogram boosting round their input to float32 before they compare it, which a float64 graph must do too.
"""

# ruff: noqa: PLC0415 -- heavy libraries are imported where they are used

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from noren_bento.errors import NorenError


EXACT = "sklearn.ensemble._hist_gradient_boosting"
FORESTS = ("sklearn.tree", "sklearn.ensemble._forest")
ROUNDING = (*FORESTS, "sklearn.ensemble._gb", "sklearn.ensemble._iforest")
OPSET = 3
"""The version of `ai.onnx.ml` from which on tree nodes take float64."""


def restore_missing(model_graph: Any, parts: Iterable[Any]) -> None:
    """Write into the graph's only tree node where the model's only tree or forest sends NaN."""
    from onnx import helper

    if found := _match(model_graph.graph, parts):
        node, trees, places = found
        sent = [int(trees[tree].missing_go_to_left[place]) for tree, place in places]
        _set(node, helper.make_attribute("nodes_missing_value_tracks_true", sent))


def restore_precision(model_graph: Any, parts: Iterable[Any]) -> None:
    """Write the float64 thresholds and leaf values of the model's only tree or forest into the graph's only tree node."""
    graph = model_graph.graph
    found = _match(graph, parts)
    versions = [entry for entry in model_graph.opset_import if entry.domain == "ai.onnx.ml"]
    old = any(entry.version == 1 for entry in versions) and any(node.op_type == "LabelEncoder" for node in graph.node)
    if not found or old:
        return
    node, trees, places = found
    _set_tensor(node, "nodes_values", np.array([trees[tree].threshold[place] for tree, place in places]))
    if node.op_type == "TreeEnsembleClassifier":
        _set_votes(graph, node, trees)
    else:
        values = _values(node)
        leaves = zip(values["target_treeids"], values["target_nodeids"], values["target_ids"], strict=True)
        flat = [_leaf_values(tree) for tree in trees]
        weights = np.array([flat[tree][place, target] for tree, place, target in leaves]) / len(trees)
        _set_tensor(node, "target_weights", weights)
    for entry in versions:
        entry.version = max(entry.version, OPSET)


def _set_votes(graph: Any, node: Any, trees: list[Any]) -> None:
    """Let the node add each class's votes in the trees' order, as scikit-learn does, and divide afterwards.

    So even forests whose votes are tied to the last bit give scikit-learn's label. (The converter writes the second
    of two classes only, divided already.)
    """
    from onnx import TensorProto, helper

    entries: list[tuple[int, int, int]] = []
    votes: list[float] = []
    for number, tree in enumerate(trees):
        values = _leaf_values(tree)
        for place in np.flatnonzero(tree.children_left < 0).tolist():
            held = np.flatnonzero(values[place]).tolist() or [0]
            entries += [(number, place, target) for target in held]
            votes += values[place, held].tolist()
    for name, numbers in zip(("treeids", "nodeids", "ids"), zip(*entries, strict=True), strict=True):
        _set(node, helper.make_attribute(f"class_{name}", list(numbers)))
    _set_tensor(node, "class_weights", np.array(votes))
    classes = _leaf_values(trees[0]).shape[1]
    _forbid_threshold(node)
    given, node.output[1] = node.output[1], "noren_votes"
    constants = {
        "noren_trees": helper.make_tensor("noren_trees", TensorProto.FLOAT, [1], [float(len(trees))]),
        "noren_classes": helper.make_tensor("noren_classes", TensorProto.INT64, [classes], list(range(classes))),
    }
    graph.initializer.extend(constants.values())
    place = next(place for place, one in enumerate(graph.node) if one.output[0] == node.output[0])
    graph.node.insert(place + 1, helper.make_node("Gather", ["noren_votes", "noren_classes"], ["noren_held"], axis=1))
    graph.node.insert(place + 2, helper.make_node("Div", ["noren_held", "noren_trees"], [given]))


def _forbid_threshold(node: Any) -> None:
    """Add a class that gets no vote: of exactly two, ONNX Runtime compares the second's with 0.5 instead of the first's."""
    from onnx import helper

    values = _values(node)
    if "classlabels_strings" in values:
        _set(node, helper.make_attribute("classlabels_strings", [*values["classlabels_strings"], b"\xe2\x81\x82"]))
    else:
        labels = list(values["classlabels_int64s"])
        _set(node, helper.make_attribute("classlabels_int64s", [*labels, max(labels) + 1]))


def _leaf_values(tree: Any) -> NDArray[np.float64]:
    """Shape (nodes, classes or targets): shares of the classes, or values."""
    values: NDArray[np.float64] = tree.value.reshape(tree.node_count, -1)
    return values


def cast_around_trees(graph: Any, parts: Iterable[Any]) -> None:
    """Round the input of each tree node to float32, where the model's trees do, and widen what the nodes give.

    ONNX Runtime's tree nodes give float32, which the converter's float64 graphs overlook. Raises NorenError for a
    model with trees of both sorts: the nodes of a graph do not say which is which.
    """
    from onnx import TensorProto, helper

    rounding = {not type(part).__module__.startswith(EXACT) for part in parts if _is_tree(part)}
    if len(rounding) > 1:
        raise NorenError("a model with trees of two sorts has no float64 graph")
    declared = {one.name for one in graph.output if one.type.tensor_type.elem_type == TensorProto.DOUBLE}
    nodes = []
    for place, node in enumerate(graph.node):
        if not node.op_type.startswith("TreeEnsemble"):
            nodes.append(node)
            continue
        if rounding == {True}:
            narrow, wide = f"noren_narrow_{place}", f"noren_wide_{place}"
            nodes.append(helper.make_node("Cast", [node.input[0]], [narrow], to=TensorProto.FLOAT))
            node.input[0] = narrow
            if "nodes_values_as_tensor" in _values(node):
                nodes.append(helper.make_node("Cast", [narrow], [wide], to=TensorProto.DOUBLE))
                node.input[0] = wide
        nodes.append(node)
        values = 0 if node.op_type == "TreeEnsembleRegressor" else 1
        if values == 0 or node.output[1] in declared:
            given, node.output[values] = node.output[values], f"noren_given_{place}"
            nodes.append(helper.make_node("Cast", [node.output[values]], [given], to=TensorProto.DOUBLE))
    kept = [type(node).FromString(node.SerializeToString()) for node in nodes]
    del graph.node[:]
    graph.node.extend(kept)


def _is_tree(part: Any) -> bool:
    return type(part).__module__.startswith((*ROUNDING, EXACT))


def _match(graph: Any, parts: Iterable[Any]) -> tuple[Any, list[Any], list[tuple[int, int]]] | None:
    """The only tree node, the trees of the only forest, and (tree, place) of each split and leaf in the node's order.

    None where there are several: the proof of equality decides about those as they are.
    """
    nodes = [node for node in graph.node if node.op_type.startswith("TreeEnsemble")]
    forests = _forests(parts)
    if len(nodes) != 1 or len(forests) != 1:
        return None
    values = _values(nodes[0])
    places = list(zip(values["nodes_treeids"], values["nodes_nodeids"], strict=True))
    trees = forests[0]
    sizes = [tree.node_count for tree in trees]
    if len(places) != sum(sizes) or any(tree >= len(trees) or place >= sizes[tree] for tree, place in places):
        return None
    return nodes[0], trees, places


def _forests(parts: Iterable[Any]) -> list[list[Any]]:
    """The fitted trees of each forest, and of each tree that stands alone."""
    members: set[int] = set()
    forests = []
    for part in parts:
        if id(part) in members or not type(part).__module__.startswith(FORESTS):
            continue
        estimators = list(getattr(part, "estimators_", [part]))
        members |= {id(estimator) for estimator in estimators}
        trees = [getattr(estimator, "tree_", None) for estimator in estimators]
        if all(hasattr(tree, "missing_go_to_left") for tree in trees):
            forests.append(trees)
    return forests


def _values(node: Any) -> dict[str, Any]:
    from onnx import helper

    return {attribute.name: helper.get_attribute_value(attribute) for attribute in node.attribute}


def _set_tensor(node: Any, name: str, values: NDArray[np.float64]) -> None:
    from onnx import helper, numpy_helper

    tensor = numpy_helper.from_array(values.astype(np.float64), name=f"{name}_as_tensor")
    _set(node, helper.make_attribute(f"{name}_as_tensor", tensor), replaces=name)


def _set(node: Any, attribute: Any, replaces: str = "") -> None:
    kept = [one for one in node.attribute if one.name not in (attribute.name, replaces)]
    del node.attribute[:]
    node.attribute.extend([*kept, attribute])
