from __future__ import annotations

import os
import subprocess
import sys
import zipfile
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from noren_bento.bento_build.environment import (
    REQUIREMENTS,
    _uv_settings,
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


def test_uv_sees_neither_the_kernels_environment_nor_its_paths() -> None:
    uv = _uv_settings({**os.environ, "VIRTUAL_ENV": "/kernel", "PYTHONPATH": "/kernel/lib"})
    assert not {"VIRTUAL_ENV", "PYTHONPATH"} & uv.environment.keys()


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
        prepare_environment(bento(tmp_path / "bento", "msgspec==0.18.6\n"), settings=settings)


@pytest.fixture
def pip_conf(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Writes the only pip.conf that there is; nothing else says where packages come from."""
    for name in (*os.environ,):
        if name.startswith(("PIP_", "UV_")):
            monkeypatch.delenv(name)
    monkeypatch.setenv("PIP_CONFIG_FILE", str(tmp_path / "pip.conf"))
    monkeypatch.setenv("UV_NO_CACHE", "1")
    monkeypatch.setenv("UV_HTTP_RETRIES", "0")
    return (tmp_path / "pip.conf").write_text  # type: ignore[return-value]


@pytest.mark.slow
def test_packages_come_from_where_pip_conf_says(
    tmp_path: Path, settings: Settings, pip_conf: Callable[[str], None]
) -> None:
    wheel = make_wheel(tmp_path / "wheels", "mirrored")
    pip_conf(f"[global]\nno-index = true\n[install]\nfind-links =\n    /nowhere-else\n    {wheel.parent}\n")
    python = python_of(prepare_environment(bento(tmp_path / "bento", "mirrored==1.0\n"), settings=settings))
    assert subprocess.run([python, "-c", "import mirrored"], check=False).returncode == 0


@pytest.mark.slow
def test_what_a_private_index_answers_is_said_without_its_credentials(
    tmp_path: Path, settings: Settings, pip_conf: Callable[[str], None]
) -> None:
    pip_conf("[global]\nindex-url = http://ana:s3cret@127.0.0.1:9/simple\n")
    with pytest.raises(NorenError, match=r"127\.0\.0\.1:9") as caught:
        prepare_environment(bento(tmp_path / "bento", "mirrored==1.0\n"), settings=settings)
    assert "s3cret" not in str(caught.value)


def make_wheel(folder: Path, name: str) -> Path:
    """A distribution of one empty module."""
    folder.mkdir()
    path = folder / f"{name}-1.0-py3-none-any.whl"
    info = f"{name}-1.0.dist-info"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(f"{name}.py", "")
        archive.writestr(f"{info}/METADATA", f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
        archive.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        archive.writestr(
            f"{info}/RECORD", f"{name}.py,,\n{info}/METADATA,,\n{info}/WHEEL,,\n{info}/RECORD,,\n"
        )
    return path
