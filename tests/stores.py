"""MLflow's store, made once for all tests of a run: its migrations take over a second, and few tests need them."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from filelock import FileLock

from noren_bento.stores.opening import open_client
from tests.leftovers import SESSION


def lay_store(home: Path) -> Path:
    """Copy a fresh store, which Noren itself made, to where a home has its own; return the home."""
    made = Path(os.environ[SESSION].partition("-")[2]) / "store" / "mlflow.db"
    with FileLock(f"{made.parent}.lock"):
        if not made.is_file():
            made.parent.mkdir(exist_ok=True)
            open_client(f"sqlite:///{made}")
    home.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(made, home / made.name)
    return home
