"""Sampler: the counts of one running version over time, for the views and for drift."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from noren_bento.drift.detector import detect
from noren_bento.drift.report import DriftReport
from noren_bento.drift.ring import Ring
from noren_bento.profile.profile import Counts, Profile
from noren_bento.profile.window import Layout, Window

POINT_SECONDS = 2.0
"""Seconds between two points of a series."""
POINTS = 120


@dataclass(frozen=True, slots=True)
class Point:
    """One interval of one version."""

    at: float
    seconds: float
    window: Window


@dataclass(slots=True)
class Sampler:
    """Reads nothing itself: it is given the version's total counts and makes differences of them."""

    version: str
    profile: Profile
    layout: Layout = field(init=False)
    ring: Ring = field(init=False)
    points: tuple[Point, ...] = ()
    """Oldest first. Replaced, never changed: the views' threads read it."""
    _last: Counts | None = None
    _last_at: float = 0.0

    def __post_init__(self) -> None:
        self.layout = Layout(self.profile)
        self.ring = Ring(self.layout)

    def sample(self, counts: Counts, now: float) -> bool:
        """Take the version's counts as of now; say whether that made a new point."""
        if self._last is None or (counts < self._last).any():
            # First look, or a cleared count folder: what lies before is not traffic of this watch.
            self._last, self._last_at = counts, now
            return False
        if now - self._last_at < POINT_SECONDS:
            return False
        difference = counts - self._last
        window = Window(self.layout, difference)
        point = Point(self._last_at, now - self._last_at, window)
        self.points = (*self.points, point)[-POINTS:]
        self.ring = self.ring.push(difference, self._last_at)
        self._last, self._last_at = counts, now
        return True

    def recent(self, seconds: float = 60.0) -> Window:
        """Counts of the last so many seconds."""
        vector = self.layout.zeros()
        for point in self.points:
            if point.at >= self._last_at - seconds:
                vector = vector + point.window.vector
        return Window(self.layout, np.asarray(vector))

    def drift(self, psi_limit: float) -> DriftReport:
        """Judge drift on the ring's blocks."""
        return detect(self.profile, self.ring, version=self.version, psi_limit=psi_limit)
