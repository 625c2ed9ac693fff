"""Route: the share of traffic per version of one model, and its epoch. What the data plane obeys."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from noren_bento.release.release import Release, State, champion_of


@dataclass(frozen=True, slots=True)
class Route:
    """Where requests for one model go."""

    name: str
    release: str
    """The release that this share belongs to; evidence is counted for it."""
    epoch: int
    champion: str | None
    """None while nothing is released: then users get a 503 that says so."""
    candidate: str | None = None
    weight: int = 0
    """The candidate's share in percent."""
    deadline_seconds: float = 1.0
    """Time that one try may take."""

    @property
    def label(self) -> str:
        """The route name in Envoy's access log: release, epoch and weight.

        >>> Route("churn", "churn@2", 3, "churn/1", "churn/2", 10).label
        'churn@2#3#10'
        """
        return f"{self.release}#{self.epoch}#{self.weight}"


def read_label(label: str) -> tuple[str, int, int] | None:
    """Return (release, epoch, weight) of a route name, or None for Noren's other routes.

    >>> read_label("churn@2#3#10")
    ('churn@2', 3, 10)
    """
    release, hash_epoch, tail = label.partition("#")
    epoch, hash_weight, weight = tail.partition("#")
    if not (hash_epoch and hash_weight and epoch.isdecimal() and weight.isdecimal()):
        return None
    return release, int(epoch), int(weight)


def route_of(releases: Iterable[Release]) -> Route | None:
    """Compute the route of one model from all its releases, oldest first; None before anything was started.

    It is named after the release that changed it last, so that no two states of a route share a name.
    """
    history = [release for release in releases if release.epoch > 0]
    if not history:
        return None
    last = max(history, key=lambda release: (release.active, release.ended_at or release.step_at))
    deadline = max(release.deadline_seconds for release in history)
    if last.state is State.CANARY and last.champion:
        return Route(last.name, last.id, last.epoch, last.champion, last.candidate, last.weight, deadline)
    return Route(last.name, last.id, last.epoch, champion_of(history), deadline_seconds=deadline)


def share_of(route: Route | None, version: str) -> int:
    """Return the share of the traffic in percent that a version has under a route.

    >>> route = Route("churn", "churn@2", 3, "churn/1", "churn/2", 10)
    >>> [share_of(route, version) for version in ("churn/1", "churn/2", "churn/3")], share_of(None, "churn/1")
    ([90, 10, 0], 0)
    """
    if route is None:
        return 0
    if version == route.candidate:
        return route.weight
    return 100 - route.weight if version == route.champion else 0
