"""Environment: the Python that a bento is served with, made by uv from its own requirements, cached by digest."""

# ruff: noqa: PLC0415 -- heavy libraries are imported where they are used

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path

from noren_bento.bento_build.pip_settings import UvSettings, list_pip_settings, say_to_uv
from noren_bento.errors import NorenError
from noren_bento.masking import mask_credentials
from noren_bento.settings import Settings

COMPLETE = "noren-complete"
"""Written into an environment when it is whole."""
REQUIREMENTS = Path("env") / "python" / "requirements.txt"
INSTALL_SECONDS = 1800.0


def environment_folder(bento_path: Path, settings: Settings) -> Path:
    """Where the environment of a bento lies, made or not: named by the digest of its requirements and this Python."""
    requirements = _read_requirements(bento_path)
    build = f"{sys.implementation.cache_tag} {sys.platform} {os.uname().machine} {sys.base_prefix}"
    digest = hashlib.sha256("\n".join([build, *requirements]).encode()).hexdigest()
    return settings.environments / digest[:20]


def prepare_environment(
    bento_path: Path, *, settings: Settings, progress: Callable[[str], None] | None = None
) -> Path:
    """Return the folder of the bento's environment; makes it where it is not there yet.

    Several processes may ask at once: one makes it, the others wait. Raises NorenError with uv's last lines.
    Ctrl-C leaves nothing half done.
    """
    from filelock import FileLock

    folder = environment_folder(bento_path, settings)
    if (folder / COMPLETE).is_file():
        return folder
    folder.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(folder.with_suffix(".lock")):
        if not (folder / COMPLETE).is_file():
            _make(folder, _read_requirements(bento_path), progress or (lambda _: None))
    return folder


def python_of(environment: Path) -> Path:
    """The environment's interpreter."""
    return environment / "bin" / "python"


def _read_requirements(bento_path: Path) -> list[str]:
    path = bento_path / REQUIREMENTS
    try:
        lines = [line.strip() for line in path.read_text().splitlines()]
    except OSError:
        raise NorenError(
            f"{bento_path} is not a bento: it has no {REQUIREMENTS}. Build the version again."
        ) from None
    return sorted({line for line in lines if line and not line.startswith("#")})


def _make(folder: Path, requirements: list[str], say: Callable[[str], None]) -> None:
    shutil.rmtree(folder, ignore_errors=True)  # what an older, interrupted run left
    with tempfile.TemporaryDirectory(prefix=".making-", dir=folder.parent) as work:
        place = Path(work) / "environment"
        say(f"making the environment: {len(requirements)} packages")
        uv = _uv_settings(os.environ)
        run_uv = partial(_run_uv, environment=uv.environment)
        run_uv("venv", "--quiet", "--relocatable", "--python", sys.executable, str(place))
        listed = Path(work) / "requirements.txt"
        listed.write_text("\n".join(requirements) + "\n")
        target = ("--python", str(python_of(place)), "--requirement", str(listed))
        # Everything is pinned, dependencies too, so there is nothing to resolve; bytecode is compiled here once
        # instead of at the first start of the service.
        run_uv("pip", "install", "--quiet", "--no-deps", "--compile-bytecode", *uv.options, *target)
        (place / COMPLETE).write_text("\n".join(requirements) + "\n")
        os.rename(place, folder)


def _run_uv(*arguments: str, environment: Mapping[str, str]) -> None:
    command = [sys.executable, "-m", "uv", *arguments]
    try:
        done = subprocess.run(
            command, env=dict(environment), capture_output=True, timeout=INSTALL_SECONDS, check=False
        )
    except subprocess.TimeoutExpired:
        raise NorenError(
            f"uv did not end within {INSTALL_SECONDS:.0f} s. Is the package index reachable?"
        ) from None
    if done.returncode:
        words = done.stderr.decode(errors="replace").strip().splitlines()[-8:]
        raise NorenError(
            "The service's environment could not be made. uv says: "
            + mask_credentials(" ".join(word.strip() for word in words))[-1200:]
            + " Check the package index (pip.conf, PIP_INDEX_URL, PIP_FIND_LINKS or uv's own settings) and try again."
        )


def _uv_settings(environ: Mapping[str, str]) -> UvSettings:
    own = {key: value for key, value in environ.items() if key not in ("VIRTUAL_ENV", "PYTHONPATH")}
    return say_to_uv(list_pip_settings(environ), own)
