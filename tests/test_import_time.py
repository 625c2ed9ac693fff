"""`import noren` touches nothing heavy: looked at in fresh processes, by what was imported; bench/ has the times."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

HEAVY = (
    "IPython anywidget bentoml httpx ipywidgets jupyter_client mlflow msgspec numpy onnx onnxruntime pandas papermill "
    "psutil pyarrow scipy skl2onnx sklearn skops sqlalchemy starlette supervisor uvicorn"
)
SLOW = (
    "bentoml mlflow onnx onnxruntime pandas papermill pyarrow scipy skl2onnx sklearn skops starlette uvicorn"
)


def found_after(statement: str, watched: str, folder: Path) -> list[str]:
    """Import in a fresh interpreter, with an empty folder as home and as working folder."""
    code = f"{statement}\nimport sys\nprint(*sorted(set(sys.modules) & set({watched.split()!r})))"
    environment = {**os.environ, "HOME": str(folder), "NOREN_HOME": str(folder / "noren")}
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=folder, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert list(folder.iterdir()) == [], "an import wrote files"
    return done.stdout.split()


@pytest.mark.parametrize("package", ["noren", "noren_bento", "noren_lab"])
def test_importing_a_package_imports_nothing_heavy_and_writes_nothing(package: str, tmp_path: Path) -> None:
    assert found_after(f"import {package}", HEAVY, tmp_path) == []


@pytest.mark.parametrize(
    "statement",
    [
        "import noren_validation",
        "import noren.cli",
        "import noren; [getattr(noren, name) for name in noren.__all__]",
    ],
)
def test_what_people_begin_with_imports_no_library_of_models_or_services(
    statement: str, tmp_path: Path
) -> None:
    assert found_after(statement, SLOW, tmp_path) == []
