"""Advice: what would help a model that misses a limit, by what it is made of, and roughly what that costs."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from noren_bento.compress.boosting import boosted_in
from noren_bento.compress.forests import forests_of
from noren_bento.compress.trees import trees_of
from noren_bento.compress.weights import linear_in, networks_in

TRY = "%tag --compress tries it and shows what it costs"
SIZE = {"max_bytes", "max_memory"}
SPEED = {"p99_ms", "rows_per_second"}


def advise(model: Any, missed: Collection[str]) -> tuple[str, ...]:
    """Return advice on the settings that are missed, the most promising first; nothing where none is.

    >>> from sklearn.linear_model import LinearRegression
    >>> advise(LinearRegression(), [])
    ()
    """
    if not missed:
        return ()
    advice = []
    if SPEED & set(missed):
        advice.append(
            "%build compiles the model to ONNX Runtime where its answers are proven equal, which often answers one "
            "row ten times as fast: look there before you give up accuracy."
        )
    advice += _by_kind(model, missed)
    if "max_memory" in missed:
        advice.append(
            "Memory is that of the whole process: send fewer rows a request where predictions take most of it."
        )
    return tuple(advice)


def _by_kind(model: Any, missed: Collection[str]) -> list[str]:
    if forests := forests_of(model):
        count = sum(len(forest.estimators_) for forest in forests)
        return [
            f"Fewer trees: a forest's size and time go with their number ({count} here), and half of them often cost "
            f"less than half a percent of accuracy. {TRY}.",
            f"Pruned trees: cost-complexity pruning to a quarter of the leaves, likewise. {TRY}.",
        ]
    if boosted := boosted_in(model):
        count = sum(stages for _, stages, _ in boosted)
        return [f"Fewer stages: the first half of {count} stages holds most of what boosting gained. {TRY}."]
    if trees_of(model):
        return [
            f"A pruned tree: cost-complexity pruning to a quarter of the leaves often costs nothing. {TRY}."
        ]
    advice = []
    if linear := linear_in(model):
        count = sum(part.coef_.size for part in linear)
        advice.append(
            f"Sparsity: of {count:,} weights small ones can be 0, or all can have 32 bits, at half the size and "
            f"almost no cost. {TRY}."
        )
    if networks_in(model) and SIZE & set(missed):
        advice.append(
            f"Shorter weights: 32 bits instead of 64 halve a network's size at almost no cost. {TRY}. (8 bits, "
            "quantisation of its ONNX graph, would make an eighth of it at some cost; that is not tried.)"
        )
    return advice or [
        f"There is nothing to leave out of a {type(model).__name__} without fitting again: fit on fewer rows or "
        "columns, or take another kind of model."
    ]
