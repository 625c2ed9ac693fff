"""A service is rehearsed while its image is built: it must become ready and end, or there is no image."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest
from sklearn.linear_model import LogisticRegression

from noren_bento.bento_build.build import Build
from noren_bento.bento_build.environment import prepare_environment, python_of
from noren_bento.settings import Settings
from tests.noren_bento.builds import build, numbers

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def built(build_settings: Settings) -> Build:
    X, y = numbers()
    return build(LogisticRegression().fit(X, y), "rehearsed", (X, y), build_settings)


def rehearse(bento: Path, settings: Settings, home: Path) -> subprocess.CompletedProcess[str]:
    """As the image's build does."""
    python = python_of(prepare_environment(bento, settings=settings))
    return subprocess.run(
        [python, "-m", "noren_bento.serving.rehearsal"],
        cwd=bento / "src",
        env=os.environ
        | {"BENTO_PATH": str(bento), "BENTOML_HOME": str(home), "BENTOML_CONTAINERIZED": "true"},
        capture_output=True,
        text=True,
        check=False,
    )


def test_a_service_that_answers_its_packaged_rows_passes(
    built: Build, build_settings: Settings, tmp_path: Path
) -> None:
    done = rehearse(built.path, build_settings, tmp_path)
    assert done.returncode == 0, done.stderr


def test_one_that_answers_otherwise_than_the_original_does_not(
    built: Build, build_settings: Settings, tmp_path: Path
) -> None:
    bento = tmp_path / "bento"
    shutil.copytree(built.path, bento)
    (bento / "src" / "model" / "exact.json").write_text("{}")
    done = rehearse(bento, build_settings, tmp_path)
    assert done.returncode == 1
    assert "before it was ready" in done.stderr


def test_in_a_container_bentoml_replaces_a_worker_that_ended(built: Build, build_settings: Settings) -> None:
    python = python_of(prepare_environment(built.path, settings=build_settings))
    code = "import service; from bentoml.serving import running_inside_container as inside; print(inside())"
    done = subprocess.run(
        [python, "-c", code],
        cwd=built.path / "src",
        env=os.environ | {"BENTOML_CONTAINERIZED": "true"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.strip() == "False"
