"""NOREN_HOME may be any path: the whole ring works in an odd one, and a place where it cannot work is refused."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path

import httpx
import pytest

from noren_bento.control.processes import bring_down, bring_up, look, supervisor_of
from noren_bento.errors import UnreachableError
from noren_bento.home import Home
from noren_bento.settings import Settings, load_settings
from noren_bento.targets.marked import marked_processes
from tests.ring.home import deploy, running_home, serial_task, serials

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]

ODD = 'it\'s "100 %" [a-z]; #1 =?& $HOME é雪'
SECRETS = {"MLFLOW_TRACKING_TOKEN": "for control", "GITHUB_TOKEN": "for nobody"}


def ask(settings: Settings) -> httpx.Response:
    row = serials(1)[0].iloc[0].to_dict()
    return httpx.post(f"http://127.0.0.1:{settings.port}/odd/predict", json={"rows": [row]}, timeout=10)


def environments_of(settings: Settings) -> dict[str, dict[str, str]]:
    """What each kind of process sees: control, and the version's service."""
    found = {}
    for process in marked_processes(Home(settings).mark):
        environment = process.environ()
        kind = environment.get("NOREN_VERSION", "")
        if "noren_bento.control" in process.cmdline():
            kind = "control"
        found[kind] = environment
    return found


def test_a_model_goes_to_production_and_back_in_a_home_with_an_odd_path(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in SECRETS.items():
        monkeypatch.setenv(name, value)
    (tmp_path / ODD).mkdir()
    with running_home(tmp_path / ODD) as settings:
        release = deploy(settings, serial_task("odd"))
        assert release.state == "promoted"
        answer = ask(settings)
        assert answer.status_code == 200, answer.text
        assert answer.json()["model"] == "odd/1"
        status = look(settings)
        assert status.troubles == ()
        assert status.versions[0][1].startswith("ready on port")
        seen = environments_of(settings)
        assert seen["control"]["MLFLOW_TRACKING_TOKEN"] == "for control"
        assert "MLFLOW_TRACKING_TOKEN" not in seen["odd/1"]
        assert not any("GITHUB_TOKEN" in environment for environment in seen.values())
        _hung_supervisord_keeps_serving(settings)
    assert not list(Home(settings).run.glob("*.sock"))
    assert not list(Home(settings).sockets.glob("*.sock"))


def _hung_supervisord_keeps_serving(settings: Settings) -> None:
    """`noren up` must not end what serves because supervisord is slow to answer."""
    supervisor = supervisor_of(Home(settings))
    stopped = supervisor.pid()
    os.kill(stopped, signal.SIGSTOP)
    try:
        with pytest.raises(UnreachableError, match=rf"process {stopped}\) lives, but does not answer"):
            bring_up(settings)
        assert ask(settings).status_code == 200
    finally:
        os.kill(stopped, signal.SIGCONT)
    assert bring_up(settings) == Home(settings).url
    assert ask(settings).status_code == 200


def test_other_settings_are_taken_by_the_next_up_for_versions_that_run_already(tmp_path: Path) -> None:
    with running_home(tmp_path) as settings:
        deploy(settings, serial_task("odd"))
        assert _workers(settings) == 2
    more = load_settings({"home": settings.home, "port": settings.port, "workers": 3})
    bring_up(more)
    try:
        deadline = time.monotonic() + 60
        while ask(settings).status_code != 200 or _workers(more) != 3:
            assert time.monotonic() < deadline
            time.sleep(0.2)
    finally:
        bring_down(more)


def _workers(settings: Settings) -> int:
    return sum("--worker-id" in " ".join(one.cmdline()) for one in marked_processes(Home(settings).mark))
