"""Watching: keeps what a cell shows of one release current, by a thread of its own, and leaves its last state there."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable
from typing import Any

from IPython.core.interactiveshell import InteractiveShell
from IPython.display import DisplayHandle, display

from noren.fallback import snapshot_to_html, snapshot_to_text
from noren.reading import has_ended
from noren_bento.control.snapshot import Snapshot
from noren_bento.errors import NorenError

PERIOD_SECONDS = 1.0
"""Time between two looks at the release: quick enough to watch, slow enough to cost nothing."""
STOP_SECONDS = 5.0
"""How long `stop` waits for a look that is under way."""


class Watching:
    """One release in one cell. `begin_with` comes first; the thread is a daemon and never prints.

    With `follow` it ends by itself when the release has ended, with `watch` only when it is stopped. When it ends,
    the static view takes its place in the cell, so that the saved notebook shows the last state.
    """

    latest: Snapshot

    def begin_with(
        self,
        snapshot: Snapshot,
        *,
        fetch: Callable[[], Snapshot],
        period_seconds: float = PERIOD_SECONDS,
        on_stop: Callable[[BaseException | None], None] = lambda error: None,
    ) -> None:
        """Take what is shown at first, and how to get what is shown later.

        `fetch` returns the Snapshot of now and is called from another thread than the cell's; what it raises is
        shown. `on_stop` hears what was being handled where `stop` is called, before the last look.
        """
        self.latest = snapshot
        self._fetch = fetch
        self._period_seconds = period_seconds
        self._on_stop = on_stop
        self._stopping = threading.Event()
        self._wake = threading.Event()
        """Set when the thread shall look at once instead of at its next turn."""
        self._looking = threading.Lock()
        self._thread: threading.Thread | None = None
        self._handle: DisplayHandle | None = None
        self._left = moment_of(snapshot)

    def push(self, snapshot: Snapshot) -> None:
        """Show this snapshot now."""
        self.latest = snapshot

    def complain(self, text: str) -> None:
        """Say what hinders the view; empty when nothing does any more."""

    def follow(self) -> None:
        """Show the view in this cell and keep it current until the release is promoted or rolled back."""
        self._begin(lambda: has_ended(self.latest))

    def watch(self) -> None:
        """Show the view in this cell and keep it current until `stop`."""
        self._begin(lambda: False)

    def wait(self, seconds: float | None = None) -> bool:
        """Wait until the view has ended; return whether it has. KeyboardInterrupt comes through."""
        if self._thread is not None:
            self._thread.join(seconds)
        return self._thread is None or not self._thread.is_alive()

    def settle(self) -> None:
        """Look once more now, and when the release has ended wait until the view has too.

        What a thread shows between two cells can get lost on its way into the saved notebook; what is shown while a
        cell runs is not.
        """
        with self._looking:
            self._look()
            if not self.wait(0):
                self._leave()
            elif (
                self._handle is not None
            ):  # its release ended before; what came of it since is told all the same
                self._handle.update(static_bundle(self.latest), raw=True)
        if has_ended(self.latest):
            self._wake.set()
            self.wait(STOP_SECONDS)

    def stop(self) -> None:
        """Look once more and leave the static view in the cell."""
        self._on_stop(sys.exception())
        self._stopping.set()
        self._wake.set()
        if threading.current_thread() is not self._thread:
            self.wait(STOP_SECONDS)

    def _begin(self, is_over: Callable[[], bool]) -> None:
        if self._thread is not None:
            raise NorenError("This view is shown already. Ask for another one with noren.release(name).")
        shell = InteractiveShell.instance() if InteractiveShell.initialized() else None
        if shell is not None:
            self._handle = self._display()
        # In a terminal an update would print a second time, and a thread must never print.
        if shell is None or not hasattr(shell, "kernel"):
            self._handle = None
        self._thread = threading.Thread(
            target=self._run, args=(is_over,), name=f"view of {self.latest.release}", daemon=True
        )
        self._thread.start()

    def _display(self) -> DisplayHandle | None:
        shown: DisplayHandle | None = display(static_bundle(self.latest), raw=True, display_id=True)
        return shown

    def _renew(self, handle: DisplayHandle) -> None:
        """Bring what the front end saves up to date."""
        handle.update(static_bundle(self.latest), raw=True)

    def _run(self, is_over: Callable[[], bool]) -> None:
        while True:
            is_last = self._stopping.is_set()
            with self._looking:
                self._look()
                if is_last or is_over():
                    break
                self._leave()
            self._wake.wait(self._period_seconds)
        if self._handle is not None:
            # Without the live view: after the kernel has gone, that would be an error message in its place.
            self._handle.update(static_bundle(self.latest), raw=True)

    def _leave(self) -> None:
        """Bring what is saved with the notebook up to date when something has happened, not with every number."""
        if self._handle is not None and self._left != moment_of(self.latest):
            self._left = moment_of(self.latest)
            self._renew(self._handle)

    def _look(self) -> None:
        try:
            self.push(self._fetch())
        except Exception as error:
            # Whatever it is, the person who watches is told, and the next look may succeed.
            self.complain(words_of(error))
        else:
            self.complain("")


class StaticView(Watching):
    """The view of a run that nobody watches: nbconvert, papermill and `jupyter execute` save what they are shown.

    It is HTML from the beginning. Exporters prefer a live view to the HTML beside it, and without its kernel and the
    network they show nothing in its place.
    """

    def __init__(self, snapshot: Snapshot, *, fetch: Callable[[], Snapshot], **more: Any) -> None:
        self.begin_with(snapshot, fetch=fetch, **more)

    def settle(self) -> None:
        """As of any view; and the newest numbers go into the notebook from the cell that runs."""
        super().settle()
        if self._handle is not None:
            self._renew(self._handle)


def moment_of(snapshot: Snapshot) -> tuple[object, ...]:
    """What has to change for something to have happened."""
    stages = tuple(stage.status for stage in snapshot.stages)
    outcomes = tuple((verdict.check, verdict.outcome) for verdict in snapshot.verdicts)
    return snapshot.state, snapshot.not_released, snapshot.step, snapshot.weight, stages, outcomes


def static_bundle(snapshot: Snapshot) -> dict[str, str]:
    """The static view in every form in which it is shown."""
    return {"text/html": snapshot_to_html(snapshot), "text/plain": snapshot_to_text(snapshot)}


def words_of(error: Exception) -> str:
    """An error in one sentence for the person who watches."""
    return str(error) if isinstance(error, NorenError) else f"{type(error).__name__}: {error}"
