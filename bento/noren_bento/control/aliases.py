"""AliasWriter: MLflow's `champion` alias follows the event log, in a thread, so that a slow MLflow stops nothing."""

from __future__ import annotations

import logging
import queue
import threading

from noren_bento.errors import NorenError
from noren_bento.settings import Settings

log = logging.getLogger("noren.aliases")
RETRY_SECONDS = 30.0


class AliasWriter:
    """Writes the latest wish per model; what MLflow does not take is tried again."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._wishes: queue.SimpleQueue[tuple[str, str | None] | None] = queue.SimpleQueue()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="aliases", daemon=True)
        self._thread.start()

    def set_champion(self, name: str, version: str | None) -> None:
        """Ask for the alias to point to this version, or to nothing."""
        self._wishes.put((name, version))

    def close(self) -> None:
        """End the thread; wishes that are still open are set again at the next change of champion."""
        self._stop.set()
        self._wishes.put(None)
        self._thread.join(5)

    def _run(self) -> None:
        while (wish := self._wishes.get()) is not None and not self._stop.is_set():
            name, version = wish
            try:
                # Imported here: MLflow costs a second and 150 MB, and only this thread needs it.
                from noren_bento.stores.models import ModelStore  # noqa: PLC0415

                ModelStore(self._settings).set_champion(name, version)
            except NorenError as error:
                log.warning("alias champion of %s is not %s yet: %s", name, version, error)
                if not self._stop.wait(RETRY_SECONDS):
                    self._wishes.put(wish)
