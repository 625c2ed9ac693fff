"""The handle of one release: asking ends when the release does, and it shows itself where there is no notebook."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from IPython.core.interactiveshell import InteractiveShell

from noren.handle import Release
from noren_bento.control.journal import Journal
from noren_bento.errors import NorenError
from noren_bento.release import event as ev
from noren_bento.release.check import Outcome, Verdict
from noren_bento.release.evidence import ArmCounts, Evidence
from noren_bento.settings import Settings, load_settings
from noren_bento.stores.events import EventStore
from tests.noren.control_home import control_home
from tests.noren_bento.release.log import CURSOR, canary


@pytest.fixture
def home(tmp_path: Path) -> Iterator[tuple[Settings, Journal]]:
    with control_home(tmp_path, canary()) as home:
        yield home


def end_when_asked(journal: Journal, body: ev.Body, why: str) -> threading.Thread:
    """Do what the loop would at its next turn."""

    def wait_and_append() -> None:
        deadline = time.monotonic() + 10
        while journal.release("m").requested is None and time.monotonic() < deadline:
            time.sleep(0.01)
        journal.append("m@1", body, who="noren", why=why)

    thread = threading.Thread(target=wait_and_append)
    thread.start()
    return thread


def test_a_promotion_is_there_when_promote_returns(home: tuple[Settings, Journal]) -> None:
    settings, journal = home
    thread = end_when_asked(journal, ev.Promoted(2), "ana asked for it")
    assert Release("m@1", settings).promote().state == "promoted"
    thread.join()


def test_a_promotion_that_loses_to_a_guardrail_says_why_at_once(home: tuple[Settings, Journal]) -> None:
    settings, journal = home
    thread = end_when_asked(journal, ev.RolledBack(2), "4 of 35 requests failed on the candidate")
    began = time.monotonic()
    with pytest.raises(NorenError, match=r"m/2 is rolled back, not promoted, .*: 4 of 35 requests failed"):
        Release("m@1", settings).promote()
    assert time.monotonic() - began < 5
    thread.join()


def test_in_a_terminal_a_release_prints_itself_as_the_result_of_a_cell(
    home: tuple[Settings, Journal], capsys: pytest.CaptureFixture[str]
) -> None:
    shell = InteractiveShell.instance()
    try:
        shell.user_ns["release"] = Release("m@1", home[0])
        shell.run_cell("release")
    finally:
        InteractiveShell.clear_instance()
    assert "m@1: m/2 is a canary and gets 10 % of the requests, m/1 90 %." in capsys.readouterr().out


def test_in_plain_python_it_tells_who_gets_what_and_what_is_needed(
    home: tuple[Settings, Journal], capsys: pytest.CaptureFixture[str]
) -> None:
    release = Release("m@1", home[0])
    release.show()
    assert "m/2 is a canary" in capsys.readouterr().out
    assert str(release) == repr(release)
    assert repr(release).startswith("m@1: m/2 is a canary and gets 10 % of the requests, m/1 90 %. ")


def test_with_control_down_show_tells_what_the_log_says(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    store = EventStore.at_home(tmp_path)
    for event in canary():
        store.append(event)
    store.close()
    Release("m@1", load_settings({"home": tmp_path})).show()
    assert "m/2 is a canary and gets 10 % of the requests" in capsys.readouterr().out


def test_who_waits_outside_a_notebook_is_told_what_came_and_what_is_needed(
    home: tuple[Settings, Journal], capsys: pytest.CaptureFixture[str]
) -> None:
    settings, journal = home
    counts = Evidence().add(1, 10, champion=ArmCounts(900), candidate=ArmCounts(100))
    unsure = Verdict("errors", Outcome.UNSURE, because="not enough to tell", more_requests=2100)
    journal.append("m@1", ev.Judged((unsure,), counts, CURSOR), who="noren", why="not enough")
    with pytest.raises(NorenError) as raised:
        Release("m@1", settings).wait(seconds=0.3)
    told = "1,000 requests of m came, 100 of them to m/2; about 2,100 more are needed"
    assert str(raised.value).startswith(
        f"m@1 is still canary after 0 s: {told}. Requests go to http://127.0.0.1:"
    )
    assert capsys.readouterr().err == f"noren: m@1 is canary at 10 %; {told}\n"
