"""Which versions must run now, computed from the releases alone, so that a killed control process knows it again."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import groupby

from noren_bento.release.release import Release, maker_of_champion

DRAIN_SECONDS = 10.0
"""How long a version without traffic still runs, for the requests in flight."""


@dataclass(frozen=True, slots=True)
class Bento:
    """What a version is served from."""

    path: str
    digest: str
    """Empty where the release's log is older than digests."""


def by_model(releases: Iterable[Release]) -> dict[str, tuple[Release, ...]]:
    """Group releases by registered model, oldest first."""
    ordered = sorted(releases, key=lambda release: (release.name, int(release.id.rpartition("@")[2])))
    return {name: tuple(group) for name, group in groupby(ordered, lambda release: release.name)}


def desired_versions(releases: Iterable[Release], now: float) -> Mapping[str, Bento]:
    """Return version → bento of all that must run.

    Per model: the champion, the candidate of the running release once it is built, the champion before (so that a
    roll back takes a second), and what lost its traffic a moment ago.
    """
    wanted: dict[str, Bento] = {}
    for history in by_model(releases).values():
        bentos = {
            release.candidate: Bento(release.bento_path, release.bento_digest)
            for release in history
            if release.bento_path
        }
        names = {release.candidate for release in history if release.active and release.bento_path}
        if (maker := maker_of_champion(history)) is not None:
            names |= {maker.candidate, maker.champion or ""}
        for release in history:
            drain = max(DRAIN_SECONDS, 2 * release.deadline_seconds + 2)
            if release.epoch and release.ended_at is not None and now - release.ended_at < drain:
                names |= {release.candidate, release.champion or ""}
        wanted |= {name: bentos[name] for name in names if name in bentos}
    return wanted
