"""What led to a call, read from a real IPython shell."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from IPython.core.interactiveshell import InteractiveShell

from noren.notebook_trace import find_notebook, read_trace


@pytest.fixture
def shell(monkeypatch: pytest.MonkeyPatch) -> Iterator[InteractiveShell]:
    monkeypatch.delenv("JPY_SESSION_NAME", raising=False)
    shell = InteractiveShell.instance()
    shell.history_manager.reset(new_session=True)
    yield shell
    InteractiveShell.clear_instance()


def test_the_cells_are_those_of_this_session_in_order_as_typed_the_running_one_last(
    shell: InteractiveShell,
) -> None:
    cells = ("a = 1", "%who", "a += 1", "from noren.notebook_trace import read_trace\ntrace = read_trace()")
    for cell in cells:
        shell.run_cell(cell, store_history=True).raise_error()
    shell.run_cell("hidden = 1", store_history=False).raise_error()  # what a front end asks for itself
    trace = shell.user_ns["trace"]
    assert trace.cells == cells
    assert trace.notebook is None


def test_a_cell_that_failed_ran_too(shell: InteractiveShell) -> None:
    shell.run_cell("1 / 0", store_history=True)
    assert read_trace().cells == ("1 / 0",)


@pytest.mark.parametrize(
    ("namespace", "environ", "name"),
    [
        ({}, {}, None),
        ({}, {"JPY_SESSION_NAME": "models/churn.ipynb"}, "models/churn.ipynb"),
        (
            {"__vsc_ipynb_file__": "/data/churn.ipynb"},
            {"JPY_SESSION_NAME": "other.ipynb"},
            "/data/churn.ipynb",
        ),
        ({"PAPERMILL_INPUT_PATH": "nightly.ipynb"}, {"JPY_SESSION_NAME": "other.ipynb"}, "nightly.ipynb"),
        ({"__vsc_ipynb_file__": 7}, {"JPY_SESSION_NAME": ""}, None),
    ],
)
def test_the_notebook_is_what_its_front_end_says(namespace: dict, environ: dict, name: str | None) -> None:
    assert find_notebook(namespace, environ) == name


def test_a_notebook_below_the_working_folder_is_named_from_there(monkeypatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    assert find_notebook({"__vsc_ipynb_file__": str(tmp_path / "a" / "b.ipynb")}, {}) == "a/b.ipynb"


def test_a_plain_process_has_no_trace_and_imports_no_ipython_for_it() -> None:
    code = "import sys; from noren.notebook_trace import read_trace; print(read_trace(), 'IPython' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "Trace(notebook=None, cells=()) False"
