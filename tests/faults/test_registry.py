"""Fault 5: many processes tag into a fresh store at once; no version is lost, doubled or half there."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest

from noren_bento.settings import Settings
from noren_bento.stores import attempts, opening
from noren_bento.stores.models import ModelStore
from tests.faults.conftest import Figure
from tests.faults.registries import mlflow_server, postgres, settings_of

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]

PROCESSES, TAGS = 8, 25
ROOT = Path(__file__).parents[2]


def tag_at_once(homes: list[Path], uri: str | None, *, tags: int) -> list[tuple[str, str, int]]:
    """Let one process a home begin at the same moment; return what all of them tagged: version, digest, strength."""
    command = [sys.executable, "-m", "tests.faults.tagging_process", uri or "-", str(tags), *map(str, homes)]
    one_thread = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
    environment = {**os.environ, **one_thread}
    with subprocess.Popen(
        command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        out, _ = process.communicate(timeout=800)
    assert process.returncode == 0
    return [tuple(json.loads(line)) for line in out.splitlines()]


def assert_whole(settings: Settings, tagged: list[tuple[str, str, int]], *, count: int) -> None:
    """Every tag is one version with its own model, and nothing else is in the registry."""
    store = ModelStore(settings)
    versions = store.versions("churn")
    assert [version.number for version in versions] == list(range(1, count + 1))
    assert len({version.digest for version in versions}) == count
    assert {(str(version), version.digest) for version in (*versions, *store.versions("same"))} == {
        (version, digest) for version, digest, _ in tagged
    }
    assert len(store.versions("same")) == 1
    for version, _, alpha in tagged[:: max(len(tagged) // 20, 1)]:
        assert store.files(version).model().alpha == alpha
    runs = [*runs_of(settings, "churn"), *runs_of(settings, "same")]
    assert len(runs) == count + 1
    assert {(run.info.status, run.data.tags[attempts.PENDING]) for run in runs} == {
        ("FINISHED", attempts.DONE)
    }


def runs_of(settings: Settings, name: str) -> list[Any]:
    client = opening.open_client(settings.tracking_uri)
    experiment = client.get_experiment_by_name(name)
    return list(client.search_runs([experiment.experiment_id], max_results=1000))


@contextmanager
def registry(kind: str, folder: Path) -> Iterator[str | None]:
    """A fresh registry: None is the SQLite file of a home that all processes share; else each has its own home."""
    with ExitStack() as stack:
        database = stack.enter_context(postgres()) if "postgres" in kind else None
        if "server" in kind:
            yield stack.enter_context(mlflow_server(folder / "server", database))
        else:
            yield database


def tag_into_a_fresh_store(kind: str, folder: Path, *, processes: int = PROCESSES, tags: int = TAGS) -> None:
    folder.mkdir(exist_ok=True)
    with registry(kind, folder) as uri:
        homes = [folder / (f"home{number}" if uri else "home") for number in range(processes)]
        tagged = tag_at_once(homes, uri, tags=tags)
        assert_whole(settings_of(homes[0], uri), tagged, count=processes * tags)
        for home in homes:
            assert list((home / "staging").iterdir()) == []


def test_eight_processes_tag_at_once_into_a_fresh_store(tmp_path: Path, figure: Figure) -> None:
    tag_into_a_fresh_store("sqlite", tmp_path, tags=2)
    figure(5, "8 of 8 processes into one SQLite store, 16 of 16 versions whole")


def test_four_processes_tag_at_once_into_a_fresh_postgres(tmp_path: Path, figure: Figure) -> None:
    tag_into_a_fresh_store("postgres", tmp_path, processes=4, tags=2)
    figure(5, "4 of 4 processes into PostgreSQL, 8 of 8 versions whole")


@pytest.mark.soak
@pytest.mark.parametrize("kind", ["server over sqlite", "server over postgres"])
def test_eight_processes_tag_at_once_on_a_fresh_server(kind: str, tmp_path: Path) -> None:
    tag_into_a_fresh_store(kind, tmp_path, tags=3)


@pytest.mark.soak
@pytest.mark.timeout(14_400)
@pytest.mark.parametrize("kind", ["sqlite", "postgres"])
def test_twenty_fresh_stores_of_200_versions_lose_nothing(kind: str, tmp_path: Path, figure: Figure) -> None:
    for one in range(20):
        tag_into_a_fresh_store(kind, tmp_path / str(one))
    figure(5, f"8 processes, 200 versions, 20 fresh stores ({kind}): 0 lost, doubled or half")


@pytest.mark.soak
@pytest.mark.parametrize("kind", ["server over sqlite", "server over postgres"])
def test_eight_processes_tag_200_versions_on_a_fresh_server(kind: str, tmp_path: Path) -> None:
    tag_into_a_fresh_store(kind, tmp_path)
