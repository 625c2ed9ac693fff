"""Tree nodes: what the converter loses of scikit-learn's trees is written back into the graph.

The converter sends NaN right at every split, and rounds thresholds and leaf values to float32, which flips labels
where a threshold is a value of the data or a forest's votes are nearly equal. The proof of equality decides whether
the graph is used; this makes it pass.
"""

# ruff: noqa: PLC0415 -- heavy libraries are imported where they are used

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from noren_bento.compile.trees import Forest, find_forests, round_input
from noren_bento.errors import NorenError

OPSET = 3
"""The version of `ai.onnx.ml` from which on tree nodes take float64."""


def restore_missing(model_graph: Any, parts: Sequence[Any]) -> None:
    """Write into the graph's only tree node where the model's only tree or forest sends NaN."""
    from onnx import helper

    if found := _match(model_graph.graph, parts):
        node, forest, places = found
        sent = [int(forest.trees[tree].missing_goes_left[place]) for tree, place in places]
        _set(node, helper.make_attribute("nodes_missing_value_tracks_true", sent))


def restore_precision(model_graph: Any, parts: Sequence[Any]) -> None:
    """Write the float64 thresholds and leaf values of the model's only forest into the graph's only tree node."""
    graph = model_graph.graph
    found = _match(graph, parts)
    versions = [entry for entry in model_graph.opset_import if entry.domain == "ai.onnx.ml"]
    if found is None or (_has_old_encoders(graph) and any(entry.version == 1 for entry in versions)):
        return
    node, forest, places = found
    _set_tensor(
        node, "nodes_values", np.array([forest.trees[tree].thresholds[place] for tree, place in places])
    )
    if forest.averaged and node.op_type == "TreeEnsembleClassifier":
        _set_votes(graph, node, forest)
    else:
        _set_weights(node, forest)
    for entry in versions:
        entry.version = max(entry.version, OPSET)


def cast_around_trees(graph: Any, parts: Sequence[Any]) -> None:
    """Round the input of each tree node to float32, where the model's trees do, and widen what the nodes give.

    ONNX Runtime's tree nodes give float32, which the converter's float64 graphs overlook. Raises NorenError for a
    model with trees of both sorts: the nodes of a graph do not say which is which.
    """
    from onnx import TensorProto, helper

    rounding = round_input(parts)
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


def _set_weights(node: Any, forest: Forest) -> None:
    what = "class" if node.op_type == "TreeEnsembleClassifier" else "target"
    values = _values(node)
    divisor = len(forest.trees) if forest.averaged else 1
    leaves = zip(values[f"{what}_treeids"], values[f"{what}_nodeids"], values[f"{what}_ids"], strict=True)
    held = [tree.values for tree in forest.trees]
    # A tree of histogram boosting has one value a leaf, whichever class or target it is for.
    weights = [held[tree][place, target if forest.averaged else 0] for tree, place, target in leaves]
    _set_tensor(node, f"{what}_weights", np.array(weights) / divisor)
    if "base_values" in values:
        _set_tensor(node, "base_values", np.array(forest.base))


def _set_votes(graph: Any, node: Any, forest: Forest) -> None:
    """Let the node add each class's votes in the trees' order, as scikit-learn does, and divide afterwards.

    So even forests whose votes are tied to the last bit give scikit-learn's label. (The converter writes the second
    of two classes only, divided already.)
    """
    from onnx import TensorProto, helper

    entries: list[tuple[int, int, int]] = []
    votes: list[float] = []
    for number, tree in enumerate(forest.trees):
        for place in tree.leaves.tolist():
            held = np.flatnonzero(tree.values[place]).tolist() or [0]
            entries += [(number, place, target) for target in held]
            votes += tree.values[place, held].tolist()
    for name, numbers in zip(("treeids", "nodeids", "ids"), zip(*entries, strict=True), strict=True):
        _set(node, helper.make_attribute(f"class_{name}", list(numbers)))
    _set_tensor(node, "class_weights", np.array(votes))
    _forbid_threshold(node)
    given, node.output[1] = node.output[1], "noren_votes"
    count, classes = [float(len(forest.trees))], list(range(forest.trees[0].values.shape[1]))
    graph.initializer.append(helper.make_tensor("noren_trees", TensorProto.FLOAT, [1], count))
    graph.initializer.append(helper.make_tensor("noren_classes", TensorProto.INT64, [len(classes)], classes))
    place = next(place for place, one in enumerate(graph.node) if one.output[0] == node.output[0])
    graph.node.insert(
        place + 1, helper.make_node("Gather", ["noren_votes", "noren_classes"], ["noren_held"], axis=1)
    )
    graph.node.insert(place + 2, helper.make_node("Div", ["noren_held", "noren_trees"], [given]))


def _forbid_threshold(node: Any) -> None:
    """Add a class that gets no vote: of exactly two, ONNX Runtime would compare the second's votes with 0.5."""
    from onnx import helper

    values = _values(node)
    if "classlabels_strings" in values:
        labels = [*values["classlabels_strings"], "\u2042".encode()]
        _set(node, helper.make_attribute("classlabels_strings", labels))
    else:
        numbers = list(values["classlabels_int64s"])
        _set(node, helper.make_attribute("classlabels_int64s", [*numbers, max(numbers) + 1]))


def _match(graph: Any, parts: Sequence[Any]) -> tuple[Any, Forest, list[tuple[int, int]]] | None:
    """The only tree node, the only forest, and (tree, number) of each split and leaf in the node's order.

    None where there are several: the proof of equality decides about those as they are.
    """
    nodes = [node for node in graph.node if node.op_type.startswith("TreeEnsemble")]
    forests = find_forests(parts)
    if len(nodes) != 1 or len(forests) != 1:
        return None
    values = _values(nodes[0])
    places = list(zip(values["nodes_treeids"], values["nodes_nodeids"], strict=True))
    sizes = [len(tree.thresholds) for tree in forests[0].trees]
    if len(places) != sum(sizes) or any(tree >= len(sizes) or place >= sizes[tree] for tree, place in places):
        return None
    return nodes[0], forests[0], places


def _has_old_encoders(graph: Any) -> bool:
    """Whether a node is there whose meaning changes between the versions of `ai.onnx.ml`."""
    return any(node.op_type == "LabelEncoder" for node in graph.node)


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
