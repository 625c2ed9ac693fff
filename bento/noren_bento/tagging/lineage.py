"""Lineage: where a version comes from: code, data, libraries, person, machine."""

# ruff: noqa: PLC0415 -- heavy libraries are imported where they are used

from __future__ import annotations

import getpass
import hashlib
import os
import platform
import subprocess
from collections.abc import Iterable
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from noren_bento.errors import NorenError

if TYPE_CHECKING:
    import pandas as pd

LIBRARIES = (
    "scikit-learn",
    "numpy",
    "scipy",
    "pandas",
    "pyarrow",
    "skops",
    "cloudpickle",
    "mlflow",
    "bentoml",
    "noren",
)
GIT_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class Commit:
    """The git commit that the working folder was at."""

    sha: str
    branch: str
    dirty: bool
    """Whether tracked files differed from the commit."""


@dataclass(frozen=True, slots=True)
class Dataset:
    """One split, by what it holds."""

    rows: int
    digest: str
    """SHA-256 over the rows' values in order, dtype by dtype."""


@dataclass(frozen=True, slots=True)
class Lineage:
    """Where a version comes from."""

    at: float
    """Unix seconds of the tag."""
    who: str
    python: str
    machine: str
    """Operating system and architecture."""
    libraries: dict[str, str]
    """Installed versions by name."""
    train: Dataset
    test: Dataset
    commit: Commit | None = None
    """None outside a git repository."""


def read_lineage(at: float, *, train: Dataset, test: Dataset, requirements: Iterable[str] = ()) -> Lineage:
    """Read the lineage of what is tagged now, from this process and its working folder."""
    libraries = dict(one.split("==", 1) for one in requirements)
    libraries |= {name: found for name in LIBRARIES if (found := _installed(name))}
    return Lineage(
        at=at,
        who=read_user(),
        python=platform.python_version(),
        machine=f"{platform.system()} {platform.machine()}",
        libraries=libraries,
        train=train,
        test=test,
        commit=read_commit(Path.cwd()),
    )


def read_user() -> str:
    """Return who tags: JupyterHub's user, else the operating system's."""
    return os.environ.get("JUPYTERHUB_USER") or _os_user()


def _os_user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a container's user without an entry in passwd
        return f"uid {os.getuid()}"


def read_commit(folder: Path) -> Commit | None:
    """Return the commit of the repository around a folder; None without a repository, a commit or git."""
    command = ["git", "-C", str(folder), "status", "--porcelain=v2", "--branch", "--untracked-files=no"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=GIT_SECONDS, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return None
    lines = done.stdout.splitlines()
    heads = dict(line[2:].split(" ", 1) for line in lines if line.startswith("# ") and " " in line[2:])
    sha = heads.get("branch.oid", "(initial)")
    if done.returncode or sha == "(initial)":
        return None
    return Commit(sha, heads.get("branch.head", ""), dirty=any(not line.startswith("# ") for line in lines))


def read_dataset(frame: pd.DataFrame) -> Dataset:
    """Return a split's size and digest; the same values in the same order give the same digest."""
    from pandas.util import hash_pandas_object

    hasher = hashlib.sha256(repr([(name, str(kind)) for name, kind in frame.dtypes.items()]).encode())
    if frame.shape[1]:
        hasher.update(hash_pandas_object(frame, index=False).to_numpy().tobytes())
    return Dataset(len(frame), hasher.hexdigest())


def lineage_to_json(lineage: Lineage) -> bytes:
    """Write a lineage as JSON."""
    return msgspec.json.format(msgspec.json.encode(lineage), indent=1)


def lineage_from_json(data: bytes) -> Lineage:
    """Read what lineage_to_json wrote; raises NorenError where it is damaged."""
    try:
        return msgspec.json.decode(data, type=Lineage)
    except msgspec.MsgspecError as error:
        raise NorenError(f"The lineage is damaged ({error}). Tag the model again.") from None


def _installed(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None
