"""Bases: the image that a bento's image is made from, pulled, or made with debootstrap where no registry is reached.

What is made is like `python:…-slim`: Debian's smallest system, Python with pip, no manuals, no compiled Python.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

CACHE = Path(__file__).resolve().parents[2] / ".cache" / "bases"
SUITES = {(3, 11): "bookworm", (3, 13): "trixie"}
"""Debian's releases by their Python."""
PACKAGES = "ca-certificates,python3,python3-pip,python3-venv"
LEFT_OUT = (
    "usr/share/doc",
    "usr/share/man",
    "usr/share/locale",
    "var/lib/apt/lists",
    "var/cache/apt",
    "var/log",
)
STAND_IN = "noren.stand-in"
"""A label of a base that was made here."""
Call = Callable[..., "subprocess.CompletedProcess[str]"]


class NoContainersError(Exception):
    """Nothing can be built or run here; says why."""


def ensure_base(call: Call, image: str) -> None:
    """Have the image in podman's storage; raises NoContainersError where it can be neither pulled nor made.

    Where one was made once it is taken again: podman tries for minutes before it says that it cannot pull.
    """
    suite = SUITES.get(sys.version_info[:2])
    archive = CACHE / f"{suite}.tar"
    if not archive.is_file():
        pulled = call("pull", "--quiet", image, check=False)
        if pulled.returncode == 0:
            return
        reason = (pulled.stderr.strip().splitlines() or ["no reason given"])[-1]
        _make(suite, archive, why=f"{image} cannot be pulled ({reason[-200:]})")
    changes = (
        'CMD ["python3"]',
        "ENV PATH=/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin",
        f"LABEL {STAND_IN}=1",
    )
    call("import", *(part for change in changes for part in ("--change", change)), str(archive), image)


def is_stand_in(call: Call, image: str) -> bool:
    """Whether the base was made here."""
    return STAND_IN in call("inspect", image, "--format", "{{json .Labels}}").stdout


def _make(suite: str | None, archive: Path, *, why: str) -> None:
    if suite is None or shutil.which("debootstrap") is None:
        missing = "no Debian release has this Python" if suite is None else "debootstrap is not installed"
        raise NoContainersError(f"{why}, and {missing}")
    CACHE.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=CACHE) as work:
        root = Path(work) / "root"
        command = ["debootstrap", "--variant=minbase", f"--include={PACKAGES}", suite, str(root)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            raise NoContainersError(f"{why}, and debootstrap says: {(done.stdout + done.stderr)[-500:]}")
        for folder in LEFT_OUT:
            for file in (root / folder).iterdir():
                shutil.rmtree(file) if file.is_dir() and not file.is_symlink() else file.unlink()
        for cache in [*root.rglob("__pycache__")]:
            shutil.rmtree(cache)
        for mark in root.glob("usr/lib/python3*/EXTERNALLY-MANAGED"):
            mark.unlink()  # Debian's word against pip in its own system
        (root / "usr/local/bin/python").symlink_to("/usr/bin/python3")
        subprocess.run(["tar", "-C", str(root), "-cf", f"{work}/base.tar", "."], check=True)
        Path(work, "base.tar").rename(archive)
