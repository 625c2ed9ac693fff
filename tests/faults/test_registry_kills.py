"""Fault 20: kill -9 before any write of a tag leaves no half version, and the next tag sweeps what is left."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.linear_model import Ridge

from noren_bento.settings import Settings
from noren_bento.stores import attempts, opening
from noren_bento.stores.attempts import local_path
from noren_bento.stores.models import ModelStore
from noren_bento.tagging.tag import tag_model
from tests.faults.conftest import Figure
from tests.faults.registries import mlflow_server, settings_of

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1800)]

ROOT = Path(__file__).parents[2]
X = np.arange(40.0).reshape(-1, 1)
DATA = (X, X.ravel())


class Killed:
    """The process whose copies tag and are killed."""

    def __init__(self) -> None:
        command = [sys.executable, "-m", "tests.faults.killed_process"]
        self.process = subprocess.Popen(
            command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )

    def tag(self, settings: Settings, k: int, name: str, strength: float) -> str:
        """Tag in a copy that is killed before its k-th write; return how it ended."""
        uri = settings.tracking_uri if settings.tracking_uri.startswith("http") else "-"
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        print(k, name, strength, uri, settings.home, file=self.process.stdin, flush=True)
        return self.process.stdout.readline().strip()

    def close(self) -> None:
        self.process.communicate(timeout=30)


@pytest.fixture(scope="module")
def killed() -> Iterator[Killed]:
    killed = Killed()
    yield killed
    killed.close()


def spread(points: int, most: int) -> list[int]:
    """At most so many places between the first write and the last, both included."""
    return sorted({round(place) for place in np.linspace(1, points, min(most, points))})


def assert_swept(settings: Settings, name: str, strength: float) -> None:
    """All versions are whole; after the next tag nothing else is there."""
    store = ModelStore(settings)
    for version in store.versions(name):
        store.files(version).model()
    before = len(store.versions(name))
    made = tag_model(Ridge(alpha=strength).fit(*DATA), name, train=DATA, test=DATA, settings=settings)
    versions = store.versions(name)
    assert len(versions) == before + 1
    assert versions[-1] == made
    assert store.files(made).model().alpha == strength
    runs = runs_of(settings, name)
    assert {(run.info.status, run.data.tags[attempts.PENDING]) for run in runs} == {
        ("FINISHED", attempts.DONE)
    }
    assert len(runs) == len(versions)
    assert list((settings.home / "staging").iterdir()) == []
    folders = {local_path(run.info.artifact_uri) for run in runs_of(settings)} - {None}
    if folders:
        assert {path / "artifacts" for path in (settings.home / "artifacts").iterdir()} == folders
    assert [path.name for path in settings.home.glob(".mlflow*")] == []


def runs_of(settings: Settings, name: str | None = None) -> list[Any]:
    """The runs of a model, or all there are."""
    client = opening.open_client(settings.tracking_uri)
    wanted = f"name = '{name}'" if name else None
    experiments = [one.experiment_id for one in client.search_experiments(filter_string=wanted)]
    return list(client.search_runs(experiments, max_results=1000))


def kill_tags(killed: Killed, settings: Settings, most: int) -> int:
    """Kill at so many places of a tag whose store is there already; return how many there are."""
    assert killed.tag(settings, 0, "opens", 1).isdecimal(), "the first tag makes the store"
    points = int(killed.tag(settings, 0, "counted", 1))
    for k in spread(points, most):
        name = f"killed{k}"
        assert killed.tag(settings, k, name, 2) == "killed"
        assert_swept(settings, name, 3)
    return points


def test_a_kill_before_any_of_four_writes_leaves_no_half_version(
    killed: Killed, tmp_path: Path, figure: Figure
) -> None:
    points = kill_tags(killed, settings_of(tmp_path / "home"), 4)
    assert points >= 20
    figure(20, f"killed before 4 of the {points} writes of a tag: 0 half versions, nothing left behind")


@pytest.mark.soak
def test_a_kill_before_every_write_leaves_no_half_version(
    killed: Killed, tmp_path: Path, figure: Figure
) -> None:
    points = kill_tags(killed, settings_of(tmp_path / "home"), sys.maxsize)
    figure(20, f"killed before each of the {points} writes of a tag: 0 half versions, nothing left behind")


def kill_first_tags(killed: Killed, folder: Path, most: int) -> int:
    """Kill at so many places of the very first tag, which makes the store; return how many there are."""
    points = int(killed.tag(settings_of(folder / "counted"), 0, "first", 1))
    for k in spread(points, most):
        settings = settings_of(folder / str(k))
        assert killed.tag(settings, k, "first", 2) == "killed"
        assert_swept(settings, "first", 3)
    return points


def test_a_kill_while_the_store_is_made_does_not_break_it(killed: Killed, tmp_path: Path) -> None:
    assert kill_first_tags(killed, tmp_path, 2) > 100


@pytest.mark.soak
@pytest.mark.timeout(3600)
def test_a_kill_before_any_of_80_writes_of_a_first_tag_does_not_break_the_store(
    killed: Killed, tmp_path: Path
) -> None:
    kill_first_tags(killed, tmp_path, 80)


def kill_over_http(killed: Killed, folder: Path, most: int) -> None:
    with mlflow_server(folder / "server") as uri:
        assert kill_tags(killed, settings_of(folder / "home", uri), most) >= 20


@pytest.mark.soak
def test_a_kill_between_requests_to_a_server_leaves_no_half_version(killed: Killed, tmp_path: Path) -> None:
    kill_over_http(killed, tmp_path, 6)


@pytest.mark.soak
def test_a_kill_between_any_two_requests_to_a_server_leaves_no_half_version(
    killed: Killed, tmp_path: Path
) -> None:
    kill_over_http(killed, tmp_path, sys.maxsize)
