"""Heads: the estimators whose last step is computed exactly, read from their fitted attributes."""

# ruff: noqa: PLC0415 -- heavy libraries are imported where they are used

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any, Literal

import msgspec
import numpy as np

from noren_bento.compile.exact.boosting import read_gradient, read_histogram
from noren_bento.compile.refusal import PassedOverError, require_own
from noren_bento.release.version import Signature
from noren_bento.serving.exact.program import Boosting, Classes, Linear


@dataclass(frozen=True, slots=True)
class Heads:
    """What may stand at a program's end."""

    head: Linear | Boosting
    classes: tuple[Classes, ...] = ()
    """The ways in which scores may become probabilities; none for values."""
    link: Literal["identity", "exp"] = "identity"

    def add_in_order(self, *, sequential: bool) -> Linear | Boosting:
        """The head; products are added feature by feature where a matrix or the weights are sparse."""
        if isinstance(self.head, Linear) and sequential:
            return Linear(self.head.weights, self.head.intercept, sequential=True)
        return self.head


def read_heads(part: Any, signature: Signature, threshold: dict[str, Any]) -> Heads:
    """The head of a fitted estimator; raises PassedOverError for those that have none."""
    require_own(part)
    heads = _read_linear(part, signature) or _read_boosting(part)
    if heads is None:
        raise PassedOverError(f"{type(part).__name__} is not among the estimators that are computed exactly")
    if threshold:
        if len(heads.classes[0].labels) != 2:
            raise PassedOverError("its threshold is not between two classes")
        heads = replace(
            heads, classes=tuple(msgspec.structs.replace(one, **threshold) for one in heads.classes)
        )
    return heads


def _read_linear(part: Any, signature: Signature) -> Heads | None:
    from sklearn.linear_model._base import LinearClassifierMixin, LinearModel

    if isinstance(part, LinearClassifierMixin) and not signature.targets:
        return Heads(_weights(part), tuple(_classes(part)))
    if isinstance(part, LinearModel) or type(part).__name__ == "SGDRegressor":
        return Heads(_weights(part))
    if type(part).__module__.startswith("sklearn.linear_model._glm"):
        link = type(part._base_loss.link).__name__
        if link in ("IdentityLink", "LogLink"):
            return Heads(_weights(part), link="exp" if link == "LogLink" else "identity")
    return None


def _read_boosting(part: Any) -> Heads | None:
    match type(part).__name__:
        case "HistGradientBoostingClassifier":
            return Heads(read_histogram(part), tuple(_classes(part)))
        case "HistGradientBoostingRegressor":
            link = type(part._loss.link).__name__
            return Heads(read_histogram(part), link="exp" if link == "LogLink" else "identity")
        case "GradientBoostingClassifier":
            classes = (msgspec.structs.replace(one, second_from_zero=True) for one in _classes(part))
            return Heads(read_gradient(part), tuple(classes))
        case "GradientBoostingRegressor":
            return Heads(read_gradient(part))
    return None


def _weights(part: Any) -> Linear:
    coef, thin = part.coef_, hasattr(part.coef_, "toarray")
    weights = np.asarray(coef.toarray() if thin else coef)
    if weights.ndim == 2:
        # BLAS adds by how they lie, and only arrays without gaps are written as they lie.
        rising = weights.strides[0] >= weights.strides[1]
        weights = (np.ascontiguousarray(weights) if rising else np.asfortranarray(weights)).T
    return Linear(weights, np.asarray(part.intercept_), sequential=thin)


def _classes(part: Any) -> Iterator[Classes]:
    labels = tuple(part.classes_.tolist())
    dtype = part.classes_.dtype.str if part.classes_.dtype.kind != "O" else "O"
    if not hasattr(part, "predict_proba"):
        yield Classes(labels, dtype)
    elif len(labels) == 2:
        yield Classes(labels, dtype, "logistic")
    else:
        yield Classes(labels, dtype, "softmax")
        yield Classes(labels, dtype, "shares")
