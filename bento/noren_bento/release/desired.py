"""Which versions must run now, computed from the releases alone, so that a killed control process knows it again."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from itertools import groupby

from noren_bento.release.release import Release, State, champion_of

DRAIN_SECONDS = 10.0
"""How long a version without traffic still runs, for the requests in flight."""


def by_model(releases: Iterable[Release]) -> dict[str, tuple[Release, ...]]:
    """Group releases by registered model, oldest first."""
    ordered = sorted(releases, key=lambda release: (release.name, int(release.id.rpartition("@")[2])))
    return {name: tuple(group) for name, group in groupby(ordered, lambda release: release.name)}


def desired_versions(releases: Iterable[Release], now: float) -> Mapping[str, str]:
    """Return version → bento folder of all that must run.

    Per model: the champion, the candidate of the running release once it is built, the champion before the last
    promotion (so that a roll back takes a second), and what lost its traffic less than DRAIN_SECONDS ago.
    """
    wanted: dict[str, str] = {}
    for history in by_model(releases).values():
        paths = {release.candidate: release.bento_path for release in history if release.bento_path}
        last = history[-1]
        names = {champion_of(history), last.champion}
        if last.active and last.bento_path:
            names.add(last.candidate)
        if last.state is State.PROMOTED:
            names.add(last.candidate)
        for release in history:
            if release.epoch and release.ended_at is not None and now - release.ended_at < DRAIN_SECONDS:
                names |= {release.candidate, release.champion}
        wanted |= {name: paths[name] for name in names if name in paths}
    return wanted
