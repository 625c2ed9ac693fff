"""Answers of a model, taken in the notebook and in a clean process in the same way, and compared to the bit.

Both sides predict the same stored rows, one job at a time and with as many threads of BLAS and OpenMP as the notebook
has: a sum that is taken in another order ends in another bit, and says nothing about the model.
"""

from __future__ import annotations

import sys
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import numpy as np
from numpy.typing import NDArray

from noren_bento.release.version import Signature
from noren_bento.serving.original import flat_predictions

Answers = Mapping[str, NDArray[Any]]
"""By method: what it answered, as an array that needs no pickle."""

ROUNDING = 1e-9
"""Relative difference up to which numbers are the same number, rounded elsewhere."""


def read_answers(model: Any, given: Any, signature: Signature) -> dict[str, NDArray[Any]]:
    """What the model answers on these rows: `predict`, and `predict_proba` or `decision_function` where the version
    has probabilities or scores."""
    with warnings.catch_warnings(), _one_job():
        warnings.simplefilter("ignore")
        answers = {"predict": _plain(flat_predictions(model.predict(given)))}
        if signature.probabilities:
            answers["predict_proba"] = _plain(np.asarray(model.predict_proba(given)))
        if signature.scores:
            answers["decision_function"] = _plain(np.asarray(model.decision_function(given)))
    return answers


@contextmanager
def _one_job() -> Iterator[None]:
    """Jobs add up in the order in which they end: a forest with n_jobs=-1 has another last bit at each call."""
    joblib = sys.modules.get("joblib")
    if joblib is None:
        yield
        return
    with joblib.parallel_config(backend="sequential"):
        yield


def _plain(array: NDArray[Any]) -> NDArray[Any]:
    """Objects (labels, mostly) as their type and text; all else as it is."""
    if array.dtype.kind in "biufcmMSU":
        return array
    texts = [f"{type(item).__name__} {item!r}" for item in array.ravel().tolist()]
    return np.array(texts, dtype=str).reshape(array.shape)


def read_threads() -> dict[str, int]:
    """How many threads BLAS and OpenMP have in this process, by what threadpoolctl calls them."""
    pools = sys.modules.get("threadpoolctl")
    threads: dict[str, int] = {}
    for pool in pools.threadpool_info() if pools is not None else ():
        threads[pool["user_api"]] = max(pool["num_threads"], threads.get(pool["user_api"], 0))
    return threads


def set_threads(threads: Mapping[str, int]) -> None:
    """Give BLAS and OpenMP as many threads as the other process has."""
    pools = sys.modules.get("threadpoolctl")
    if pools is not None and threads:
        pools.threadpool_limits(limits=dict(threads))


def is_equal(one: Answers, other: Answers) -> bool:
    """Whether the answers are the same, to the bit."""
    return one.keys() == other.keys() and all(
        one[name].dtype == other[name].dtype
        and one[name].shape == other[name].shape
        and one[name].tobytes() == other[name].tobytes()
        for name in one
    )


def is_rounding(one: Answers, other: Answers) -> bool:
    """Whether only the last bits of numbers differ: labels are equal, and so is the shape of everything."""
    return one.keys() == other.keys() and all(_is_close(one[name], other[name]) for name in one)


def _is_close(one: NDArray[Any], other: NDArray[Any]) -> bool:
    if one.dtype != other.dtype or one.shape != other.shape:
        return False
    if one.dtype.kind not in "fc":
        return bool((one == other).all())
    scale = np.nanmax(np.abs(one[np.isfinite(one)]), initial=0.0)
    return bool(np.allclose(one, other, rtol=ROUNDING, atol=ROUNDING * scale, equal_nan=True))


def describe_difference(here: Answers, there: Answers) -> str:
    """Say in words what differs first: the method, how many rows, and both answers of one of them."""
    for name in here.keys() | there.keys():
        if name not in here or name not in there:
            return f"{name} answers in one of the two only"
    for name in here:
        one, other = here[name], there[name]
        if one.shape != other.shape or one.dtype.kind != other.dtype.kind:
            return (
                f"{name} gives {one.dtype} of shape {one.shape} here and {other.dtype} of {other.shape} there"
            )
        rows = _differing(one, other)
        if rows.size:
            row = int(rows[0])
            return (
                f"{name} differs in {rows.size} of {len(one)} rows, "
                f"row {row} being {_shown(one[row])} here and {_shown(other[row])} there"
            )
    return "only the types of the numbers differ"


def _differing(one: NDArray[Any], other: NDArray[Any]) -> NDArray[np.intp]:
    same = one == other
    if one.dtype.kind in "fc":
        same |= np.isnan(one) & np.isnan(other)
    return np.flatnonzero(~same.reshape(len(one), -1).all(axis=1))


def _shown(answer: Any) -> str:
    values = np.asarray(answer).ravel().tolist()
    shown = ", ".join(str(value)[:40] for value in values[:4])
    return f"[{shown}{', …' if len(values) > 4 else ''}]" if np.asarray(answer).ndim else shown
