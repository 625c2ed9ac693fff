"""AliasWriter: MLflow's `champion` alias follows the event log, in a thread, so that a slow MLflow stops nothing."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Mapping

from noren_bento.errors import NorenError

log = logging.getLogger("noren.aliases")
RETRY_SECONDS = 30.0


class AliasWriter:
    """Keeps the latest wish per model and writes it until it is taken."""

    def __init__(
        self, write: Callable[[str, str | None], None], *, retry_seconds: float = RETRY_SECONDS
    ) -> None:
        self._write = write
        self._retry_seconds = retry_seconds
        self._wishes: dict[str, str | None] = {}
        self._changed = threading.Condition()
        self._closed = False
        self._thread = threading.Thread(target=self._run, name="aliases", daemon=True)
        self._thread.start()

    def set_champion(self, name: str, version: str | None) -> None:
        """Ask for the alias to point to this version, or to nothing; a later wish replaces an earlier one."""
        with self._changed:
            self._wishes[name] = version
            self._changed.notify()

    def set_all(self, champions: Mapping[str, str | None]) -> None:
        """Ask for all of them: what was still open when the last process died."""
        for name, version in champions.items():
            self.set_champion(name, version)

    def close(self) -> None:
        """End the thread; open wishes are asked for again at the next start."""
        with self._changed:
            self._closed = True
            self._changed.notify()
        self._thread.join(5)

    def _run(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._closed or self._wishes)
                if self._closed:
                    return
                wishes = dict(self._wishes)
            taken = [self._grant(name, version) for name, version in wishes.items()]
            if not all(taken):
                self._wait_for_change(wishes)

    def _wait_for_change(self, wishes: Mapping[str, str | None]) -> None:
        """Wait some time, or until there is another wish."""
        with self._changed:
            self._changed.wait_for(lambda: self._closed or self._wishes != wishes, self._retry_seconds)

    def _grant(self, name: str, version: str | None) -> bool:
        try:
            self._write(name, version)
        except NorenError as error:
            log.warning("alias champion of %s is not %s yet: %s", name, version, error)
            return False
        except Exception:  # whatever MLflow does must not end the thread
            log.exception("alias champion of %s is not %s yet", name, version)
            return False
        with self._changed:
            if self._wishes.get(name) == version:
                self._wishes.pop(name, None)
        return True
