"""The demo: runs the quickstart from end to end, and leaves behind what one wants to look at. `make demo` calls it.

`python notebooks/demo.py [NOTEBOOK] [--folder FOLDER]` does the same with another notebook.
"""

from __future__ import annotations

import argparse
import os
import re
import shutil
import signal
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, NoReturn

import nbformat
from filelock import FileLock, Timeout
from jinja2 import DictLoader
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError, CellTimeoutError, DeadKernelError

from noren_bento.control.processes import bring_down
from noren_bento.home import Home
from noren_bento.settings import Settings, load_settings
from noren_bento.targets.ports import free_port
from noren_bento.targets.supervisor import marked_processes
from noren_validation.kernel import Kernel

REPOSITORY = Path(__file__).resolve().parent.parent
QUICKSTART = REPOSITORY / "notebooks" / "quickstart.ipynb"
ENVIRONMENTS = REPOSITORY / ".cache" / "environments"
CELL_SECONDS = 600
WIDTH = 78
_ANSI = re.compile(r"\x1b\[[0-9;]*[A-Za-z]")
_VIEW = "application/vnd.jupyter.widget-view+json"

# nbconvert's page asks three foreign hosts for scripts that it does not need; the policy is the last wall.
_TEMPLATE = """{%- extends 'lab/index.html.j2' -%}
{%- block html_head_js -%}
<meta http-equiv="Content-Security-Policy"
  content="default-src 'none'; img-src data:; font-src data:; style-src 'unsafe-inline'">
{%- endblock -%}
{%- block jupyter_widgets -%}{%- endblock -%}
{%- block html_head_js_mathjax -%}{%- endblock -%}
{%- block html_head_js_mermaidjs -%}{%- endblock -%}
"""


class Demo(NotebookClient):
    """Executes the notebook and prints a line a cell."""

    def __init__(self, notebook: Any, kernel: Kernel) -> None:
        super().__init__(notebook, km=kernel.manager, timeout=CELL_SECONDS, iopub_timeout=60)
        self._code = [index for index, cell in enumerate(notebook.cells) if cell.cell_type == "code"]
        self._begun = 0.0

    async def async_execute_cell(self, cell: Any, cell_index: int, **options: Any) -> Any:
        """Execute, between the two halves of the cell's line."""
        first = next(iter(cell.source.strip().splitlines()), "")
        if cell.cell_type == "markdown" and first.startswith("#"):
            print(f"\n{first.lstrip('# ')}")
        if cell.cell_type == "code":
            number = f"{self._code.index(cell_index) + 1:>4}/{len(self._code)}"
            print(f"{number}  {_cut(first, WIDTH - 18):<{WIDTH - 18}}", end=" ", flush=True)
            self._begun = time.monotonic()
        done = await super().async_execute_cell(cell, cell_index, **options)
        if cell.cell_type == "code":
            print(f"{time.monotonic() - self._begun:6.1f} s", flush=True)
        return done


def main() -> int:
    """Run the demo; return the exit code: 0, 1 when a cell failed or a process is left, 130 after Ctrl-C."""
    parser = argparse.ArgumentParser(prog="notebooks/demo.py", description="Run a notebook of Noren's.")
    parser.add_argument("notebook", type=Path, nargs="?", default=QUICKSTART)
    parser.add_argument(
        "--folder", type=Path, default=REPOSITORY / ".demo", help="where state and results go"
    )
    given = parser.parse_args()
    folder = given.folder.resolve()
    folder.mkdir(parents=True, exist_ok=True)
    signal.signal(signal.SIGTERM, _interrupt)
    try:
        with FileLock(folder / ".lock", timeout=0):
            return run(given.notebook.resolve(), folder)
    except Timeout:
        print(f"A demo is running in {_short(folder)}. Wait for it, or end it with Ctrl-C.", file=sys.stderr)
        return 1


def run(path: Path, folder: Path) -> int:
    """Run one notebook with a fresh home under this folder; return the exit code."""
    begun = time.monotonic()
    settings = _fresh_home(folder)
    notebook = nbformat.read(path, as_version=4)
    print(f"{_short(path)}, with its state in {_short(settings.home)} and traffic at {Home(settings).url}")
    try:
        problem = _execute(notebook, path.parent, folder)
    except KeyboardInterrupt:
        problem = "interrupted"
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # what follows takes seconds, and leaves nothing behind
    left = _bring_down(settings)
    _write(notebook, folder / path.stem)
    _tell(settings, folder / path.stem)
    if problem:
        print(f"\n{problem}\n\nLogs: {_short(settings.run_folder)}", file=sys.stderr)
    if left:
        print(f"\nStill running: {left}", file=sys.stderr)
    if problem or left:
        return 130 if problem == "interrupted" else 1
    print(f"\nDone in {time.monotonic() - begun:.0f} s; nothing is left running.")
    return 0


