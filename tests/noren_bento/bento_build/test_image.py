"""A bento's image is really built, and keeps what docs/serving.md says of it."""

from __future__ import annotations

import json
import shutil
import socket
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from sklearn.linear_model import LogisticRegression

from bench.sides.bases import NoContainersError
from bench.sides.containers import Container, Podman, open_podman
from noren_bento.bento_build.build import Build
from noren_bento.settings import Settings
from noren_bento.targets.ports import free_port
from tests.noren_bento.builds import build, numbers

TOKEN = "a-token-of-the-tests"
ROW = {"rows": [{"n0": 1.25, "n1": -0.5, "n2": 0.125, "n3": 2.0}]}
NOT_CARRIED = ("ipykernel", "jupyter_core", "mlflow", "pandas", "papermill", "pip", "scipy", "sklearn", "uv")

pytestmark = [
    pytest.mark.soak,  # minutes: a base, an image and its containers are made
    pytest.mark.skipif(shutil.which("podman") is None, reason="podman is not installed"),
]


@pytest.fixture(scope="module")
def podman() -> Iterator[Podman]:
    try:
        with open_podman() as podman:
            yield podman
    except NoContainersError as error:
        pytest.skip(f"no image can be built here: {error}")


@pytest.fixture(scope="module")
def built(build_settings: Settings) -> Build:
    X, y = numbers()
    return build(LogisticRegression().fit(X, y), "shipped", (X, y), build_settings)


@pytest.fixture(scope="module")
def image(podman: Podman, built: Build, build_settings: Settings) -> str:
    return podman.containerize(build_settings.home / "bentos", built.bento)


def wait_ready(port: int, container: Container) -> None:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        try:
            if httpx.get(f"http://127.0.0.1:{port}/readyz", timeout=2).status_code == 200:
                return
        except httpx.TransportError:
            time.sleep(0.05)
    raise TimeoutError(container.log())


def wait_for_workers(container: Container, count: int) -> None:
    """Until so many have become ready, those that ended included."""
    deadline = time.monotonic() + 90
    while container.log().count("Service noren initialized") < count:
        assert time.monotonic() < deadline, container.log()
        time.sleep(0.2)


def own_address() -> str:
    """Of this machine, another than loopback; nothing is sent to find it."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.connect(("192.0.2.1", 9))
        return str(probe.getsockname()[0])


def test_a_container_answers_as_nobody_else_is_healthy_and_ends_cleanly(podman: Podman, image: str) -> None:
    port = free_port()
    with podman.running(image, "--network", "host", "--read-only", "--env", f"PORT={port}") as container:
        assert not container.is_healthy()  # it has only just started
        wait_ready(port, container)
        assert container.is_healthy()
        answer = httpx.post(f"http://127.0.0.1:{port}/predict", json=ROW)
        assert (answer.status_code, answer.json()["model"]) == (200, "shipped/1")
        assert {process.uids().real for process in container.processes()} == {1034}
        assert container.end() == 0
        assert "Traceback" not in container.log()
        assert not container.is_healthy()


def test_without_a_token_only_its_own_machine_is_answered_and_with_one_who_has_it(
    podman: Podman, image: str
) -> None:
    port = free_port()
    inside, outside = f"http://127.0.0.1:{port}/predict", f"http://{own_address()}:{port}/predict"
    with podman.running(image, "--network", "host", "--env", f"PORT={port}") as container:
        wait_ready(port, container)
        assert httpx.post(inside, json=ROW).status_code == 200
        refused = httpx.post(outside, json=ROW)
        assert (refused.status_code, "NOREN_TOKEN" in refused.json()["error"]) == (403, True)
    given = ("--env", f"PORT={port}", "--env", f"NOREN_TOKEN={TOKEN}")
    with podman.running(image, "--network", "host", *given) as container:
        wait_ready(port, container)
        assert container.is_healthy()
        assert [httpx.post(place, json=ROW).status_code for place in (inside, outside)] == [401, 401]
        headers = {"authorization": f"Bearer {TOKEN}"}
        assert httpx.post(outside, json=ROW, headers=headers).status_code == 200


def test_a_token_that_could_be_guessed_is_no_start(podman: Podman, image: str) -> None:
    with podman.running(image, "--network", "host", "--env", "NOREN_TOKEN=secret") as container:
        podman.call("wait", container.id)
        assert container.end() != 0
        assert "NOREN_TOKEN has 6 characters" in container.log()


def test_a_worker_that_dies_is_replaced(podman: Podman, image: str) -> None:
    port = free_port()
    with podman.running(image, "--network", "host", "--env", f"PORT={port}") as container:
        wait_for_workers(container, 2)
        container.processes()[-1].kill()
        wait_for_workers(container, 3)
        assert container.is_healthy()


def test_predictions_are_logged_into_a_folder_that_is_mounted(
    podman: Podman, image: str, tmp_path: Path
) -> None:
    folder = tmp_path / "shipped" / "1"
    folder.mkdir(parents=True)
    shutil.chown(folder, 1034, 1034)
    port = free_port()
    log = ("--volume", f"{folder}:/log/shipped/1", "--env", "NOREN_LOG=/log/shipped/1")
    with podman.running(image, "--network", "host", "--env", f"PORT={port}", *log) as container:
        wait_ready(port, container)
        assert httpx.post(f"http://127.0.0.1:{port}/predict", json=ROW).status_code == 200
        container.end()
    assert [*folder.rglob("*.parquet")]


def test_the_image_holds_what_serves_and_nothing_else(podman: Podman, image: str) -> None:
    look = (
        "import importlib.util as found, json, os, shutil; "
        f"print(json.dumps([[name for name in {NOT_CARRIED} if found.find_spec(name)], "
        "[name for name in ('uv', 'gcc', 'git') if shutil.which(name)], "
        "[folder for folder in ('/app', '/app/compiled', '/app/.venv/bin') if os.access(folder, os.W_OK)]]))"
    )
    done = podman.call("run", "--rm", "--network", "host", "--entrypoint", "python", image, "-c", look)
    assert json.loads(done.stdout) == [[], [], []]


def test_what_is_imported_was_compiled_when_the_image_was_built(podman: Podman, image: str) -> None:
    importing = (
        "-v",
        "-c",
        "import sys; sys.path.insert(0, 'src'); import noren_bento.serving.service, bentoml, ssl",
    )
    done = podman.call("run", "--rm", "--network", "host", "--entrypoint", "python", image, *importing)
    lines = done.stderr.splitlines()
    assert [line for line in lines if "/app/compiled/" in line and "matches" in line]
    assert not [line for line in lines if line.startswith("# code object from") and line.endswith(".py'")]


def test_an_image_whose_service_does_not_start_is_not_built(
    podman: Podman, built: Build, build_settings: Settings, tmp_path: Path
) -> None:
    store = tmp_path / "home" / "bentos" / "shipped" / "1"
    shutil.copytree(built.path, store)
    (store / "src" / "model" / "exact.json").write_text("{}")
    with pytest.raises(NoContainersError, match="before it was ready"):
        podman.containerize(tmp_path / "home", "shipped:1", name="localhost/broken")


def test_packages_come_from_the_index_that_the_build_is_given(
    podman: Podman, built: Build, build_settings: Settings
) -> None:
    nowhere = "http://127.0.0.1:9/simple"
    options = (f"build-arg=PIP_INDEX_URL={nowhere}", "no-cache")
    with pytest.raises(NoContainersError, match=r"No matching distribution found for uv"):
        podman.containerize(build_settings.home / "bentos", built.bento, *options, name="localhost/nowhere")
