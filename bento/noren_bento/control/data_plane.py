"""DataPlane: services and Envoy follow the releases, each step by itself, so that one that fails stops no other."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Protocol

from noren_bento.errors import NorenError
from noren_bento.release.desired import by_model, desired_versions
from noren_bento.release.release import Release
from noren_bento.release.route import Route, route_of
from noren_bento.targets.local import Instance
from noren_bento.traffic.envoy import Envoy


class Target(Protocol):
    """Where versions run. The local one is `targets/local.py`."""

    def ensure(self, version: str, bento_path: Path, digest: str = "") -> None:
        """Make sure that this version's service runs, from a bento that has this digest."""

    def retire(self, version: str) -> None:
        """Begin to end this version's service."""

    def sweep(self) -> None:
        """Forget the services that have ended."""

    def instances(self) -> Mapping[str, Instance]:
        """All services by version."""


class DataPlane:
    """Services and routes of one home."""

    def __init__(self, target: Target, envoy: Envoy) -> None:
        self._target = target
        self._envoy = envoy
        self.instances: Mapping[str, Instance] = {}
        self.routes: dict[str, Route] = {}
        self.troubles: dict[str, str] = {}
        """What could not be done at the last turn, by step."""
        self._replaced: list[tuple[Route, float]] = []
        self._applied: object = None

    def follow(self, releases: Sequence[Release], now: float) -> None:
        """Make the world be what the releases say: first what is there, then routes, then services."""
        self._try("services", self._look)
        self.follow_routes(releases, now)
        # A supervisord that has just not answered is not waited for a second time: routes come round again sooner.
        if "services" not in self.troubles:
            self._try("services to start and end", lambda: self._follow_services(releases, now))

    def follow_routes(self, releases: Sequence[Release], now: float) -> None:
        """Give Envoy its routes; needs nothing but files where supervisord is dead."""
        routes = {}
        for name, history in by_model(releases).items():
            if (route := route_of(history)) is not None:
                routes[name] = route
        changed = [old for name, old in self.routes.items() if routes.get(name) != old]
        self._replaced = [(old, since) for old, since in self._replaced if now - since < _drain_seconds(old)]
        self._replaced += [(old, now) for old in changed]
        self.routes = routes
        self._try("routes", self._apply)

    def _look(self) -> None:
        self.instances = self._target.instances()

    def _apply(self) -> None:
        upstreams = {version: instance.upstream for version, instance in self.instances.items()}
        draining = [route for route, _ in self._replaced]
        wanted = (self.routes, upstreams, draining)
        if wanted != self._applied:
            self._envoy.apply(self.routes.values(), upstreams, draining=draining)
            self._applied = wanted

    def _follow_services(self, releases: Sequence[Release], now: float) -> None:
        wanted = desired_versions(releases, now)
        for version, bento in wanted.items():
            instance = self.instances.get(version)
            if instance is None or not instance.known:
                self._target.ensure(version, Path(bento.path), bento.digest)
        for version in self.instances:
            if version not in wanted:
                self._target.retire(version)
        self._target.sweep()

    def _try(self, step: str, act: Callable[[], None]) -> None:
        try:
            act()
            self.troubles.pop(step, None)
        except (NorenError, OSError) as error:
            self.troubles[step] = str(error)


def _drain_seconds(route: Route) -> float:
    """Two tries, the hop between them, and a second for Envoy to have taken the new routes."""
    return 2 * route.deadline_seconds + 1.5
