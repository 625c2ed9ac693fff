"""StageClock: how long each stage of a tag took."""

from __future__ import annotations

import time
from collections.abc import Callable


class StageClock:
    """Passes on what a stage is called, and notes when the next one began.

    >>> told = []
    >>> clock = StageClock(told.append)
    >>> clock("inspect"); clock("measure")
    >>> told, list(clock.seconds())
    (['inspect', 'measure'], ['inspect', 'measure'])
    """

    def __init__(self, progress: Callable[[str], None] | None = None) -> None:
        self._progress = progress
        self._begun: list[tuple[str, float]] = []

    def __call__(self, stage: str) -> None:
        """A stage begins."""
        self._begun.append((stage, time.monotonic()))
        if self._progress is not None:
            self._progress(stage)

    def seconds(self) -> dict[str, float]:
        """Seconds of each stage so far, the running one included."""
        ends = [at for _, at in self._begun[1:]] + [time.monotonic()]
        spent: dict[str, float] = {}
        for (stage, at), end in zip(self._begun, ends, strict=True):
            spent[stage] = round(spent.get(stage, 0.0) + end - at, 3)
        return spent
