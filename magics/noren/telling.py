"""Telling: a release in one or two sentences, for terminals and logs, and its progress for who waits for it."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

from noren_bento.control.snapshot import Snapshot
from noren_bento.release.check import Verdict
from noren_bento.release.evidence import Evidence
from noren_bento.release.release import Release, State

SAY_SECONDS = 15.0
"""Shortest time between two lines of progress."""


@dataclass(frozen=True, slots=True)
class Telling:
    """What is told of one release: its log, and what is newer than that where control answers."""

    release: Release
    url: str
    verdicts: tuple[Verdict, ...]
    requests: int
    """Requests of the model since the candidate's start, whichever version was chosen for them."""
    of_candidate: int
    next: str = ""
    share: int | None = None
    """The candidate's share of the requests now, in percent; None where only the log is known."""

    @property
    def sentences(self) -> str:
        """What it is, who gets what, and what is needed next."""
        release, name = self.release, self.release.name
        head = f"{release.id}: {release.candidate}"
        champion = (
            f"{release.champion} gets all requests" if release.champion else f"nothing answers for {name}"
        )
        match release.state:
            case State.PROMOTED if self.share == 0:
                return f"{head} was promoted and gets no requests any more. `noren releases` says what does."
            case State.PROMOTED:
                return f"{head} is the champion and gets all requests at {self.url}."
            case State.ROLLED_BACK:
                report = (
                    f" The report says more: {release.report}" if not release.epoch and release.report else ""
                )
                return f"{head} is rolled back: {_plain(release.because)}. Now {champion}.{report}"
            case State.CANARY if release.champion:
                rest = f"{release.champion} {100 - release.weight} %"
                return (
                    f"{head} is a canary and gets {release.weight} % of the requests, {rest}. {self._needs}"
                )
            case State.CANARY:
                return f"{head} answers its reference rows before it goes live at {self.url}."
        then = f" Next: {_plain(self.next)}." if self.next else ""
        return f"{head} is {release.state} and gets no requests yet; {champion}.{then}"

    @property
    def progress(self) -> str:
        """One line for who waits."""
        release = self.release
        where = f" at {release.weight} %" if release.step else ""
        return f"{release.id} is {release.state}{where}; {self.counts}"

    @property
    def counts(self) -> str:
        """How many requests came, and how many more are needed."""
        if not self.release.step:
            return _plain(self.next or self.release.because)
        came = (
            f"{self.requests:,} requests of {self.release.name} came"
            if self.requests
            else "no request came yet"
        )
        came += f", {self.of_candidate:,} of them to {self.release.candidate}" if self.requests else ""
        return f"{came}; {self.missing}"

    @property
    def missing(self) -> str:
        """How many more requests are needed, or what else is."""
        more = max((verdict.more_requests or 0 for verdict in self.verdicts), default=0)
        return f"about {more:,} more are needed" if more else f"next: {_plain(self.next) or 'another look'}"

    @property
    def _needs(self) -> str:
        steps, release = self.release.plan.steps, self.release
        if release.paused:
            return f"It is paused; `%canary {release.name}` has a button to resume."
        last = release.step_index + 1 >= len(steps)
        goal = "to be promoted" if last else f"for {steps[release.step_index + 1].weight} %"
        more = max((verdict.more_requests or 0 for verdict in self.verdicts), default=0)
        if not more:
            return f"Next: {_plain(self.next)}." if self.next else f"`noren up` starts what decides {goal}."
        where = "" if self.requests else f"; send some to {self.url}"
        return f"It needs about {more:,} more requests of {release.name} {goal}{where}."


def telling_of(release: Release, snapshot: Snapshot | None, url: str) -> Telling:
    """Put together what the log says and, where control answers, what it says now."""
    if snapshot is None:
        return Telling(release, url, release.verdicts, *_counted(release.evidence))
    counts = {arm.version: arm.requests for arm in snapshot.arms}
    return Telling(
        release,
        url,
        snapshot.verdicts,
        sum(counts.values()),
        counts.get(release.candidate, 0),
        snapshot.next,
        next((arm.share for arm in snapshot.arms if arm.version == release.candidate), None),
    )


class Progress:
    """Says a line when something has changed, and not too often."""

    def __init__(self, say: Callable[[str], None], *, clock: Callable[[], float] = time.monotonic) -> None:
        self._say = say
        self._clock = clock
        self._said = ""
        self._said_at = float("-inf")

    def look(self, line: Callable[[], str]) -> None:
        """Ask for the line when it is time to, and say it when it is another one."""
        now = self._clock()
        if now - self._said_at < SAY_SECONDS:
            return
        if (text := line()) != self._said:
            self._said, self._said_at = text, now
            self._say(text)


def _counted(evidence: Evidence) -> tuple[int, int]:
    return evidence.champion.requests + evidence.candidate.requests, evidence.candidate.requests


def _plain(text: str) -> str:
    return text.rstrip(". ")
