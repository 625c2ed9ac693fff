"""The trace of a notebook: its name and what it ran, read from the IPython shell where there is one."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from noren_bento.tagging.lineage.cells import Trace


def read_trace() -> Trace:
    """Return what led to this call: nothing in a plain Python process."""
    ipython = sys.modules.get("IPython")  # where nobody imported it, there is no shell
    shell = ipython.get_ipython() if ipython is not None else None
    if shell is None:
        return Trace()
    namespace = shell.user_ns
    return Trace(find_notebook(namespace, os.environ), _read_cells(shell))


def find_notebook(namespace: Mapping[str, Any], environ: Mapping[str, str]) -> str | None:
    """Return the notebook's name as its front end tells it, None where none does.

    VS Code sets a variable, papermill a parameter (with `--inject-paths` or `inject_paths=True`), and a Jupyter server
    an environment variable: in that order, since papermill's kernel inherits the variable of the notebook that runs it.

    >>> find_notebook({}, {"JPY_SESSION_NAME": "models/churn.ipynb"})
    'models/churn.ipynb'
    """
    told = (
        namespace.get("__vsc_ipynb_file__"),
        namespace.get("PAPERMILL_INPUT_PATH"),
        environ.get("JPY_SESSION_NAME"),
    )
    found = next((name for name in told if isinstance(name, str) and name), None)
    if found is None:
        return None
    path = Path(found)
    return str(path.relative_to(Path.cwd())) if path.is_relative_to(Path.cwd()) else found


def _read_cells(shell: Any) -> tuple[str, ...]:
    """The source of each execution as it was typed, the running one last; the first entry of the history is empty."""
    return tuple(str(source) for source in shell.history_manager.input_hist_raw[1:])
