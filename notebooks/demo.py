"""The demo: runs the quickstart from end to end, and leaves behind what one wants to look at. `make demo` calls it."""

from __future__ import annotations

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
from nbclient.exceptions import CellExecutionError, DeadKernelError

from noren_bento.control.processes import bring_down
from noren_bento.home import Home
from noren_bento.settings import Settings, load_settings
from noren_bento.targets.local import free_port
from noren_bento.targets.supervisor import marked_processes
from noren_validation.kernel import Kernel

HERE = Path(__file__).resolve().parent
REPOSITORY = HERE.parent
DEMO = REPOSITORY / ".demo"
NAME = "quickstart"
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
    signal.signal(signal.SIGTERM, _interrupt)
    DEMO.mkdir(exist_ok=True)
    try:
        with FileLock(DEMO / ".lock", timeout=0):
            return _run(_fresh_home())
    except Timeout:
        print(
            f"Another demo is running in {_short(DEMO)}. Wait for it, or end it with Ctrl-C.", file=sys.stderr
        )
        return 1


def _fresh_home() -> Settings:
    """Set the environment of the demo, end what an earlier one may have left, and remove its state."""
    for name in list(os.environ):
        if name.startswith(("NOREN_", "MLFLOW_")):
            del os.environ[name]  # the demo writes to no store of the user's
    os.environ |= {
        "NOREN_HOME": str(DEMO / "home"),
        "NOREN_ENVIRONMENTS": str(REPOSITORY / ".cache" / "environments"),
        "NOREN_PORT": str(free_port()),
        "NOREN_YES": "1",
    }
    settings = load_settings(folder=DEMO)
    bring_down(settings)
    shutil.rmtree(settings.home, ignore_errors=True)
    return settings


def _run(settings: Settings) -> int:
    begun = time.monotonic()
    notebook = nbformat.read(HERE / f"{NAME}.ipynb", as_version=4)
    print(
        f"{_short(HERE / NAME)}.ipynb, with its state in {_short(settings.home)} and traffic at {Home(settings).url}"
    )
    try:
        problem = _execute(notebook)
    except KeyboardInterrupt:
        problem = "interrupted"
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # what follows takes seconds, and leaves nothing behind
    left = _bring_down(settings)
    _write(notebook)
    _tell(settings)
    if problem:
        print(f"\n{problem}\n\nLogs: {_short(settings.run_folder)}", file=sys.stderr)
    if left:
        print(f"\nStill running: {left}", file=sys.stderr)
    if problem or left:
        return 130 if problem == "interrupted" else 1
    print(f"\nDone in {time.monotonic() - begun:.0f} s; nothing is left running.")
    return 0


def _execute(notebook: Any) -> str:
    """Execute a working copy; return what went wrong, empty when nothing did."""
    work = DEMO / "work"
    shutil.rmtree(work, ignore_errors=True)
    work.mkdir()
    for source in HERE.glob("*.py"):
        shutil.copy(source, work)
    kernel = Kernel(DEMO / "kernel.log")

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
        except DeadKernelError:
            return f"The kernel died (exit code {kernel.exit_code}). Its log: {_short(DEMO / 'kernel.log')}"
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
                trace = _ANSI.sub("", "\n".join(output.traceback)).strip().splitlines()[-30:]
                return "This cell failed:\n\n" + "\n".join(["    " + line for line in cell.source.splitlines()]
                    + ["", *trace])  # fmt: skip
    return "A cell failed without saying why."


def _bring_down(settings: Settings) -> list[str]:
    """End every process of the demo's home; return those that are still there."""
    bring_down(settings)
    return [" ".join(process.cmdline())[:160] for process in marked_processes(Home(settings).mark)]


def _write(notebook: Any) -> None:
    """Save the executed notebook, and the page made of it, with the static views instead of the live ones."""
    for cell in notebook.cells:
        for output in cell.get("outputs", ()):
            output.get("data", {}).pop(_VIEW, None)
    notebook.metadata.pop("widgets", None)
    notebook.metadata["title"] = "Noren: quickstart"
    nbformat.write(notebook, DEMO / f"{NAME}.ipynb")
    (DEMO / f"{NAME}.html").write_text(make_page(notebook), encoding="utf-8")


def make_page(notebook: Any) -> str:
    """Make one HTML page that needs no network."""
    from nbconvert import HTMLExporter  # noqa: PLC0415 -- two seconds, which the demo's first line need not wait for

    exporter = HTMLExporter(
        extra_loaders=[DictLoader({"noren.html.j2": _TEMPLATE})],
        template_file="noren.html.j2",
        embed_images=True,
    )
    page: str = exporter.from_notebook_node(notebook)[0]
    return page


def _tell(settings: Settings) -> None:
    places = [("executed notebook", DEMO / f"{NAME}.ipynb"), ("the same as a page", DEMO / f"{NAME}.html")]
    reports = sorted((settings.home / "validations").glob("*/*/report.html"))
    places += [("validation report", path) for path in reports]
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
