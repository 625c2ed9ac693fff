"""Undo: what a deploy opened and did not bring to its first traffic is rolled back, whatever ended it."""

from __future__ import annotations

import os
import time

from noren.show import in_notebook, tell
from noren_bento.control.client import ControlClient, this_caller
from noren_bento.errors import NorenError
from noren_bento.release import event as ev
from noren_bento.release.release import Release, State

UNDO_SECONDS = 10.0
BEFORE_TRAFFIC = (State.OPENED, State.BUILT, State.VALIDATED)


def undo(client: ControlClient, version: str, error: BaseException) -> None:
    """Roll back what this process opened and what has no traffic yet, and wait for it.

    A release that has started goes on by its plan, and one of another process is that process's business.
    """
    from noren_bento.tagging.secrets.secrets import read_secrets  # noqa: PLC0415 -- heavy, and rarely needed

    interrupted = isinstance(error, KeyboardInterrupt)
    told = str(error) or type(error).__name__
    why = "interrupted before the start" if interrupted else read_secrets(os.environ).mask(told)
    try:
        for release in client.releases():
            if release.candidate == version and release.state in BEFORE_TRAFFIC and _is_mine(release):
                client.append(release.id, ev.Requested("roll back", note=why, asker="deploy"), why=why)
                _wait_undone(client, release.id)
    except NorenError as trouble:
        # The first error is what the user must see, with this one below it.
        note = f"{version} could not be rolled back now: {trouble} `noren status` says what runs."
        if in_notebook():
            error.add_note(note)
        else:
            tell(note)


def _wait_undone(client: ControlClient, release_id: str) -> None:
    deadline = time.monotonic() + UNDO_SECONDS
    while client.release(release_id).requested:
        if time.monotonic() > deadline:
            raise NorenError(f"Control did not do it within {UNDO_SECONDS:.0f} s.")
        time.sleep(0.1)


def _is_mine(release: Release) -> bool:
    """Whether this process opened it."""
    this = this_caller()
    # A second of tolerance: the two readings of a start time may round differently.
    return release.caller.pid == this.pid and abs(release.caller.created - this.created) < 1.0
