"""Environments of the peers that Noren does not depend on: made by uv from a pinned list, kept by its digest."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from noren_bento.bento_build.pip_settings import list_pip_settings, say_to_uv

HERE = Path(__file__).parent
CACHE = Path(__file__).resolve().parents[3] / ".cache" / "bench-peers"
INSTALL_SECONDS = 900.0


class NotInstalledError(Exception):
    """Why a list's packages could not be installed here."""


def python_with(listed: str) -> Path:
    """The interpreter of the environment with this list's packages; raises NotInstalledError with uv's last line."""
    requirements = HERE / f"{listed}.txt"
    content = requirements.read_bytes() + sys.version.encode()
    folder = CACHE / f"{listed}-{hashlib.sha256(content).hexdigest()[:12]}"
    if not folder.is_dir():
        CACHE.mkdir(parents=True, exist_ok=True)
        print(f"installing {requirements.name}", file=sys.stderr, flush=True)
        with tempfile.TemporaryDirectory(prefix=".making-", dir=CACHE) as work:
            place = Path(work) / "environment"
            _uv("venv", "--quiet", "--relocatable", "--python", sys.executable, str(place))
            target = ("--python", str(place / "bin" / "python"), "--requirement", str(requirements))
            _uv("pip", "install", "--quiet", "--no-deps", "--compile-bytecode", *target)
            shutil.move(place, folder)
    return folder / "bin" / "python"


def _uv(*arguments: str) -> None:
    own = {name: value for name, value in os.environ.items() if name not in ("VIRTUAL_ENV", "PYTHONPATH")}
    settings = say_to_uv(list_pip_settings(os.environ), own)
    options = settings.options if arguments[0] == "pip" else ()
    done = subprocess.run(
        [sys.executable, "-m", "uv", *arguments, *options],
        env=settings.environment,
        capture_output=True,
        text=True,
        timeout=INSTALL_SECONDS,
        check=False,
    )
    if done.returncode:
        words = done.stderr.strip().splitlines() or ["uv gave no reason"]
        raise NotInstalledError(words[-1].strip())
