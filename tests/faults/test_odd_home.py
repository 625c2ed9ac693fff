"""NOREN_HOME may be any path: the whole ring works in an odd one, and no secret of the caller's reaches a service."""

from __future__ import annotations

from pathlib import Path

import httpx
import pytest

from noren_bento.control.processes import look
from noren_bento.home import Home
from noren_bento.settings import Settings
from noren_bento.targets.marked import marked_processes
from tests.ring.home import deploy, running_home, serial_task, serials

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]

ODD = 'it\'s "100 %" [a-z]; #1 =?& {x} $HOME é雪'
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
    home = Home(settings)
    assert not [*home.run.glob("*.sock"), *home.sockets.glob("*.sock")]
