"""The champion alias ends where the log says, however often MLflow refuses in between."""

from __future__ import annotations

import threading
import time

from noren_bento.control.aliases import AliasWriter
from noren_bento.errors import UnreachableError


class Store:
    """Refuses the first writes, then takes all."""

    def __init__(self, refusals: int, error: type[Exception] = UnreachableError) -> None:
        self.refusals, self.error = refusals, error
        self.written: list[tuple[str, str | None]] = []
        self.lock = threading.Lock()

    def write(self, name: str, version: str | None) -> None:
        with self.lock:
            if self.refusals:
                self.refusals -= 1
                raise self.error("down")
            self.written.append((name, version))


def wait_for(store: Store, count: int) -> None:
    deadline = time.monotonic() + 5
    while len(store.written) < count and time.monotonic() < deadline:
        time.sleep(0.01)


def test_a_later_wish_is_never_overtaken_by_an_earlier_one_that_was_refused() -> None:
    store = Store(refusals=1)
    aliases = AliasWriter(store.write, retry_seconds=0.2)
    aliases.set_champion("m", "m/2")
    while store.refusals:
        time.sleep(0.01)
    aliases.set_champion("m", "m/1")
    wait_for(store, 1)
    time.sleep(0.4)  # as long as a wrong retry would take
    aliases.close()
    assert store.written == [("m", "m/1")]


def test_what_is_refused_is_tried_again_and_an_odd_error_does_not_end_the_thread() -> None:
    store = Store(refusals=2, error=RuntimeError)
    aliases = AliasWriter(store.write, retry_seconds=0.05)
    aliases.set_all({"m": "m/1", "n": None})
    wait_for(store, 2)
    aliases.close()
    assert sorted(store.written, key=str) == [("m", "m/1"), ("n", None)]
