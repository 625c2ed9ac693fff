"""The tutorials run from end to end in a home of their own and leave nothing running."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest

from tests.imports import REPOSITORY
from tests.notebooks.test_demo import processes_of, start

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]
FLOWER = [sys.executable, "-m", "uv", "run", "--quiet", "--no-project", "--isolated", "--no-build"]


@pytest.fixture
def flower() -> None:
    """Flower in an environment of its own, which needs a package index once."""
    command = [
        *FLOWER,
        "--with",
        "flwr>=1.20",
        "--with",
        "scikit-learn",
        "python",
        "-c",
        "import flwr, sklearn",
    ]
    done = subprocess.run(command, capture_output=True, text=True, timeout=240, check=False)
    if done.returncode:
        pytest.skip(f"Flower cannot be installed here: {done.stderr.strip().splitlines()[-1:]}")


@pytest.mark.usefixtures("flower")
def test_a_federated_model_is_released_and_answers(tmp_path: Path) -> None:
    demo = start(REPOSITORY / "notebooks" / "federated.ipynb", "--folder", tmp_path)
    said, complained = demo.communicate(timeout=280)
    assert demo.returncode == 0, f"{said}\n{complained}"
    assert processes_of(tmp_path) == []
    executed = nbformat.read(tmp_path / "federated.ipynb", as_version=4)
    texts = [
        output.data["text/plain"]
        for cell in executed.cells
        for output in cell.get("outputs", ())
        if "data" in output
    ]
    scores = next(text for text in texts if "this hospital alone" in text)
    federated, alone = (float(found) for found in re.findall(r"(0\.\d+)", scores))
    assert federated > 0.9
    assert federated >= alone - 0.03
    assert any("'model': 'federated-tumour/1'" in text for text in texts)
