from __future__ import annotations

import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest

from noren_bento.bento_build.environment import (
    REQUIREMENTS,
    _uv_environment,
    environment_folder,
    prepare_environment,
    python_of,
)
from noren_bento.errors import NorenError
from noren_bento.settings import Settings, load_settings


def bento(folder: Path, requirements: str) -> Path:
    (folder / REQUIREMENTS).parent.mkdir(parents=True)
    (folder / REQUIREMENTS).write_text(requirements)
    return folder


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return load_settings({"home": str(tmp_path / "home")}, environ={}, folder=Path("/"))


def installed_msgspec() -> str:
    from importlib.metadata import version

    return f"msgspec=={version('msgspec')}\n"


def test_the_same_requirements_share_an_environment(tmp_path: Path, settings: Settings) -> None:
    one, two = bento(tmp_path / "one", "a==1\nb==2\n"), bento(tmp_path / "two", "# bento\nb==2\na==1\n")
    other = bento(tmp_path / "other", "a==1\n")
    assert environment_folder(one, settings) == environment_folder(two, settings)
    assert environment_folder(one, settings) != environment_folder(other, settings)


def test_the_index_that_is_set_for_pip_is_handed_to_uv() -> None:
    given = {
        "PIP_INDEX_URL": "https://index.example/simple",
        "PIP_FIND_LINKS": "/a /b",
        "VIRTUAL_ENV": "/kernel",
    }
    environment = _uv_environment(given)
    assert environment["UV_DEFAULT_INDEX"] == "https://index.example/simple"
    assert environment["UV_FIND_LINKS"] == "/a,/b"
    assert "VIRTUAL_ENV" not in environment
    assert _uv_environment({**given, "UV_DEFAULT_INDEX": "https://own.example"})["UV_DEFAULT_INDEX"].endswith(
        "own.example"
    )


def test_a_folder_that_is_no_bento_is_named(tmp_path: Path, settings: Settings) -> None:
    with pytest.raises(NorenError, match="is not a bento"):
        prepare_environment(tmp_path, settings=settings)


@pytest.mark.slow
def test_an_environment_is_made_once_and_runs(tmp_path: Path, settings: Settings) -> None:
    path = bento(tmp_path / "bento", installed_msgspec())
    said: list[str] = []
    with ThreadPoolExecutor(4) as threads:
        folders = set(
            threads.map(
                lambda _: prepare_environment(path, settings=settings, progress=said.append), range(4)
            )
        )
    assert len(folders) == 1
    assert len(said) == 1
    python = python_of(folders.pop())
    code = "import msgspec, sys; print(sys.prefix)"
    prefix = subprocess.run([python, "-c", code], capture_output=True, text=True, check=True).stdout.strip()
    assert Path(prefix) != Path(sys.prefix)


@pytest.mark.slow
def test_what_cannot_be_installed_is_said_in_uvs_words_and_leaves_nothing(
    tmp_path: Path, settings: Settings
) -> None:
    path = bento(tmp_path / "bento", "msgspec==0.0.0.1\n")
    with pytest.raises(NorenError, match=r"uv says: .*msgspec"):
        prepare_environment(path, settings=settings)
    assert [name for name in os.listdir(settings.environments) if not name.endswith(".lock")] == []


@pytest.mark.slow
def test_an_index_that_does_not_answer_is_said(
    tmp_path: Path, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("UV_DEFAULT_INDEX", "http://127.0.0.1:9/simple")
    monkeypatch.setenv("UV_NO_CACHE", "1")
    monkeypatch.setenv("UV_HTTP_RETRIES", "0")
    with pytest.raises(NorenError, match="Check the package index"):
        prepare_environment(bento(tmp_path / "bento", "msgspec==0.18.6\n"), settings=replace(settings))
