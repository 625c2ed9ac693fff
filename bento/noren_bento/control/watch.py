"""Watch: samples what each running version counts, and says which columns newly drift."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from noren_bento.control.sampler import Sampler
from noren_bento.errors import NorenError
from noren_bento.profile.profile import Counts, profile_from_json
from noren_bento.profile.window import Layout
from noren_bento.release import event as ev
from noren_bento.release.event import Event
from noren_bento.serving.manifest import PROFILE
from noren_bento.serving.predictor import MODEL_FOLDER

ALERT_SECONDS = 3600.0
"""A column that goes on drifting, or comes and goes, is alerted about once in this time."""


class Counter(Protocol):
    """Where a version's counts are read."""

    def counts(self, version: str, layout: Layout) -> Counts:
        """What the version's workers counted since its first start."""


@dataclass(frozen=True, slots=True)
class Drift:
    """Columns of one version that newly drift."""

    version: str
    columns: tuple[str, ...]
    why: str


class Watch:
    """One sampler a version; what was alerted about is read back from the log, so that a restart repeats nothing."""

    def __init__(self, counter: Counter, events: Iterable[Event], *, psi_limit: float) -> None:
        self._counter = counter
        self._psi_limit = psi_limit
        self.samplers: dict[str, Sampler] = {}
        self.troubles: dict[str, str] = {}
        self._alerted: dict[tuple[str, str], float] = {}
        candidates: dict[str, str] = {}
        for event in events:
            if isinstance(event.body, ev.Opened):
                candidates[event.release] = event.body.candidate
            elif isinstance(event.body, ev.Alerted):
                for column in event.body.columns:
                    self._alerted[candidates.get(event.release, ""), column] = event.at

    def look(self, bentos: Mapping[str, Path], now: float) -> list[Drift]:
        """Take the counts of these versions (version → bento folder); return what newly drifts."""
        for gone in self.samplers.keys() - bentos.keys():
            self.samplers.pop(gone, None)
        found = []
        for version, path in bentos.items():
            try:
                sampler = self._sampler(version, path)
                if sampler.sample(self._counter.counts(version, sampler.layout), now):
                    found += self._newly(sampler, now)
                self.troubles.pop(version, None)
            except (NorenError, OSError) as error:
                # One version's damaged files must not stop the watch over the others.
                self.troubles[version] = str(error)
        return found

    def restart(self, version: str) -> None:
        """Begin anew with a version that gets its first traffic: what its validation sent is none."""
        self.samplers.pop(version, None)

    def p99_ms(self, version: str | None) -> float | None:
        """Latency of the last minute at the 99th percentile, as the service measured it."""
        sampler = self.samplers.get(version or "")
        return None if sampler is None else sampler.recent().latency_quantile_ms(0.99)

    def _sampler(self, version: str, path: Path) -> Sampler:
        if version not in self.samplers:
            profile = profile_from_json((path / MODEL_FOLDER / PROFILE).read_bytes())
            self.samplers[version] = Sampler(version, profile)
        return self.samplers[version]

    def _newly(self, sampler: Sampler, now: float) -> list[Drift]:
        report = sampler.drift(self._psi_limit)
        alarms = [column for column in (*report.columns, *report.outputs) if column.alarm]
        new = [
            c
            for c in alarms
            if now - self._alerted.get((sampler.version, c.name), -ALERT_SECONDS) >= ALERT_SECONDS
        ]
        if not new:
            return []
        for column in new:
            self._alerted[sampler.version, column.name] = now
        names = tuple(column.name for column in new)
        worst = max(new, key=lambda column: column.psi)
        why = f"{sampler.version} drifts: {', '.join(names)} (largest PSI {worst.psi:.2f}, {worst.name})"
        return [Drift(sampler.version, names, why)]
