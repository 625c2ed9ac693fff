"""Steps of numeric transformers: scalers, imputers and selectors, read from their fitted attributes."""

# ruff: noqa: PLC0415 -- heavy libraries are imported where they are used

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from noren_bento.compile.refusal import PassedOverError, require_own
from noren_bento.serving.exact.program import Step


def read_steps(transformers: Sequence[Any], width: int) -> tuple[tuple[Step, ...], int]:
    """The steps of transformers that take so many columns, and how many they leave."""
    steps: list[Step] = []
    for transformer in transformers:
        found = _read(transformer, width)
        steps += found
        width = next((len(step.by) for step in reversed(found) if step.do == "take"), width)
    return tuple(steps), width


def _read(part: Any, width: int) -> list[Step]:
    if part is None or (isinstance(part, str) and part == "passthrough"):
        return []
    require_own(part)
    match type(part).__name__:
        case "Pipeline":
            return list(read_steps([one for _, one in part.steps], width)[0])
        case "StandardScaler":
            return [
                *([Step("subtract", part.mean_)] if part.with_mean else []),
                *([Step("divide", part.scale_)] if part.with_std else []),
            ]
        case "MinMaxScaler":
            low, high = part.feature_range
            clip = [Step("at_least", np.array(low)), Step("at_most", np.array(high))] if part.clip else []
            return [Step("multiply", part.scale_), Step("add", part.min_), *clip]
        case "MaxAbsScaler" if not getattr(part, "clip", False):
            return [Step("divide", part.scale_)]
        case "RobustScaler":
            return [
                *([Step("subtract", part.center_)] if part.with_centering else []),
                *([Step("divide", part.scale_)] if part.with_scaling else []),
            ]
        case "SimpleImputer":
            return _read_imputer(part)
        case "FunctionTransformer" if part.func is None:
            return []
        case _:
            return _read_selector(part)


def _read_imputer(part: Any) -> list[Step]:
    statistics = np.asarray(part.statistics_)
    plain = isinstance(part.missing_values, float) and np.isnan(part.missing_values)
    if statistics.dtype.kind != "f" or not plain or part.add_indicator:
        raise PassedOverError("its SimpleImputer does more than to put a number where one is missing")
    kept = np.flatnonzero(~np.isnan(statistics))
    if part.keep_empty_features or len(kept) == len(statistics):
        return [Step("fill", np.nan_to_num(statistics))]
    return [Step("take", kept), Step("fill", statistics[kept])]


def _read_selector(part: Any) -> list[Step]:
    from sklearn.feature_selection import SelectorMixin

    if not isinstance(part, SelectorMixin):
        raise PassedOverError(
            f"{type(part).__name__} is not among the transformers that are computed exactly"
        )
    return [Step("take", np.flatnonzero(part.get_support()))]
