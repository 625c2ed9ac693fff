"""Release: a handle on one release, whose properties are always those of now."""

from __future__ import annotations

import time
from collections.abc import Callable

from noren.telling import Progress, Telling, telling_of
from noren_bento.control.client import ControlClient
from noren_bento.control.snapshot import Snapshot
from noren_bento.errors import NorenError, UnreachableError
from noren_bento.home import Home
from noren_bento.release.check import Verdict
from noren_bento.release.event import Action, Event
from noren_bento.release.evidence import Evidence
from noren_bento.release.release import Release as Folded
from noren_bento.release.release import State
from noren_bento.settings import Settings

POLL_SECONDS = 0.25
ASK_SECONDS = 30.0
"""How long a promotion or a roll back may take; the loop turns twice a second."""


class Release:
    """One release. In a cell it shows itself as the live release view, elsewhere in one or two sentences."""

    def __init__(self, id: str, settings: Settings) -> None:
        self.id = id
        self.settings = settings
        self.client = ControlClient(settings)
        self._shown_in: int | None = None

    @property
    def now(self) -> Folded:
        """The release as its log says now."""
        return self.client.release(self.id)

    @property
    def state(self) -> str:
        """opened, built, validated, canary, promoted or rolled back."""
        return str(self.now.state)

    @property
    def url(self) -> str:
        """Where users send requests: POST {"rows": [{column: value}, …]}."""
        return f"{Home(self.settings).url}/{self.id.rpartition('@')[0]}/predict"

    @property
    def because(self) -> str:
        """Why it is in its state, in one sentence."""
        return self.now.because

    @property
    def verdicts(self) -> tuple[Verdict, ...]:
        """The guardrails' verdicts."""
        return self.snapshot().verdicts

    @property
    def evidence(self) -> Evidence:
        """Requests and failures of both arms per epoch, as last written to the log."""
        return self.now.evidence

    @property
    def events(self) -> tuple[Event, ...]:
        """The story, oldest first."""
        return self.client.events(self.id)

    def snapshot(self) -> Snapshot:
        """All that the view shows."""
        return self.client.snapshot(self.id)

    def promote(self) -> Release:
        """Ask for promotion and return when it is done.

        Raises NorenError when a guardrail is quicker and rolls it back.
        """
        return self._ask("promote", State.PROMOTED)

    def rollback(self) -> Release:
        """Ask for a roll back and return when it is done."""
        return self._ask("roll back", State.ROLLED_BACK)

    def wait(self, seconds: float | None = None) -> Release:
        """Wait until it is promoted or rolled back. Ctrl-C only stops waiting; the release goes on.

        In a cell the view shows what happens, elsewhere a line every 15 seconds at most does. Raises NorenError when
        `seconds` pass first, with the requests that came and those that are still needed.
        """
        from noren.show import in_notebook, tell  # noqa: PLC0415

        progress = Progress(tell)

        def has_ended(release: Folded) -> bool:
            if release.active and not in_notebook():
                progress.look(lambda: self._telling().progress)
            return not release.active

        try:
            self._until(has_ended, seconds)
        except KeyboardInterrupt:
            name = self.id.rpartition("@")[0]
            print(f"Stopped watching; {self.id} goes on by its plan. `%rollback {name}` takes it back.")
            raise
        self._settle()
        return self

    def show(self) -> None:
        """Show the live view in this cell."""
        from noren.show import current_cell, show_release  # noqa: PLC0415

        self._shown_in = current_cell()
        show_release(self)

    def shown_here(self) -> Release:
        """Remember that this cell shows the view already."""
        from noren.show import current_cell  # noqa: PLC0415

        self._shown_in = current_cell()
        return self

    def _ask(self, action: Action, wanted: State) -> Release:
        self.client.request(self.id, action)
        # A request stands until the release ends, which may be otherwise than asked.
        self._until(lambda release: release.state is wanted or release.requested is None, ASK_SECONDS)
        self._settle()
        now = self.now
        if now.state is not wanted:
            raise NorenError(
                f"{now.candidate} is {now.state}, not {wanted}, though you asked for it: {now.because}."
            )
        return self

    def _settle(self) -> None:
        from noren.show import settle_views  # noqa: PLC0415

        settle_views(self.id)

    def _until(self, done: Callable[[Folded], bool], seconds: float | None) -> None:
        deadline = None if seconds is None else time.monotonic() + seconds
        while True:
            try:
                if done(self.now):
                    return
            except UnreachableError:
                pass  # control restarts within seconds; the log is what counts
            if deadline is not None and time.monotonic() > deadline:
                told = self._telling()
                raise NorenError(
                    f"{self.id} is still {told.release.state} after {seconds:.0f} s: {told.counts}. Requests go to "
                    f"{self.url}; `noren show {told.release.name}` tells the story."
                )
            time.sleep(POLL_SECONDS)

    def _ipython_display_(self) -> None:
        from noren.show import current_cell  # noqa: PLC0415

        if self._shown_in is None or self._shown_in != current_cell():
            self.show()

    def _telling(self) -> Telling:
        now = self.now
        try:
            return telling_of(now, self.snapshot(), self.url)
        except UnreachableError:
            return telling_of(now, None, self.url)  # from the log, which can be read without control

    def __repr__(self) -> str:
        return self._telling().sentences
