"""Deploying: what the view of a deploy shows, from its first stage on and before there is a release to ask for."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING

from noren.wording import first_sentence
from noren_bento.control.snapshot import Snapshot, StageView

if TYPE_CHECKING:
    from noren.handle import Release
    from noren.progress import Progress

NAMELESS = "a model without a name"


class Deploying:
    """One deploy, as its caller sees it: the stages are the caller's own, all else is control's."""

    def __init__(self, subject: str, progress: Progress, release: Callable[[], Release | None]) -> None:
        # A name that was not given is refused by the tag; until then it is no name to show.
        named = "" if subject == str(None) else subject
        self.name = named.rpartition("/")[0] or named or NAMELESS
        self.candidate = named if "/" in named else ""
        self._progress = progress
        self._release = release
        self._began = time.time()
        self._error: BaseException | None = None

    def stopped(self, error: BaseException | None) -> None:
        """Hear what ended the deploy."""
        self._error = error

    def snapshot(self) -> Snapshot:
        """The deploy as of now."""
        found, mine = self._release(), self._progress.views()
        if found is None:
            return self._failed(mine) if self._error or self._progress.failure else self._under_way(mine)
        snapshot = found.snapshot()
        # What this call did not do, or not yet, the release's own log knows; its words are those of every other view.
        told = {view.name: view.detail for view in snapshot.stages if view.status != "running"}
        done = [view for view in mine if view.status != "waiting"]
        own = {view.name for view in done}
        mine = tuple(
            replace(view, detail=told.get(view.name) or view.detail) if view.status == "done" else view
            for view in done
        )
        return replace(snapshot, stages=(*mine, *(one for one in snapshot.stages if one.name not in own)))

    def _under_way(self, mine: tuple[StageView, ...]) -> Snapshot:
        first, *others = mine
        if first.status == "waiting":  # what imports before it takes a moment, too
            first = replace(first, status="running")
        waiting = (StageView("canary", "waiting"), StageView("promote", "waiting"))
        soon = "build, as soon as Noren's processes are up" if first.status == "done" else ""
        return replace(self._empty(), stages=(first, *others, *waiting), next=soon)

    def _failed(self, mine: tuple[StageView, ...]) -> Snapshot:
        come_to = tuple(view for view in mine if view.status != "waiting")
        failed = next((view.name for view in come_to if view.status == "failed"), None)
        last = come_to[-1].name if come_to else "nothing"
        return replace(
            self._empty(),
            stages=come_to,
            because=self._progress.failure or first_sentence(self._error),
            not_released=f"{failed} failed" if failed else f"stopped after {last}",
        )

    def _empty(self) -> Snapshot:
        return Snapshot(
            release="",
            name=self.name,
            state="",
            now=time.time(),
            opened_at=self._began,
            candidate=self.candidate,
            champion=None,
            url="",
        )
