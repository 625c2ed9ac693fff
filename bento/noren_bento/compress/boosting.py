"""Boosting: fewer stages. The first ones are the model that would have been fitted with so many stages."""

# ruff: noqa: PLC0415 -- heavy libraries are imported where they are used

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from noren_bento.compress.parts import predictors_of
from noren_bento.compress.proposal import Proposal, share_of

SHARES = (0.5, 0.25, 0.1)
LEAST_STAGES = 4


def boosted_in(model: Any) -> list[tuple[Any, int, Callable[[int], None]]]:
    """The boosted ensembles that a model's answers are made from: each with its number of stages, and how to cut it."""
    found = ((part, _cutter(part)) for part in predictors_of(model))
    return [(part, *cut) for part, cut in found if cut is not None]


def _cutter(part: Any) -> tuple[int, Callable[[int], None]] | None:
    from sklearn.ensemble import AdaBoostClassifier, AdaBoostRegressor
    from sklearn.ensemble._gb import BaseGradientBoosting
    from sklearn.ensemble._hist_gradient_boosting.gradient_boosting import BaseHistGradientBoosting

    if isinstance(part, BaseHistGradientBoosting):
        return len(part._predictors), lambda count: _cut_histogram(part, count)
    if isinstance(part, BaseGradientBoosting):
        return len(part.estimators_), lambda count: _cut_gradient(part, count)
    if isinstance(part, AdaBoostClassifier | AdaBoostRegressor):
        return len(part.estimators_), lambda count: _cut_ada(part, count)
    library = type(part).__module__.partition(".")[0]
    if library == "xgboost" and hasattr(part, "get_booster"):
        return part.get_booster().num_boosted_rounds(), lambda count: _cut_xgboost(part, count)
    if library == "lightgbm" and hasattr(part, "booster_"):
        return part.booster_.current_iteration(), lambda count: _cut_lightgbm(part, count)
    if library == "catboost" and hasattr(part, "shrink"):
        return part.tree_count_, lambda count: part.shrink(ntree_end=count)
    return None


def _cut_histogram(part: Any, count: int) -> None:
    part._predictors = part._predictors[:count]
    for name in ("train_score_", "validation_score_"):
        if hasattr(part, name):
            setattr(part, name, getattr(part, name)[: count + 1])


def _cut_gradient(part: Any, count: int) -> None:
    part.estimators_ = part.estimators_[:count].copy()
    part.n_estimators = part.n_estimators_ = count
    part.train_score_ = part.train_score_[:count]


def _cut_ada(part: Any, count: int) -> None:
    part.estimators_ = part.estimators_[:count]
    part.n_estimators = count
    part.estimator_weights_ = part.estimator_weights_[:count]
    part.estimator_errors_ = part.estimator_errors_[:count]


def _cut_xgboost(part: Any, count: int) -> None:
    part._Booster = part.get_booster()[:count]
    part.set_params(n_estimators=count)


def _cut_lightgbm(part: Any, count: int) -> None:
    import lightgbm

    part._Booster = lightgbm.Booster(model_str=part.booster_.model_to_string(num_iteration=count))
    part.set_params(n_estimators=count)


def propose_fewer_stages(model: Any) -> list[Proposal]:
    """Propose a half, a quarter and a tenth of the stages."""
    stages = [count for _, count, _ in boosted_in(model)]
    if not stages or max(stages) < LEAST_STAGES:
        return []
    found = {share_of(max(stages), share): share for share in SHARES}
    return [
        Proposal(
            f"{count} stages",
            f"The first {count} of {max(stages)} stages.",
            lambda copy, share=share: _cut_all(copy, share),  # type: ignore[misc]
        )
        for count, share in found.items()
    ]


def _cut_all(model: Any, share: float) -> None:
    for _, count, cut in boosted_in(model):
        cut(share_of(count, share))
