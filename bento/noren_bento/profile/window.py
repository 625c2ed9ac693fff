"""Window: what one version did in one interval, as one vector of counts that adds up exactly."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import accumulate, pairwise
from math import exp, log
from typing import Any

import numpy as np
from numpy.typing import NDArray

from noren_bento.errors import NorenError
from noren_bento.profile.count import count_values
from noren_bento.profile.profile import Counts, Profile

LATENCY_EDGES_MS: tuple[float, ...] = tuple(float(f"{edge:.4g}") for edge in np.geomspace(0.05, 60_000, 62))
"""Edges of the latency bins in milliseconds: 0.05 ms to 60 s, ten a decade (each 26 % above the last)."""
LATENCY_BINS = len(LATENCY_EDGES_MS) + 1
TOTALS = ("requests", "rows", "latency_microseconds", "logged_rows", "dropped_rows")
CLIENT_CODES = (400, 401, 403, 404, 405, 406, 408, 411, 413, 415, 421, 422, 429)
"""The 4xx codes that are counted each by itself; all others together are the kind `other`."""
CLIENT_KINDS = (*map(str, CLIENT_CODES), "other")
MODEL_KINDS = ("raised", "no_prediction", "internal", "unanswered")
"""The model raised; it answered what is no prediction; a mistake of the service's own; it did not end in time."""


def latency_bin(latency_ms: float) -> int:
    """Return the number of the latency bin, 0 to LATENCY_BINS - 1.

    >>> latency_bin(0.01), latency_bin(1e9) == LATENCY_BINS - 1
    (0, True)
    """
    return bisect_right(LATENCY_EDGES_MS, latency_ms)


@dataclass(frozen=True, slots=True)
class Layout:
    """Where each count lies in a window's int64 vector: totals, errors, latency bins, columns' and outputs' bins.

    Workers, the metrics page and control all read vectors through it, so that sums of them mean something.
    """

    profile: Profile
    columns: Mapping[str, slice] = field(init=False, repr=False, compare=False)
    """Place of each input column's bins."""
    outputs: Mapping[str, slice] = field(init=False, repr=False, compare=False)
    """Place of each output's bins."""
    client_errors: slice = field(init=False, repr=False, compare=False)
    """Place of the CLIENT_KINDS."""
    model_errors: slice = field(init=False, repr=False, compare=False)
    """Place of the MODEL_KINDS."""
    latency: slice = field(init=False, repr=False, compare=False)
    """Place of the latency bins."""
    size: int = field(init=False, repr=False, compare=False)
    """Length of the vector."""

    def __post_init__(self) -> None:
        client_errors = slice(len(TOTALS), len(TOTALS) + len(CLIENT_KINDS))
        model_errors = slice(client_errors.stop, client_errors.stop + len(MODEL_KINDS))
        latency = slice(model_errors.stop, model_errors.stop + LATENCY_BINS)
        both = (*self.profile.columns, *self.profile.outputs)
        ends = list(accumulate((column.size for column in both), initial=latency.stop))
        places = [slice(start, stop) for start, stop in pairwise(ends)]
        inputs = len(self.profile.columns)
        names = [column.name for column in both]
        object.__setattr__(self, "columns", dict(zip(names[:inputs], places[:inputs], strict=True)))
        object.__setattr__(self, "outputs", dict(zip(names[inputs:], places[inputs:], strict=True)))
        object.__setattr__(self, "client_errors", client_errors)
        object.__setattr__(self, "model_errors", model_errors)
        object.__setattr__(self, "latency", latency)
        object.__setattr__(self, "size", ends[-1])

    def zeros(self) -> Counts:
        """Return a new vector without counts."""
        return np.zeros(self.size, dtype=np.int64)

    def count_rows(self, columns: Mapping[str, NDArray[Any]], outputs: Mapping[str, NDArray[Any]]) -> Counts:
        """Return a vector with these rows' inputs and outputs counted; the totals and latencies stay zero."""
        vector = self.zeros()
        for known, given, places in (
            (self.profile.columns, columns, self.columns),
            (self.profile.outputs, outputs, self.outputs),
        ):
            for column in known:
                if column.name in given:
                    vector[places[column.name]] = count_values(column, given[column.name])
        return vector


@dataclass(frozen=True, slots=True, eq=False)
class Window:
    """What one version did in one interval. Windows of workers, replicas and intervals add up exactly."""

    layout: Layout
    vector: Counts

    def __post_init__(self) -> None:
        if self.vector.shape != (self.layout.size,):
            raise NorenError(
                f"A window of this profile holds {self.layout.size} counts; got shape {self.vector.shape}. "
                "The counts belong to another version."
            )

    @property
    def requests(self) -> int:
        """Prediction requests, errors included."""
        return int(self.vector[0])

    @property
    def rows(self) -> int:
        """Rows that were predicted."""
        return int(self.vector[1])

    @property
    def client_errors(self) -> int:
        """Requests answered with 4xx."""
        return int(self.vector[self.layout.client_errors].sum())

    @property
    def model_errors(self) -> int:
        """Requests on which the model raised or answered what is no prediction."""
        return int(self.vector[self.layout.model_errors].sum())

    def column(self, name: str) -> Counts:
        """Return the counts per bin of one input column."""
        return self.vector[_place(self.layout.columns, name, "column")]

    def output(self, name: str) -> Counts:
        """Return the counts per bin of one output."""
        return self.vector[_place(self.layout.outputs, name, "output")]

    def latency_quantile_ms(self, q: float) -> float | None:
        """Return the latency in milliseconds below which a share q of the requests lie; None without any.

        Interpolated inside its bin, so within 26 % of the truth; 60,000 stands for all that is slower.

        >>> layout = Layout(Profile(0, ()))
        >>> Window(layout, layout.zeros()).latency_quantile_ms(0.5) is None
        True
        """
        counts = self.vector[self.layout.latency]
        cumulative = np.cumsum(counts)
        total = int(cumulative[-1])
        if total <= 0:
            return None
        rank = min(max(q, 0.0), 1.0) * total
        place = int(np.searchsorted(cumulative, max(rank, 1e-9), side="left"))
        inside = (rank - (cumulative[place] - counts[place])) / counts[place]
        if place == 0:
            return float(inside * LATENCY_EDGES_MS[0])
        if place == LATENCY_BINS - 1:
            return LATENCY_EDGES_MS[-1]
        low, high = LATENCY_EDGES_MS[place - 1], LATENCY_EDGES_MS[place]
        return exp(log(low) + float(inside) * log(high / low))

    def __add__(self, other: Window) -> Window:
        return Window(self.layout, self.vector + self._same(other))

    def __sub__(self, other: Window) -> Window:
        return Window(self.layout, self.vector - self._same(other))

    def _same(self, other: Window) -> Counts:
        if other.layout is not self.layout and other.layout != self.layout:
            raise NorenError("Windows of two different profiles cannot be added: their bins differ.")
        return other.vector


def _place(places: Mapping[str, slice], name: str, what: str) -> slice:
    if name not in places:
        raise NorenError(f"The window has no {what} {name!r}. It has: {', '.join(places) or 'none'}.")
    return places[name]
