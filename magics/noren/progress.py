"""Progress: what a deploy has done and is doing, for the line of steps in the view and the lines in a terminal."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace

from noren.wording import first_sentence
from noren_bento.control.snapshot import StageView

NAMES = ("tag", "build", "validate", "start")


class Progress:
    """The caller's own stages with their times. Read by the view's thread while the cell works."""

    def __init__(self, tell: Callable[[str], None]) -> None:
        self._tell = tell
        self.failure = ""
        """The first sentence of what ended the stage that failed; empty while none has."""
        self._began: dict[str, float] = {}
        self._views = {name: StageView(name, "waiting") for name in NAMES}

    @contextmanager
    def running(self, name: str) -> Iterator[None]:
        """Time one stage; it has failed when the block raises."""
        self._began[name] = time.monotonic()
        self._views[name] = replace(self._views[name], status="running")
        self._tell(f"{name} …")
        try:
            yield
        except BaseException as error:
            self.failure = first_sentence(error)
            self._end(name, "failed")
            raise
        self._end(name, "done")

    def detail(self, name: str, text: str) -> None:
        """Say in a few words what came out of a stage, or what it is at."""
        self._views[name] = replace(self._views[name], detail=text)

    def views(self) -> tuple[StageView, ...]:
        """The stages as of now."""
        return tuple(
            replace(view, seconds=time.monotonic() - self._began[view.name])
            if view.status == "running"
            else view
            for view in self._views.values()
        )

    def seconds(self) -> dict[str, float]:
        """Seconds of each finished stage."""
        return {view.name: view.seconds for view in self.views() if view.seconds is not None}

    def _end(self, name: str, status: str) -> None:
        seconds = time.monotonic() - self._began[name]
        view = replace(self._views[name], status=status, seconds=seconds)
        self._views[name] = view
        self._tell(f"{name} {status} in {seconds:.1f} s" + (f": {view.detail}" if view.detail else ""))
