"""Batch: the answered requests of one flush, their rows joined; what is counted and what is logged."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from noren_bento.serving.answers import Answers
from noren_bento.serving.columns import Columns, MatrixColumns

LARGE = 4_096
"""Rows of a batch that is worth encoding by itself: to join it would only copy it."""
BULK = 64
"""Rows a request from which on matrices are turned one by one, while they are in the cache."""


class Seen(msgspec.Struct, frozen=True, gc=False):
    """One request. A Struct, since one is made on each request's path: 0.2 µs, a frozen dataclass takes 1.1."""

    latency_ms: float
    columns: Columns | None = None
    """What was asked, where it was answered."""
    answers: Answers | None = None
    error: str = ""
    """One of CLIENT_KINDS or MODEL_KINDS; empty for an answered request."""
    request_id: bytes = b""
    at: float = 0.0
    """When it was answered, in seconds since 1970."""


@dataclass(frozen=True, slots=True, eq=False)
class Batch:
    """Requests that were answered, in the order of their answers."""

    columns: Columns
    answers: Answers
    sizes: tuple[int, ...]
    """Rows of each request."""
    request_ids: tuple[bytes, ...]
    at: tuple[float, ...]

    @property
    def rows(self) -> int:
        """Rows of all requests."""
        return len(self.answers.predictions)


def join_seen(seen: Sequence[Seen]) -> list[Batch]:
    """Join the answered requests; those whose arrays have unlike types go into batches of their own.

    Whole numbers and numbers with NaN, say: joined, the first would become floats and lose digits.
    """
    groups: dict[object, list[Seen]] = defaultdict(list)
    for one in seen:
        if one.answers is not None and one.columns is not None:
            groups[isinstance(one.columns, MatrixColumns)].append(one)
    batches = []
    for group in groups.values():
        try:
            batches.append(_join(group, casting="no"))
        except TypeError:
            batches += [_join(alike, casting="same_kind") for alike in _group_by_kinds(group)]
    return batches


def _group_by_kinds(seen: Sequence[Seen]) -> list[list[Seen]]:
    groups: dict[object, list[Seen]] = defaultdict(list)
    for one in seen:
        arrays = [*(one.columns or {}).values()]
        if one.answers is not None:
            arrays.append(one.answers.predictions)
        groups[tuple(array.dtype.kind for array in arrays)].append(one)
    return list(groups.values())


def join_batches(batches: Sequence[Batch]) -> list[Batch]:
    """Join small batches as far as their arrays have the same types, so that they are encoded together."""
    groups: dict[object, list[Batch]] = defaultdict(list)
    joined = [batch for batch in batches if batch.rows >= LARGE]
    for batch in batches:
        if batch.rows < LARGE:
            groups[isinstance(batch.columns, MatrixColumns)].append(batch)
    for group in groups.values():
        try:
            joined.append(
                Batch(
                    columns=_join_columns([one.columns for one in group], "no"),
                    answers=_join_answers([one.answers for one in group], "no"),
                    sizes=tuple(chain.from_iterable(one.sizes for one in group)),
                    request_ids=tuple(chain.from_iterable(one.request_ids for one in group)),
                    at=tuple(chain.from_iterable(one.at for one in group)),
                )
            )
        except TypeError:
            joined += group
    return joined


def _join(seen: Sequence[Seen], *, casting: Any) -> Batch:
    answers = [one.answers for one in seen if one.answers is not None]
    return Batch(
        columns=_join_columns([one.columns for one in seen if one.columns is not None], casting),
        answers=_join_answers(answers, casting),
        sizes=tuple([len(one.predictions) for one in answers]),
        request_ids=tuple([one.request_id for one in seen]),
        at=tuple([one.at for one in seen]),
    )


def _join_answers(parts: Sequence[Answers], casting: Any) -> Answers:
    probabilities = [one.probabilities for one in parts if one.probabilities is not None]
    scores = [one.scores for one in parts if one.scores is not None]
    return Answers(
        np.concatenate([one.predictions for one in parts], casting=casting),
        np.concatenate(probabilities) if len(probabilities) == len(parts) else None,
        np.concatenate(scores) if len(scores) == len(parts) else None,
    )


def _join_columns(parts: Sequence[Columns], casting: Any) -> Columns:
    first = parts[0]
    if isinstance(first, MatrixColumns):
        return MatrixColumns(
            first.names, _join_matrices([part.matrix for part in parts if isinstance(part, MatrixColumns)])
        )
    return {name: np.concatenate([part[name] for part in parts], casting=casting) for name in first}


def _join_matrices(parts: Sequence[NDArray[np.float64]]) -> NDArray[np.float64]:
    """Join matrices, each column in one piece: what counts and logs takes one column after the other."""
    rows, columns = sum(len(part) for part in parts), parts[0].shape[1]
    if rows < BULK * len(parts):
        return np.asfortranarray(np.concatenate(parts))
    turned = np.empty((columns, rows))
    at = 0
    for part in parts:
        turned[:, at : at + len(part)] = part.T
        at += len(part)
    return turned.T
