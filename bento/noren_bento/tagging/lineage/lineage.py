"""Lineage: where a version comes from: code, data, libraries, person, machine. Secrets are masked in all of it."""

from __future__ import annotations

import getpass
import os
import threading
from collections.abc import Iterable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Protocol, Self

import msgspec
from numpy.typing import NDArray

from noren_bento.errors import NorenError
from noren_bento.tagging.dataset import Dataset, read_dataset
from noren_bento.tagging.lineage.cells import Trace, cells_to_text, count_cells
from noren_bento.tagging.lineage.commit import Checkout, Commit, read_checkout
from noren_bento.tagging.lineage.machine import Machine, read_machine
from noren_bento.tagging.secrets.secrets import Secrets, read_secrets

if TYPE_CHECKING:
    import pandas as pd

OWN_LIBRARIES = (
    "noren",
    "bentoml",
    "cloudpickle",
    "mlflow",
    "numpy",
    "onnxruntime",
    "pandas",
    "pyarrow",
    "scikit-learn",
    "scipy",
    "skl2onnx",
    "skops",
)
"""What Noren itself tags, compiles and serves with."""

DIFF = "dirty.diff"
CELLS = "cells.py"


@dataclass(frozen=True, slots=True)
class Lineage:
    """Where a version comes from."""

    at: float
    """Unix seconds of the tag."""
    who: str
    """Who tagged, as the environment says: asserted, not proven."""
    who_says: str
    """Where that name comes from: `JupyterHub` or `operating system`."""
    machine: Machine
    libraries: dict[str, str]
    """Installed versions by distribution: those of the model's modules and Noren's own."""
    train: Dataset
    test: Dataset
    notebook: str | None
    """The notebook that it was tagged in; None where that is not known."""
    cells: int
    """Executions of this session up to the tag; their source is in `cells.py`."""
    commit: Commit | None
    """None outside a git repository. What differed from it is in `dirty.diff`."""
    seconds: dict[str, float]
    """Seconds of each stage of the tag, up to the writing of this."""


@dataclass(frozen=True, slots=True)
class Origin:
    """A lineage with the texts that it points to, masked."""

    lineage: Lineage
    cells: str = ""
    diff: str = ""

    def write(self, folder: Path) -> None:
        """Write `lineage.json`, and `cells.py` and `dirty.diff` where there is something in them."""
        (folder / "lineage.json").write_bytes(lineage_to_json(self.lineage))
        for name, text in ((CELLS, self.cells), (DIFF, self.diff)):
            if text:
                (folder / name).write_text(text, encoding="utf-8", errors="backslashreplace")


class Split(Protocol):
    """Rows of one split."""

    @property
    def frame(self) -> pd.DataFrame:
        """The columns."""

    @property
    def y(self) -> NDArray[Any] | None:
        """The target."""


class OriginReading:
    """Reads repository and data in a thread, beside the measuring of the model. Leave it, and the thread stops."""

    def __init__(
        self, train: Split, test: Split, *, targets: tuple[str, ...], trace: Trace | None = None
    ) -> None:
        self._splits = (train, test)
        self._targets = targets
        self._trace = trace or Trace()
        self._stopped = threading.Event()
        self._pool = ThreadPoolExecutor(1, thread_name_prefix="noren-lineage")
        self._checkout: Future[Checkout | None] = self._pool.submit(read_checkout, Path.cwd())
        self._secrets: Future[Secrets] = self._pool.submit(self._read_secrets)
        self._datasets: Future[list[Dataset]] = self._pool.submit(self._read_datasets)

    def result(self, at: float, *, libraries: Iterable[str], seconds: Mapping[str, float]) -> Origin:
        """Wait for the thread and return the origin. `libraries` are requirements such as `scikit-learn==1.9.1`."""
        checkout = self._checkout.result()
        secrets = self.secrets()
        who, who_says = read_user()
        train, test = self._datasets.result()
        lineage = Lineage(
            at=at,
            who=who,
            who_says=who_says,
            machine=read_machine(),
            libraries=_read_libraries(libraries),
            train=train,
            test=test,
            notebook=None if self._trace.notebook is None else secrets.mask(self._trace.notebook),
            cells=count_cells(self._trace),
            commit=None if checkout is None else _masked(checkout.commit, secrets),
            seconds=dict(seconds),
        )
        diff = "" if checkout is None else secrets.mask(checkout.diff)
        return Origin(lineage, cells_to_text(self._trace, secrets), diff)

    def secrets(self) -> Secrets:
        """What must not be written of this session: values of the environment, and what cells and diff assign."""
        return self._secrets.result()

    def _read_secrets(self) -> Secrets:
        checkout = self._checkout.result()
        return read_secrets(os.environ).learn(*self._trace.cells, *([checkout.diff] if checkout else []))

    def _read_datasets(self) -> list[Dataset]:
        return [
            read_dataset(one.frame, one.y, targets=self._targets, going=lambda: not self._stopped.is_set())
            for one in self._splits
        ]

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stopped.set()
        self._pool.shutdown(wait=True, cancel_futures=True)


def read_user() -> tuple[str, str]:
    """Return who tags and who says so: JupyterHub, else the operating system."""
    if hub := os.environ.get("JUPYTERHUB_USER"):
        return hub, "JupyterHub"
    try:
        return getpass.getuser(), "operating system"
    except (KeyError, OSError):  # a container's user without an entry in passwd
        return f"uid {os.getuid()}", "operating system"


def lineage_to_json(lineage: Lineage) -> bytes:
    """Write a lineage as JSON."""
    return msgspec.json.format(msgspec.json.encode(lineage), indent=1)


def lineage_from_json(data: bytes) -> Lineage:
    """Read what lineage_to_json wrote; raises NorenError where it is damaged."""
    try:
        return msgspec.json.decode(data, type=Lineage)
    except msgspec.MsgspecError as error:
        raise NorenError(f"The lineage is damaged ({error}). Tag the model again.") from None


def _masked(commit: Commit, secrets: Secrets) -> Commit:
    return Commit(
        commit.sha,
        secrets.mask(commit.branch),
        dirty=commit.dirty,
        remote=secrets.mask(commit.remote),
        untracked=tuple(secrets.mask(name) for name in commit.untracked),
    )


def _read_libraries(requirements: Iterable[str]) -> dict[str, str]:
    found = {name: installed for name in OWN_LIBRARIES if (installed := _installed(name))}
    found |= dict(one.split("==", 1) for one in requirements)
    return dict(sorted(found.items(), key=lambda one: one[0].lower()))


def _installed(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None
