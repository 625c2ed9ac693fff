"""`noren up` where something runs already: it ends nothing that serves, and leaves new settings to the next start."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from noren_bento.control.processes import bring_down, bring_up, supervisor_of
from noren_bento.errors import UnreachableError
from noren_bento.home import Home
from noren_bento.settings import Settings, load_settings
from noren_bento.targets.marked import marked_processes
from tests.ring.home import deploy, running_home, serial_task, serials, until

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Settings]:
    with running_home(tmp_path_factory.mktemp("up"), workers=2) as settings:
        deploy(settings, serial_task("m"))
        yield settings


def serves(settings: Settings) -> bool:
    row = serials(1)[0].iloc[0].to_dict()
    url = f"http://127.0.0.1:{settings.port}/m/predict"
    return httpx.post(url, json={"rows": [row]}, timeout=10).status_code == 200


def pids(settings: Settings) -> dict[str, int]:
    return {name: state.pid for name, state in supervisor_of(Home(settings)).states().items()}


def workers(settings: Settings) -> int:
    return sum("--worker-id" in one.cmdline() for one in marked_processes(Home(settings).mark))


def test_a_supervisord_that_does_not_answer_is_not_started_anew(settings: Settings) -> None:
    before = pids(settings)
    stopped = supervisor_of(Home(settings)).pid()
    os.kill(stopped, signal.SIGSTOP)
    try:
        with pytest.raises(UnreachableError, match=rf"process {stopped}\) lives, but does not answer"):
            bring_up(settings)
        assert serves(settings)
    finally:
        os.kill(stopped, signal.SIGCONT)
    assert bring_up(settings) == Home(settings).url
    assert pids(settings) == before
    assert serves(settings)


def test_a_caller_with_another_python_restarts_nothing(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    before = pids(settings)
    other = tmp_path / "bin"
    other.symlink_to(Path(sys.executable).parent)
    monkeypatch.setattr(sys, "executable", str(other / "python"))
    bring_up(settings)
    assert pids(settings) == before


def test_the_next_start_takes_other_settings_for_versions_that_ran_already(settings: Settings) -> None:
    until(lambda: workers(settings) == 2)
    more = load_settings({"home": settings.home, "port": settings.port, "workers": 3})
    told: list[str] = []
    bring_up(more, progress=told.append)
    assert "already up with another workers" in told[0]
    assert workers(settings) == 2
    bring_down(settings)
    bring_up(more)
    until(lambda: serves(more) and workers(more) == 3, 60)