def _fresh_home(folder: Path) -> Settings:
    """Set the environment of the demo, end what an earlier one may have left, and remove its state."""
    environments = os.environ.get("NOREN_ENVIRONMENTS", str(ENVIRONMENTS))
    for name in list(os.environ):
        if name.startswith(("NOREN_", "MLFLOW_TRACKING")) and name != "NOREN_TEST_SESSION":
            del os.environ[name]  # the demo writes to no store of the user's
    os.environ |= {
        "NOREN_HOME": str(folder / "home"),
        "NOREN_ENVIRONMENTS": environments,
        "NOREN_PORT": str(free_port()),
        "NOREN_YES": "1",
    }
    settings = load_settings(folder=folder)
    bring_down(settings)
    shutil.rmtree(settings.home, ignore_errors=True)
    return settings


def _execute(notebook: Any, source: Path, folder: Path) -> str:
    """Execute in a working copy of the notebook's folder; return what went wrong, empty when nothing did."""
    work, log = folder / "work", folder / "kernel.log"
    shutil.rmtree(work, ignore_errors=True)
    work.mkdir()
    for module in source.glob("*.py"):
        shutil.copy(module, work)
    kernel = Kernel(log)

    def execute() -> None:
        with kernel:
            kernel.start(work)
            Demo(notebook, kernel).execute()

    # On a thread of its own, since nbclient takes Ctrl-C away from the thread that it runs on.
    with ThreadPoolExecutor(1) as pool:
        running = pool.submit(execute)
        try:
            running.result()
        except CellExecutionError:
            return _failure(notebook)
        except CellTimeoutError:
            return f"A cell did not end within {CELL_SECONDS} s."
        except DeadKernelError:
            return f"The kernel died (exit code {kernel.exit_code}). Its log: {_short(log)}"
        except KeyboardInterrupt:
            kernel.kill("the demo was stopped")
            raise
        finally:
            print()
            shutil.rmtree(work, ignore_errors=True)
    return ""


def _failure(notebook: Any) -> str:
    """Say which cell failed and why; a user's error is one message, any other keeps its traceback."""
    for cell in notebook.cells:
        for output in cell.get("outputs", ()):
            if output.output_type == "error":
                source = "\n".join("    " + line for line in cell.source.splitlines())
                trace = _ANSI.sub("", "\n".join(output.traceback)).strip().splitlines()[-30:]
                return "\n".join(["This cell failed:", "", source, "", *trace])
    return "A cell failed without saying why."


def _bring_down(settings: Settings) -> list[str]:
    """End every process of the demo's home; return those that are still there."""
    bring_down(settings)
    return [" ".join(process.cmdline())[:160] for process in marked_processes(Home(settings).mark)]


def _write(notebook: Any, stem: Path) -> None:
    """Save the executed notebook, and the page made of it, with the static views instead of the live ones."""
    for cell in notebook.cells:
        for output in cell.get("outputs", ()):
            output.get("data", {}).pop(_VIEW, None)
    notebook.metadata.pop("widgets", None)
    notebook.metadata["title"] = f"Noren: {stem.name}"
    nbformat.write(notebook, stem.with_suffix(".ipynb"))
    stem.with_suffix(".html").write_text(_page(notebook), encoding="utf-8")


def _page(notebook: Any) -> str:
    """Make one HTML page that needs no network."""
    from nbconvert import HTMLExporter  # noqa: PLC0415 -- two seconds, which the demo's first line need not wait for

    templates = DictLoader({"noren.html.j2": _TEMPLATE})
    exporter = HTMLExporter(extra_loaders=[templates], template_file="noren.html.j2", embed_images=True)
    page: str = exporter.from_notebook_node(notebook)[0]
    return page


def _tell(settings: Settings, stem: Path) -> None:
    places = [
        ("executed notebook", stem.with_suffix(".ipynb")),
        ("the same as a page", stem.with_suffix(".html")),
    ]
    reports = (settings.home / "validations").glob("*/*/report.html")
    places += [("validation report", path) for path in sorted(reports)]
    for what, path in places:
        print(f"{what:18}  {_short(path)}")


def _short(path: Path) -> str:
    return os.path.relpath(path)


def _cut(text: str, width: int) -> str:
    return text if len(text) <= width else text[: width - 1] + "…"


def _interrupt(*_: object) -> NoReturn:
    raise KeyboardInterrupt


if __name__ == "__main__":
    sys.exit(main())
