"""The journal: who may open, who is told to wait, and what a roll back by name means."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from noren_bento.control.journal import Journal
from noren_bento.errors import ConflictError, NorenError, NotFoundError
from noren_bento.release import event as ev
from noren_bento.release.event import Caller
from noren_bento.release.plan import Plan
from noren_bento.stores.events import EventStore
from tests.noren_bento.release.log import BUILT, CURSOR, VALIDATED

ME = Caller(os.getpid(), psutil.Process().create_time())
OTHER = Caller(1, 0.0)


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[Journal]:
    store = EventStore.at_home(tmp_path)
    yield Journal(store, lambda: 100.0)
    store.close()


def open_release(journal: Journal, candidate: str, caller: Caller = ME) -> str:
    opened = ev.Opened(candidate, None, "d" * 64, Plan(), caller)
    return journal.open(opened, who="ana", why="deploy").id


def promote(journal: Journal, candidate: str) -> str:
    release = open_release(journal, candidate)
    for body in (BUILT, VALIDATED, ev.Requested("start"), ev.Started(1, 10, CURSOR), ev.Promoted(2)):
        journal.append(release, body, who="ana", why="")
    return release


def test_the_same_candidate_of_the_same_process_is_the_same_release(journal: Journal) -> None:
    assert open_release(journal, "m/1") == open_release(journal, "m/1") == "m@1"


def test_another_process_that_deploys_the_same_candidate_is_told_to_wait(journal: Journal) -> None:
    open_release(journal, "m/1", OTHER)
    with pytest.raises(ConflictError, match=r"m/1 is being deployed by ana \(process 1\).*%rollback m"):
        open_release(journal, "m/1")


def test_another_candidate_waits_for_the_running_release(journal: Journal) -> None:
    open_release(journal, "m/1")
    with pytest.raises(ConflictError, match="m/1 is opened"):
        open_release(journal, "m/2")


def test_a_roll_back_by_name_reaches_the_champion_behind_failed_attempts(journal: Journal) -> None:
    promote(journal, "m/1")
    promote(journal, "m/2")
    failed = open_release(journal, "m/3")
    journal.append(failed, ev.RolledBack(0), who="noren", why="the gate is closed")
    event = journal.append("m", ev.Requested("roll back"), who="ana", why="slow")
    assert event.release == "m@2"
    with pytest.raises(ConflictError, match="m@1 is history"):
        journal.append("m@1", ev.Requested("roll back"), who="ana", why="")


def test_who_deploys_cannot_approve_and_nobody_approves_too_early(journal: Journal) -> None:
    release = open_release(journal, "m/1")
    with pytest.raises(NorenError, match="approved after it is validated"):
        journal.append(release, ev.Approved("d" * 64), who="ben", why="")
    journal.append(release, BUILT, who="ana", why="")
    journal.append(release, VALIDATED, who="ana", why="")
    with pytest.raises(NorenError, match="another person"):
        journal.append(release, ev.Approved("d" * 64), who="ana", why="")
    journal.append(release, ev.Approved("d" * 64), who="ben", why="")


def test_of_eight_promotions_at_once_one_wins_and_seven_are_told(journal: Journal) -> None:
    release = open_release(journal, "m/1")
    for body in (BUILT, VALIDATED, ev.Requested("start"), ev.Started(1, 10, CURSOR)):
        journal.append(release, body, who="ana", why="")
    barrier, told, won = threading.Barrier(8), [], []

    def act(k: int) -> None:
        barrier.wait()
        try:
            won.append(journal.append(release, ev.Promoted(2), who=f"p{k}", why="").who)
        except ConflictError as error:
            told.append(str(error))

    threads = [threading.Thread(target=act, args=(k,)) for k in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (len(won), len(told)) == (1, 7)
    assert journal.release("m").state == "promoted"


def test_a_name_that_was_never_released_names_those_that_were(journal: Journal) -> None:
    open_release(journal, "m/1")
    with pytest.raises(NotFoundError, match="Released models: m"):
        journal.release("n")
