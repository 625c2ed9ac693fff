"""A notebook that nobody watched is saved with views that need no kernel, no widget and no network."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import nbformat
import pytest

from tests.imports import REPOSITORY

pytestmark = pytest.mark.slow
VIEW = "application/vnd.jupyter.widget-view+json"
DEPLOY = """
import sys, time
from dataclasses import replace
sys.path.insert(0, {root!r})
from noren.show import settle_views, show
from tests.noren.snapshots import BUILDING, CANARY, PROMOTED

now = BUILDING
view = show(lambda: now, print)
now = CANARY
settle_views("churn@3")
"""
END = """
now = PROMOTED
settle_views("churn@3")
"""
TOOLS = {
    "jupyter execute": ("nbclient.cli", "--inplace", "in.ipynb"),
    "nbconvert": ("nbconvert.nbconvertapp", "--to", "notebook", "--execute", "--inplace", "in.ipynb"),
    "papermill": ("papermill", "in.ipynb", "in.ipynb", "--kernel", "python3"),
}


def run(folder: Path, module: str, *arguments: str) -> None:
    starts = {"papermill": "from papermill.cli import papermill as main"}
    start = starts.get(module, f"from {module} import main")
    command = [sys.executable, "-c", f"{start}; main()", *arguments]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=180, check=False)
    assert done.returncode == 0, done.stderr[-3000:]


def exported(folder: Path, tool: str, *sources: str) -> tuple[nbformat.NotebookNode, str]:
    """The notebook as the tool saved it, and the page that plain nbconvert makes of it."""
    cells = [nbformat.v4.new_code_cell(source) for source in sources]
    notebook = nbformat.v4.new_notebook(cells=cells)
    notebook.metadata.kernelspec = {"name": "python3", "display_name": "Python 3", "language": "python"}
    nbformat.write(notebook, folder / "in.ipynb")
    module, *arguments = TOOLS[tool]
    run(folder, module, *arguments)
    run(folder, "nbconvert.nbconvertapp", "--to", "html", "in.ipynb")
    return nbformat.read(folder / "in.ipynb", 4), (folder / "in.html").read_text()


@pytest.mark.parametrize("tool", TOOLS)
def test_a_canary_that_goes_on_is_shown_as_it_was_when_its_cell_ended(tool: str, tmp_path: Path) -> None:
    saved, page = exported(tmp_path, tool, DEPLOY.format(root=str(REPOSITORY)))
    shown = [output for cell in saved.cells for output in cell.get("outputs", ()) if "data" in output]
    assert [sorted(output.data) for output in shown] == [["text/html", "text/plain"]]
    assert "widgets" not in saved.metadata
    assert 'class="noren-release nr-static"' in page
    assert "Every request was answered, 4 of them at the second try." in page
    assert VIEW not in page


def test_a_release_that_ends_in_a_later_cell_is_shown_ended_in_the_cell_of_its_deploy(tmp_path: Path) -> None:
    saved, page = exported(tmp_path, "jupyter execute", DEPLOY.format(root=str(REPOSITORY)), END)
    first, second = saved.cells
    assert "promoted" in first.outputs[0].data["text/plain"]
    assert second.outputs == []
    assert "churn/3 is the champion." in page
