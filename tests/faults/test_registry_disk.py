"""Faults 21 and 23: a full disk and a read-only home are clean errors; nothing is lost, and it goes on afterwards."""

from __future__ import annotations

import os
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from sklearn.linear_model import Ridge

from noren_bento.errors import NorenError
from noren_bento.release.version import ModelVersion
from noren_bento.settings import Settings
from noren_bento.stores import attempts, opening
from noren_bento.stores.attempts import local_path
from noren_bento.stores.models import ModelStore
from noren_bento.tagging.tag import tag_model
from tests.faults.conftest import Figure
from tests.faults.registries import settings_of

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]

ROOT = Path(__file__).parents[2]
SIZE_MB = 12
X = np.arange(3000.0).reshape(-1, 1)
DATA = (X, X.ravel())


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of its own of 12 MB."""
    folder = tmp_path / "disk"
    folder.mkdir()
    if os.getuid() != 0 or shutil.which("mount") is None:
        pytest.skip("only root can mount a small file system")
    command = ["mount", "-t", "tmpfs", "-o", f"size={SIZE_MB}m", "tmpfs", str(folder)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        pytest.skip(f"this machine lets nobody mount: {done.stderr.strip()}")
    yield folder
    opening.open_client.cache_clear()  # its connection holds a file there
    subprocess.run(["umount", "--lazy", str(folder)], check=True)


def tag(settings: Settings, strength: float) -> ModelVersion:
    return tag_model(Ridge(alpha=strength).fit(*DATA), "churn", train=DATA, test=DATA, settings=settings)


def fill(folder: Path, leaving: int) -> Path:
    """Fill the disk but for so many bytes."""
    filler = folder / "filler"
    free = shutil.disk_usage(folder).free - leaving
    with filler.open("wb") as file:
        os.posix_fallocate(file.fileno(), 0, max(free, 1))
    return filler


def assert_intact(settings: Settings, strengths: list[float]) -> None:
    """The versions are those of these strengths, whole, and nothing lies around."""
    store = ModelStore(settings)
    versions = store.versions("churn")
    assert [store.files(version).model().alpha for version in versions] == strengths
    client = opening.open_client(settings.tracking_uri)
    experiment = client.get_experiment_by_name("churn")
    runs = client.search_runs([experiment.experiment_id])
    assert {(run.info.status, run.data.tags[attempts.PENDING]) for run in runs} == {
        ("FINISHED", attempts.DONE)
    }
    assert len(runs) == len(strengths)
    folders = {path / "artifacts" for path in (settings.home / "artifacts").iterdir()}
    assert folders == {local_path(run.info.artifact_uri) for run in runs}
    assert list((settings.home / "staging").iterdir()) == []
    with sqlite3.connect(settings.home / "mlflow.db") as database:
        assert database.execute("PRAGMA integrity_check").fetchone() == ("ok",)


@pytest.mark.parametrize("levels", [5, pytest.param(8, marks=pytest.mark.soak)])
def test_a_full_disk_is_a_clean_error_and_goes_on_when_there_is_space_again(
    levels: int, small_disk: Path, figure: Figure
) -> None:
    settings = settings_of(small_disk / "home")
    tag(settings, 1)
    before = shutil.disk_usage(small_disk).free
    tag(settings, 2)
    cost = before - shutil.disk_usage(small_disk).free
    strengths, refusals = [1.0, 2.0], []
    for leaving in np.linspace(0, cost, levels).astype(int).tolist():
        filler = fill(small_disk, leaving)
        strength = 3.0 + leaving
        try:
            tag(settings, strength)
            strengths.append(strength)
        except NorenError as error:
            refusals.append(str(error))
        filler.unlink()
        strengths.append(strength + 0.5)
        tag(settings, strength + 0.5)
        assert_intact(settings, strengths)
    assert len(refusals) >= levels // 2
    assert all("cannot be written" in text and "Free some space" in text for text in refusals), refusals
    figure(
        21,
        f"{len(refusals)} of {levels} tags refused with one sentence, 0 rows or files lost, each tag after it whole",
    )


def test_a_disk_that_is_full_before_the_first_tag_breaks_no_store(small_disk: Path) -> None:
    settings = settings_of(small_disk / "home")
    for leaving in (0, 100_000, 400_000):
        filler = fill(small_disk, leaving)
        with pytest.raises(NorenError, match="cannot be written"):
            tag(settings, 1)
        filler.unlink()
    tag(settings, 1)
    assert_intact(settings, [1.0])


READ = """
import sys
from pathlib import Path
from tests.faults.registries import settings_of
from noren_bento.stores.models import ModelStore
store = ModelStore(settings_of(Path(sys.argv[1])))
(version,) = store.versions("churn")
assert store.files(version).model().alpha == 1
print(store.names(), version)
"""


def test_a_read_only_home_can_be_read_and_is_refused_for_writing_in_one_sentence(
    small_disk: Path, figure: Figure
) -> None:
    settings = settings_of(small_disk / "home")
    tag(settings, 1)
    opening.open_client.cache_clear()
    # Over itself: what is open stays writable, whatever is opened from now on is not.
    subprocess.run(["mount", "--bind", str(small_disk), str(small_disk)], check=True)
    try:
        subprocess.run(["mount", "-o", "remount,bind,ro", str(small_disk)], check=True)
        command = [sys.executable, "-c", READ, str(settings.home)]
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        assert done.stdout == "('churn',) churn/1\n"
        with pytest.raises(
            NorenError, match=r"cannot be written: .*Set NOREN_HOME to a folder that is yours"
        ):
            tag(settings, 2)
    finally:
        opening.open_client.cache_clear()
        subprocess.run(["umount", "--lazy", str(small_disk)], check=True)
    assert str(tag(settings, 2)) == "churn/2"
    assert_intact(settings, [1.0, 2.0])
    figure(23, "read by another process; the tag refused with one sentence; goes on when it is writable")
