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
from noren_bento.settings import Settings, load_settings
from noren_bento.stores.events import EventStore
from tests.noren.control_home import control_home
from tests.noren_bento.release.log import canary


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
    assert "m v1 → v2 · canary · step 1 of 2 · 10 %" in capsys.readouterr().out


def test_in_plain_python_show_prints_and_the_repr_tells(
    home: tuple[Settings, Journal], capsys: pytest.CaptureFixture[str]
) -> None:
    release = Release("m@1", home[0])
    release.show()
    assert "m v1 → v2 · canary" in capsys.readouterr().out
    assert repr(release).startswith("<Release m@1: m/2 is canary")


def test_with_control_down_show_tells_what_the_log_says(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    store = EventStore.at_home(tmp_path)
    for event in canary():
        store.append(event)
    store.close()
    Release("m@1", load_settings({"home": tmp_path})).show()
    assert "m/2 is canary" in capsys.readouterr().out
