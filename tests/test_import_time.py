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
    return done.stdout.splitlines()[-1].split()


@pytest.mark.parametrize("package", ["noren", "noren_bento", "noren_lab"])
def test_importing_a_package_imports_nothing_heavy_and_writes_nothing(package: str, tmp_path: Path) -> None:
    assert found_after(f"import {package}", HEAVY, tmp_path) == []


@pytest.mark.parametrize(
    "statement",
    [
        "import noren.cli",
        "from noren.cli import main; main(['deploy', '--help'], standalone_mode=False)",
        "from noren.cli import main; main(['--version'], standalone_mode=False)",
    ],
)
def test_the_shell_command_explains_itself_without_anything_heavy(statement: str, tmp_path: Path) -> None:
    assert found_after(statement, HEAVY, tmp_path) == []


def test_load_ext_imports_nothing_heavy_that_ipython_has_not(tmp_path: Path) -> None:
    shell = "from IPython.core.interactiveshell import InteractiveShell as S; S.instance()"
    load = f"{shell}.run_line_magic('load_ext', 'noren')"
    environment = "import os; os.environ['IPYTHONDIR'] = os.devnull"
    before = found_after(f"{environment}; {shell}", HEAVY, tmp_path)
    assert found_after(f"{environment}; {load}", HEAVY, tmp_path) == before


def test_what_talks_to_control_needs_no_sqlalchemy_and_no_numpy(tmp_path: Path) -> None:
    statement = "import noren; noren.Release; import noren_bento.control.client"
    assert found_after(statement, f"{SLOW} sqlalchemy numpy", tmp_path) == []


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
