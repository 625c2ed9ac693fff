"""AliasWriter: MLflow's `champion` alias follows the event log, in a thread, so that a slow MLflow stops nothing.

The log decides, the alias only shows it to MLflow's users. So an alias that somebody moved is told and put back, and a
version that was deleted or archived there goes on serving, from its bento, and is told too.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from noren_bento.errors import NorenError, NotFoundError

log = logging.getLogger("noren.aliases")
RETRY_SECONDS = 30.0
LOOK_SECONDS = 60.0
TOLD_SECONDS = 3600.0
"""For so long `noren status` says that an alias was put back."""


@dataclass(frozen=True, slots=True)
class Mirrored:
    """What MLflow says of a model whose champion the event log knows."""

    alias: str | None
    """The version that `champion` points to."""
    exists: bool
    """Whether the log's champion is in MLflow; True where there is no champion."""
    archived: bool = False


class AliasWriter:
    """Keeps the latest wish per model, writes it until it is taken, and looks now and then whether it still holds."""

    def __init__(
        self,
        write: Callable[[str, str | None], None],
        read: Callable[[str, str | None], Mirrored],
        *,
        retry_seconds: float = RETRY_SECONDS,
        look_seconds: float = LOOK_SECONDS,
    ) -> None:
        self._write = write
        self._read = read
        self._retry_seconds = retry_seconds
        self._look_seconds = look_seconds
        self._champions: dict[str, str | None] = {}
        self._wishes: dict[str, str | None] = {}
        self._put_back: dict[str, tuple[float, str]] = {}
        self._troubles: dict[str, str] = {}
        self._changed = threading.Condition()
        self._closed = False
        self._thread = threading.Thread(target=self._run, name="aliases", daemon=True)
        self._thread.start()

    @property
    def troubles(self) -> dict[str, str]:
        """Where MLflow says otherwise than the event log, and what to do, by model."""
        with self._changed:
            told = {
                f"alias of {name}": text
                for name, (at, text) in self._put_back.items()
                if time.monotonic() - at < TOLD_SECONDS
            }
            return told | {f"alias of {name}": text for name, text in self._troubles.items()}

    def set_champion(self, name: str, version: str | None) -> None:
        """Ask for the alias to point to this version, or to nothing; a later wish replaces an earlier one."""
        with self._changed:
            self._champions[name] = self._wishes[name] = version
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
        look_at = time.monotonic() + self._look_seconds
        while True:
            with self._changed:
                self._changed.wait_for(
                    lambda: self._closed or self._wishes, max(look_at - time.monotonic(), 0.0)
                )
                if self._closed:
                    return
                wishes, champions = dict(self._wishes), dict(self._champions)
            if time.monotonic() >= look_at:
                for name, version in champions.items():
                    if name not in wishes:
                        self._try(name, version, self._compare)
                look_at = time.monotonic() + self._look_seconds
            taken = [self._try(name, version, self._grant) for name, version in wishes.items()]
            if not all(taken):
                self._wait_for_change(wishes)

    def _wait_for_change(self, wishes: Mapping[str, str | None]) -> None:
        """Wait some time, or until there is another wish."""
        with self._changed:
            self._changed.wait_for(lambda: self._closed or self._wishes != wishes, self._retry_seconds)

    def _try(self, name: str, version: str | None, act: Callable[[str, str | None], str]) -> bool:
        """Do it, and keep what is wrong for `noren status`; say whether MLflow answered."""
        try:
            trouble, answered = act(name, version), True
        except NorenError as error:
            log.warning("alias champion of %s is not %s yet: %s", name, version, error)
            trouble, answered = str(error), False
        except Exception as error:  # whatever MLflow does must not end the thread
            log.exception("alias champion of %s is not %s yet", name, version)
            trouble, answered = f"{type(error).__name__}: {error}", False
        with self._changed:
            if self._champions.get(name) == version:
                self._troubles.pop(name, None)
                if trouble:
                    self._troubles[name] = trouble
        return answered

    def _grant(self, name: str, version: str | None) -> str:
        try:
            self._write(name, version)
            trouble = ""
        except NotFoundError:
            trouble = _gone(
                version
            )  # asking again brings no deleted version back; `_compare` sees when it is
        with self._changed:
            if self._wishes.get(name) == version:
                self._wishes.pop(name, None)
        return trouble

    def _compare(self, name: str, version: str | None) -> str:
        found = self._read(name, version)
        if not found.exists:
            return _gone(version)
        if found.alias != version:
            self._write(name, version)
            text = (
                f"MLflow's alias champion pointed to {found.alias or 'nothing'} instead of {version or 'nothing'} "
                f"and was put back at {time.strftime('%H:%M')}. The event log decides which version serves: "
                "deploy another one, or roll back."
            )
            log.warning("%s: %s", name, text)
            with self._changed:
                self._put_back[name] = time.monotonic(), text
        if found.archived:
            return f"{version} serves, and MLflow calls it archived. Move it back there, or deploy another version."
        return ""


def _gone(version: str | None) -> str:
    return (
        f"{version} serves, and is no longer in MLflow: somebody deleted it there. It goes on serving from its bento; "
        "it cannot be validated or built again. Tag its model again and deploy that version."
    )
