"""FAULT 8 for a service that is served alone: no token, a wrong one, a foreign Host; and no word to anybody else."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import psutil
import pytest
from sklearn.linear_model import LogisticRegression

from noren_bento.bento_build.build import Build
from noren_bento.bento_build.environment import prepare_environment, python_of
from noren_bento.control.replay import replay
from noren_bento.settings import Settings
from noren_bento.targets.inherited import for_service
from noren_bento.targets.ports import free_port, version_at, wait_ready
from noren_bento.traffic.envoy_config.clusters import Upstream
from tests.faults.conftest import Figure
from tests.noren_bento.builds import build, numbers

pytestmark = pytest.mark.slow
TOKEN = "a-token-that-is-long-enough"
ROW = {f"n{place}": 0.5 for place in range(4)}


@pytest.fixture(scope="module")
def built(build_settings: Settings) -> Build:
    X, y = numbers()
    return build(LogisticRegression().fit(X, y), "guarded", (X, y), build_settings)


@contextmanager
def bentoml_serve(built: Build, build_settings: Settings, folder: Path, **environ: str) -> Iterator[int]:
    """`bentoml serve` as a user types it, with nothing that our own launch sets."""
    python, port = python_of(prepare_environment(built.path, settings=build_settings)), free_port()
    plain = {name: value for name, value in for_service(os.environ).items() if "TRACK" not in name}
    with (folder / "service.log").open("wb") as log:
        child = subprocess.Popen(
            [python, "-m", "bentoml", "serve", str(built.path), "--host", "127.0.0.1", "--port", str(port)],
            env={**plain, "BENTOML_HOME": str(folder / "bentoml"), "NOREN_WORKERS": "1", **environ},
            cwd=folder,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    try:
        assert wait_ready(port, 60), (folder / "service.log").read_text()[-2000:]
        yield port
    finally:
        family = [psutil.Process(child.pid), *psutil.Process(child.pid).children(recursive=True)]
        child.terminate()
        _, alive = psutil.wait_procs(family, timeout=10)
        for process in alive:
            process.kill()
        child.wait()


def test_a_service_with_a_token_answers_only_who_has_it(
    built: Build, build_settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, figure: Figure
) -> None:
    with bentoml_serve(built, build_settings, tmp_path, NOREN_TOKEN=TOKEN) as port:
        url = f"http://127.0.0.1:{port}"
        routes = [(route, "POST") for route in ("/predict", "/invocations", "/feedback")]
        routes += [(route, "GET") for route in ("/metrics", "/version", "/docs.json", "/", "/schema.json")]
        for route, method in routes:
            assert httpx.request(method, f"{url}{route}").status_code == 401, route
        figure(8, f"a service with a token: 0 of {len(routes)} routes answer who has none")
        assert httpx.get(f"{url}/livez").status_code == 200
        allowed = {"authorization": f"Bearer {TOKEN}"}
        answer = httpx.post(f"{url}/predict", json={"rows": [ROW]}, headers=allowed)
        assert (answer.status_code, answer.json()["model"]) == (200, "guarded/1")
        # What control asks carries the token of its own environment.
        assert version_at(port) is None
        monkeypatch.setenv("NOREN_TOKEN", TOKEN)
        assert version_at(port) == "guarded/1"
        assert replay([ROW] * 3, Upstream("guarded/1", "127.0.0.1", port), stop_after=0).counts.failed == 0


def test_a_service_without_a_token_refuses_pages_of_the_web_and_tells_nobody(
    built: Build, build_settings: Settings, tmp_path: Path
) -> None:
    # With this BentoML logs what it would send, in place of sending it.
    with bentoml_serve(built, build_settings, tmp_path, __BENTOML_DEBUG_USAGE="true") as port:
        url = f"http://127.0.0.1:{port}"
        rows = {"rows": [ROW]}
        assert httpx.post(f"{url}/predict", json=rows).status_code == 200
        assert httpx.post(f"{url}/predict", json=rows, headers={"host": "rebound.example"}).status_code == 421
        foreign = {"origin": "https://example.org"}
        assert httpx.post(f"{url}/predict", json=rows, headers=foreign).status_code == 403
        plain = {"content-type": "text/plain"}
        assert httpx.post(f"{url}/predict", json=rows, headers=plain).status_code == 415
    assert "Tracking Payload" not in (tmp_path / "service.log").read_text()
