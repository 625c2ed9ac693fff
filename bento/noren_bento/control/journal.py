"""Journal: the event log with the releases folded from it. Append with compare; its lock waits for nothing else."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from dataclasses import replace

import psutil

from noren_bento.errors import ConflictError, NorenError, NotFoundError
from noren_bento.release import event as ev
from noren_bento.release.event import Caller, Event
from noren_bento.release.release import (
    Release,
    apply,
    champion_of,
    fold,
    fold_all,
    refuse,
    release_to_roll_back,
)
from noren_bento.stores.events import EventStore

log = logging.getLogger("noren.journal")


class Journal:
    """All releases of one home. Safe to use from several threads."""

    def __init__(self, store: EventStore, clock: Callable[[], float]) -> None:
        self.store = store
        self._clock = clock
        self._lock = threading.Lock()
        self._releases = {release.id: release for release in fold_all(store.events())}

    def releases(self, name: str | None = None) -> tuple[Release, ...]:
        """All releases, or those of one model, in the order in which they were opened."""
        found = tuple(self._releases.values())
        return found if name is None else tuple(release for release in found if release.name == name)

    def release(self, id_or_name: str) -> Release:
        """Return a release by its id, or a model's latest one by its name; raise NotFoundError."""
        found = self._releases.get(id_or_name)
        if found is not None:
            return found
        mine = self.releases(id_or_name)
        if not mine:
            known = ", ".join(sorted({release.name for release in self.releases()})) or "none yet"
            raise NotFoundError(f"Nothing was released as {id_or_name!r}. Released models: {known}.")
        return mine[-1]

    def open(self, opened: ev.Opened, *, who: str, why: str) -> Release:
        """Begin a release, or return the one that this candidate already has.

        Raises ConflictError while another release of the model runs, and while another process prepares this one.
        """
        with self._lock:
            name = opened.candidate.rpartition("/")[0]
            mine = self.releases(name)
            for release in mine:
                if release.active and release.candidate != opened.candidate:
                    raise ConflictError(
                        f"{name}: a release is running already: {release.candidate} is {release.state} "
                        f"({release.because}). Promote it or roll it back first: %promote {name} or %rollback {name}."
                    )
                if release.active:
                    _require_nobody_else(release, opened.caller)
                    return release
            if mine and champion_of(mine) == opened.candidate:
                return next(release for release in reversed(mine) if release.candidate == opened.candidate)
            body = replace(opened, champion=champion_of(mine))
            event = Event(f"{name}@{len(mine) + 1}", 0, self._clock(), who, why, body)
            self.store.append(event)
            release = fold([event])
            self._releases = {**self._releases, event.release: release}
            return release

    def append(self, release_id: str, body: ev.Body, *, who: str, why: str) -> Event:
        """Append one event where the release's state allows it; raise NorenError where not.

        A request to roll back a model by its name means its running release, else the one that made its champion.
        """
        with self._lock:
            release = self.release(release_id)
            if (
                isinstance(body, ev.Requested)
                and release_id not in self._releases
                and body.action == "roll back"
            ):
                release = release_to_roll_back(self.releases(release_id))
            _require_current(release, body, self.releases(release.name))
            if isinstance(body, ev.Approved) and who == release.who:
                raise NorenError(f"{who} deployed {release.candidate}; another person has to approve it.")
            if reason := refuse(release, body):
                raise ConflictError(f"That cannot be done now: {reason}.")
            event = Event(release.id, release.seq + 1, self._clock(), who, why, body)
            after = apply(release, event)
            self.store.append(event)
            self._releases = {**self._releases, release.id: after}
        log.info("%s %s %s: %s", event.release, event.seq, event.kind, event.why)
        return event


def is_alive(caller: Caller) -> bool:
    """Whether the process that deploys still runs."""
    try:
        # A second of tolerance: the two readings of a start time may round differently.
        return bool(abs(psutil.Process(caller.pid).create_time() - caller.created) < 1.0)
    except psutil.NoSuchProcess:
        return False


def _require_nobody_else(release: Release, caller: Caller) -> None:
    if release.start_requested or release.caller == caller:
        return
    raise ConflictError(
        f"{release.candidate} is being deployed by {release.who} (process {release.caller.pid}); it is "
        f"{release.state}. Wait for it, or stop it with %rollback {release.name}."
    )


def _require_current(release: Release, body: ev.Body, mine: tuple[Release, ...]) -> None:
    current = {mine[-1].id, release_to_roll_back(mine).id}
    if isinstance(body, ev.Requested) and release.id not in current:
        raise ConflictError(
            f"{release.id} is history; the latest release of {release.name} is {mine[-1].id}."
        )
