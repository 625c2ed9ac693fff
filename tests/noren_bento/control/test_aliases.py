"""The champion alias ends where the log says, however often MLflow refuses or somebody moves it in between."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

from noren_bento.control.aliases import AliasWriter, Mirrored
from noren_bento.errors import NotFoundError, UnreachableError


class Store:
    """Refuses the first writes, then takes all; anybody may change what it holds."""

    def __init__(self, refusals: int = 0, error: type[Exception] = UnreachableError) -> None:
        self.refusals, self.error = refusals, error
        self.written: list[tuple[str, str | None]] = []
        self.aliases: dict[str, str | None] = {}
        self.gone: set[str | None] = set()
        self.archived: set[str | None] = set()
        self.looks = 0
        self.lock = threading.Lock()

    def write(self, name: str, version: str | None) -> None:
        with self.lock:
            if self.refusals:
                self.refusals -= 1
                raise self.error("down")
            if version in self.gone:
                raise NotFoundError(f"There is no {version}.")
            self.written.append((name, version))
            self.aliases[name] = version

    def read(self, name: str, version: str | None) -> Mirrored:
        with self.lock:
            self.looks += 1
            alias = self.aliases.get(name)
            return Mirrored(
                None if alias in self.gone else alias,
                exists=version not in self.gone,
                archived=version in self.archived,
            )


def writer(store: Store, *, retry: float = 0.05, look: float = 60.0) -> AliasWriter:
    return AliasWriter(store.write, store.read, retry_seconds=retry, look_seconds=look)


def wait_for(done: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 5
    while not done():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_a_later_wish_is_never_overtaken_by_an_earlier_one_that_was_refused() -> None:
    store = Store(refusals=1)
    aliases = writer(store, retry=0.2)
    aliases.set_champion("m", "m/2")
    wait_for(lambda: not store.refusals)
    aliases.set_champion("m", "m/1")
    wait_for(lambda: len(store.written) >= 1)
    time.sleep(0.4)  # as long as a wrong retry would take
    aliases.close()
    assert store.written == [("m", "m/1")]


def test_what_is_refused_is_said_and_tried_again_and_an_odd_error_does_not_end_the_thread() -> None:
    store = Store(refusals=20, error=RuntimeError)
    aliases = writer(store)
    aliases.set_all({"m": "m/1", "n": None})
    wait_for(lambda: "alias of m" in aliases.troubles)
    assert aliases.troubles["alias of m"] == "RuntimeError: down"
    wait_for(lambda: len(store.written) >= 2)
    wait_for(lambda: aliases.troubles == {})
    aliases.close()
    assert sorted(store.written, key=str) == [("m", "m/1"), ("n", None)]


def test_an_alias_that_somebody_moved_is_put_back_and_told() -> None:
    store = Store()
    aliases = writer(store, look=0.05)
    aliases.set_all({"m": "m/1", "n": None})
    wait_for(lambda: len(store.written) == 2)
    store.aliases["m"] = "m/5"
    wait_for(lambda: len(store.written) == 3)
    assert store.aliases["m"] == "m/1"
    wait_for(lambda: "alias of m" in aliases.troubles)
    assert "pointed to m/5 instead of m/1 and was put back" in aliases.troubles["alias of m"]
    assert "deploy another one" in aliases.troubles["alias of m"]
    looks = store.looks
    wait_for(lambda: store.looks > looks + 4)
    aliases.close()
    assert len(store.written) == 3, "what is as the log says is not written again"


def test_a_deleted_champion_is_told_and_not_asked_for_again() -> None:
    store = Store()
    aliases = writer(store, look=0.05)
    aliases.set_champion("m", "m/1")
    wait_for(lambda: len(store.written) == 1)
    store.gone.add("m/1")
    wait_for(lambda: "alias of m" in aliases.troubles)
    assert "m/1 serves, and is no longer in MLflow" in aliases.troubles["alias of m"]
    store.gone.clear()
    wait_for(lambda: aliases.troubles == {})
    aliases.set_champion("m", "m/2")
    store.gone.add("m/2")
    wait_for(lambda: "m/2 serves" in aliases.troubles.get("alias of m", ""))
    aliases.close()


def test_an_archived_champion_is_told() -> None:
    store = Store()
    store.archived.add("m/1")
    aliases = writer(store, look=0.05)
    aliases.set_champion("m", "m/1")
    wait_for(lambda: "MLflow calls it archived" in aliases.troubles.get("alias of m", ""))
    aliases.close()
