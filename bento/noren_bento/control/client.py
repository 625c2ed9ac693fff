"""ControlClient: how notebooks, the shell and the Lab panel talk to the control process.

With control down, reading opens the event store instead; writing says how to start it.
"""

from __future__ import annotations

import getpass
import http.client
import json
import os
from typing import Any
from urllib.parse import quote

import msgspec
import psutil

from noren_bento.control.snapshot import Snapshot
from noren_bento.control.snapshot_json import snapshot_from_json
from noren_bento.drift.report import DriftReport
from noren_bento.errors import ConflictError, NorenError, NotFoundError, UnreachableError
from noren_bento.home import Home
from noren_bento.release import event as ev
from noren_bento.release.event import Caller, Event
from noren_bento.release.plan import Plan
from noren_bento.release.release import Release, fold, fold_all
from noren_bento.release.version import ModelVersion
from noren_bento.settings import Settings
from noren_bento.stores.event_json import event_from_builtins
from noren_bento.unix_http import call

_ERRORS = {404: NotFoundError, 409: ConflictError}


class ControlClient:
    """One home's control process, as seen from outside it."""

    def __init__(self, settings: Settings) -> None:
        self.home = Home(settings)

    def is_running(self) -> bool:
        """Whether the control process answers."""
        try:
            self.status()
        except UnreachableError:
            return False
        return True

    def status(self) -> dict[str, Any]:
        """Address, versions with port and readiness, and what the loop could not do."""
        return dict(self._call("GET", "/status"))

    def open(self, version: ModelVersion, plan: Plan, *, why: str) -> Release:
        """Begin a release of this version, or return the one that it has already."""
        opened = ev.Opened(str(version), None, version.digest, plan, this_caller())
        body = {"opened": msgspec.to_builtins(opened), "who": user(), "why": why}
        return self.release(self._call("POST", "/releases", body)["release"])

    def append(self, release_id: str, body: ev.Body, *, why: str) -> Event:
        """Write one event; control refuses what does not follow from the release's state."""
        sent = {"kind": ev.kind_of(type(body)), "body": msgspec.to_builtins(body), "who": user(), "why": why}
        return event_from_builtins(self._call("POST", f"/releases/{_quoted(release_id)}/events", sent))

    def request(self, name: str, action: ev.Action, *, why: str = "") -> Release:
        """Ask for something; the control loop carries it out at its next turn."""
        event = self.append(name, ev.Requested(action, note=why), why=why or f"{user()} asked to {action}")
        return self.release(event.release)

    def events(self, id_or_name: str) -> tuple[Event, ...]:
        """The log of one release, oldest first."""
        try:
            found = self._call("GET", f"/releases/{_quoted(id_or_name)}")
            return tuple(event_from_builtins(one) for one in found)
        except UnreachableError:
            release = _find(self._offline(), id_or_name)
            return tuple(event for event in self._offline() if event.release == release)

    def release(self, id_or_name: str) -> Release:
        """A release by its id, or the latest of a model by its name."""
        return fold(self.events(id_or_name))

    def releases(self) -> tuple[Release, ...]:
        """All releases, in the order in which they were opened."""
        try:
            return fold_all(tuple(event_from_builtins(one) for one in self._call("GET", "/releases")))
        except UnreachableError:
            return fold_all(self._offline())

    def snapshot(self, id_or_name: str) -> Snapshot:
        """All that a view of this release shows."""
        return snapshot_from_json(self._call("GET", f"/releases/{_quoted(id_or_name)}/snapshot"))

    def drift(self, name: str) -> DriftReport:
        """Drift of the version that serves."""
        return msgspec.convert(self._call("GET", f"/drift/{_quoted(name)}"), DriftReport)

    def _offline(self) -> tuple[Event, ...]:
        path = self.home.path / "events.db"
        if not path.exists():
            return ()
        # Only here: with control up, a notebook needs none of SQLAlchemy.
        from noren_bento.stores.events import EventStore  # noqa: PLC0415

        store = EventStore(f"sqlite:///file:{path}?mode=ro&uri=true")
        try:
            return store.events()
        finally:
            store.close()

    def _call(self, method: str, target: str, body: dict[str, Any] | None = None) -> Any:
        data = json.dumps(body).encode() if body is not None else None
        try:
            status, answer = call(self.home.control_socket, target, method=method, body=data, timeout=30.0)
        except (OSError, http.client.HTTPException) as error:
            raise UnreachableError(
                f"Noren's control process does not answer ({error}). `noren up` starts it; requests to released "
                "models are served meanwhile."
            ) from None
        decoded = self._decoded(f"{method} {target}", status, answer)
        if status != http.client.OK:
            text = decoded.get("error", f"status {status}") if isinstance(decoded, dict) else str(decoded)
            raise _ERRORS.get(status, NorenError)(text)
        return decoded

    def _decoded(self, request: str, status: int, answer: bytes) -> Any:
        try:
            return json.loads(answer)
        except ValueError:
            words = answer.decode(errors="replace").strip()[:200] or "nothing"
            raise _ERRORS.get(status, NorenError)(
                f"Noren's control process answers {request} with status {status}: {words!r}. "
                f"Give a model's name, such as churn; if it is one, {self.home.run / 'control.log'} says more."
            ) from None


def user() -> str:
    """Who is acting: JupyterHub's user, or the operating system's."""
    return os.environ.get("JUPYTERHUB_USER") or getpass.getuser()


def this_caller() -> Caller:
    """Return this process, as the log names who opened a release."""
    this = psutil.Process()
    return Caller(this.pid, this.create_time())


def _quoted(id_or_name: str) -> str:
    """Make one segment of a path from any text.

    >>> _quoted("churn@3"), _quoted("churn/3?")
    ('churn@3', 'churn%2F3%3F')
    """
    return quote(id_or_name, safe="@")


def _find(events: tuple[Event, ...], id_or_name: str) -> str:
    names = [event.release for event in events if event.seq == 0]
    mine = [one for one in names if id_or_name in (one, one.rpartition("@")[0])]
    if not mine:
        known = ", ".join(sorted({one.rpartition("@")[0] for one in names})) or "none yet"
        raise NotFoundError(f"Nothing was released as {id_or_name!r}. Released models: {known}.")
    return mine[-1]
