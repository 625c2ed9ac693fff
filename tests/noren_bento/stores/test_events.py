"""The event log: append with compare, fresh stores under contention, damage refused."""

from __future__ import annotations

import multiprocessing
import sqlite3
from pathlib import Path

import pytest

from noren_bento.errors import ConflictError, NorenError
from noren_bento.release import event as ev
from noren_bento.release.check import Outcome, Verdict
from noren_bento.release.evidence import ArmCounts, Evidence
from noren_bento.release.release import State, fold, fold_all
from noren_bento.stores.event_json import event_from_builtins, event_to_builtins
from noren_bento.stores.events import EventStore
from tests.noren_bento.release.log import BUILT, CURSOR, canary, log, opened


def test_events_come_back_as_they_were_written(tmp_path: Path) -> None:
    verdict = Verdict("errors", Outcome.UNSURE, 0.1, "at most 1 %", "too few", 1.5, 300)
    evidence = Evidence().add(1, 10, candidate=ArmCounts(5, 1, 0))
    events = canary(
        "m/1", ev.Judged((verdict,), evidence, CURSOR), ev.Alerted("drift", ("a", "b")), ev.RolledBack(2)
    )
    store = EventStore.at_home(tmp_path)
    for event in events:
        store.append(event)
    assert store.events("m@1") == tuple(events)
    assert [event_from_builtins(event_to_builtins(event)) for event in events] == events
    assert fold_all(store.events()) == (fold(events),)
    store.close()


def test_of_two_writers_one_wins_and_the_other_is_told_who(tmp_path: Path) -> None:
    store = EventStore.at_home(tmp_path)
    first, second = log(opened(), BUILT)
    store.append(first)
    store.append(second)
    with pytest.raises(ConflictError, match="written by ana first"):
        store.append(second)
    store.close()


def test_releases_keep_the_order_in_which_they_were_opened(tmp_path: Path) -> None:
    store = EventStore.at_home(tmp_path)
    for release in ("b@1", "a@1"):
        store.append(log(opened(), release=release)[0])
    store.append(log(opened(), BUILT, release="b@1")[1])
    assert [release.id for release in fold_all(store.events())] == ["b@1", "a@1"]
    assert fold_all(store.events())[0].state is State.BUILT
    store.close()


def _open_and_write(home: Path, release: str, barrier: object) -> None:
    barrier.wait()  # type: ignore[attr-defined]
    store = EventStore.at_home(home)
    store.append(log(opened(), release=release)[0])
    store.close()


@pytest.mark.slow
def test_eight_processes_open_a_fresh_store_and_all_write(tmp_path: Path) -> None:
    context = multiprocessing.get_context("spawn")
    barrier = context.Barrier(8)
    workers = [context.Process(target=_open_and_write, args=(tmp_path, f"m{k}@1", barrier)) for k in range(8)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(60)
    assert [worker.exitcode for worker in workers] == [0] * 8
    store = EventStore.at_home(tmp_path)
    assert len(store.events()) == 8
    store.close()


def test_a_damaged_store_is_refused_with_the_way_back(tmp_path: Path) -> None:
    store = EventStore.at_home(tmp_path)
    for event in canary():
        store.append(event)
    store.close()
    path = tmp_path / "events.db"
    with sqlite3.connect(path) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    connection.close()
    data = bytearray(path.read_bytes())
    data[4096:8192] = b"\xff" * 4096
    path.write_bytes(bytes(data))
    with pytest.raises(NorenError, match=r"damaged .* Put a copy back"):
        EventStore.at_home(tmp_path)


def test_a_stores_identity_is_kept(tmp_path: Path) -> None:
    store = EventStore.at_home(tmp_path)
    identity = store.identity
    store.close()
    again = EventStore.at_home(tmp_path)
    assert again.identity == identity
    again.close()
