"""Weights: linear models with fewer of them, linear models and neural networks with shorter ones."""

# ruff: noqa: PLC0415 -- heavy libraries are imported where they are used

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from noren_bento.compress.parts import last_step, predictors_of
from noren_bento.compress.proposal import Proposal

THRESHOLDS = (0.01, 0.05, 0.2)
LEAST_WEIGHTS = 100
TRAINING_ONLY = ("_optimizer", "_best_coefs", "_best_intercepts")
"""Of a network: Adam keeps two numbers a weight for the next step of a training that is over."""
SPARSE_SHARE = 0.3
"""Below this share of weights that are not 0 a sparse matrix is smaller, and worth its slower start."""


def linear_in(model: Any) -> list[Any]:
    """The linear models that a model's answers are made from, with their weights in `coef_`."""
    from sklearn.linear_model._base import LinearClassifierMixin, LinearModel

    kinds = (LinearClassifierMixin, LinearModel)
    parts = [part for part in predictors_of(model) if isinstance(part, kinds)]
    return [part for part in parts if isinstance(getattr(part, "coef_", None), np.ndarray)]


def networks_in(model: Any) -> list[Any]:
    """The multi-layer perceptrons that a model's answers are made from."""
    from sklearn.neural_network import MLPClassifier, MLPRegressor

    return [
        part
        for part in predictors_of(model)
        if isinstance(part, MLPClassifier | MLPRegressor) and hasattr(part, "coefs_")
    ]


def propose_weights(model: Any, X: Any) -> list[Proposal]:
    """Propose to leave small weights out, and to write all of them with half as many bits. X are training rows."""
    linear, networks = linear_in(model), networks_in(model)
    proposals = []
    if sum(part.coef_.size for part in linear) >= LEAST_WEIGHTS:
        last, given = last_step(model, X)
        spread = _spread(given) if linear == [last] else None
        beside = "times its column's spread" if spread is not None else "as if all columns had one spread"
        proposals = [
            Proposal(
                f"zero {threshold:g}",
                f"Weights below {threshold:.0%} of the largest, {beside}, are 0; where few are left, a sparse matrix.",
                lambda copy, threshold=threshold: _zero_all(copy, threshold, spread),  # type: ignore[misc]
            )
            for threshold in THRESHOLDS
        ]
    count = sum(part.coef_.size for part in linear)
    count += sum(weights.size for part in networks for weights in part.coefs_)
    if count >= LEAST_WEIGHTS:
        how = "Weights with 32 bits instead of 64" + (
            ", without what only training needs." if networks else "."
        )
        proposals.append(Proposal("float32", how, shorten))
    return proposals


def _zero_all(model: Any, threshold: float, spread: NDArray[np.float64] | None) -> None:
    for part in linear_in(model):
        sizes = np.abs(part.coef_) * (1.0 if spread is None else spread)
        part.coef_ = np.where(sizes < threshold * sizes.max(axis=-1, keepdims=True), 0.0, part.coef_)
        if np.count_nonzero(part.coef_) < SPARSE_SHARE * part.coef_.size and hasattr(part, "sparsify"):
            part.sparsify()


def _spread(X: Any) -> NDArray[np.float64]:
    """Standard deviation of each column, dense or sparse."""
    if hasattr(X, "toarray"):
        mean = np.asarray(X.mean(axis=0)).ravel()
        squares = np.asarray(X.multiply(X).mean(axis=0)).ravel()
        return np.asarray(np.sqrt(np.maximum(squares - mean**2, 0.0)))
    return np.asarray(np.asarray(X, dtype=np.float64).std(axis=0))


def shorten(model: Any) -> None:
    """Write the weights of a model with 32 bits; changes the model."""
    for part in linear_in(model):
        part.coef_ = part.coef_.astype(np.float32)
        part.intercept_ = np.asarray(part.intercept_, dtype=np.float32)
    for part in networks_in(model):
        part.coefs_ = [weights.astype(np.float32) for weights in part.coefs_]
        part.intercepts_ = [weights.astype(np.float32) for weights in part.intercepts_]
        for name in TRAINING_ONLY:
            if hasattr(part, name):
                delattr(part, name)
