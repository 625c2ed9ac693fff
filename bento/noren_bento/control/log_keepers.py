"""LogKeepers: the prediction logs of a home stay within their limits, those of models that serve no more too."""

from __future__ import annotations

import time

from noren_bento.home import Home
from noren_bento.serving.log.keep import Keeper

LOOK_SECONDS = 10.0


class LogKeepers:
    """One keeper a model that was ever logged. A model's workers keep its log too, where there is no control."""

    def __init__(self, home: Home) -> None:
        self._home = home
        self._keepers: dict[str, Keeper] = {}
        self._next = 0.0

    def keep(self) -> None:
        """Do what is due."""
        if time.monotonic() < self._next:
            return
        self._next = time.monotonic() + LOOK_SECONDS
        settings = self._home.settings
        for folder in sorted(self._home.predictions.glob("[!.]*/")):
            keeper = self._keepers.setdefault(
                folder.name,
                Keeper(folder, max_bytes=settings.log_max_bytes, max_days=settings.log_max_days),
            )
            keeper.keep()

    def close(self) -> None:
        """End what runs."""
        for keeper in self._keepers.values():
            keeper.close()
