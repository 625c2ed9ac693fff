"""The demo, and with it the quickstart: it runs to its end, and whatever ends it earlier leaves nothing behind."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import nbformat
import psutil
import pytest

from noren_bento.release import event as ev
from noren_bento.release.plan import Plan
from noren_bento.release.release import fold_all
from noren_bento.stores.events import EventStore
from tests.imports import REPOSITORY

pytestmark = pytest.mark.slow
DEMO = REPOSITORY / "notebooks" / "demo.py"


def notebook_of(folder: Path, *sources: str) -> Path:
    cells = [nbformat.v4.new_code_cell(source) for source in sources]
    nbformat.write(nbformat.v4.new_notebook(cells=cells), folder / "small.ipynb")
    return folder / "small.ipynb"


def processes_of(folder: Path) -> list[str]:
    """Command lines of the processes whose NOREN_HOME lies in this folder."""
    found = []
    for process in psutil.process_iter():
        try:
            if process.environ().get("NOREN_HOME", "").startswith(str(folder)):
                found.append(" ".join(process.cmdline()))
        except psutil.Error:
            continue
    return found


def start(*arguments: str | Path) -> subprocess.Popen[str]:
    command = [sys.executable, str(DEMO), *map(str, arguments)]
    return subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=REPOSITORY
    )


def test_a_failing_cell_is_shown_with_its_error_and_everything_is_brought_down(tmp_path: Path) -> None:
    notebook = notebook_of(
        tmp_path, "import noren", "noren.up()", "noren.promote('tumour')", "print('never')"
    )
    demo = start(notebook, "--folder", tmp_path)
    said, complained = demo.communicate(timeout=120)
    assert demo.returncode == 1
    assert "noren.promote('tumour')" in complained
    assert "NotFoundError: Nothing was released as 'tumour'" in complained
    assert "Traceback" not in complained
    assert "2/4  noren.up()" in said
    assert "Nothing was released as" in (tmp_path / "small.html").read_text()
    assert processes_of(tmp_path) == []


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_demo_leaves_nothing_running(tmp_path: Path, number: signal.Signals) -> None:
    sign = tmp_path / "is-up"
    source = f"import noren, pathlib, time\nnoren.up()\npathlib.Path({str(sign)!r}).touch()\ntime.sleep(600)"
    demo = start(notebook_of(tmp_path, source), "--folder", tmp_path)
    deadline = time.monotonic() + 90
    while not sign.exists() and time.monotonic() < deadline:
        assert demo.poll() is None, demo.communicate()
        time.sleep(0.1)
    assert processes_of(tmp_path)
    os.kill(demo.pid, number)
    _, complained = demo.communicate(timeout=60)
    assert demo.returncode == 130
    assert "interrupted" in complained
    assert processes_of(tmp_path) == []


@pytest.mark.timeout(900)
def test_the_quickstart_runs_from_end_to_end_and_its_page_needs_no_network(tmp_path: Path) -> None:
    demo = start("--folder", tmp_path)
    said, complained = demo.communicate(timeout=840)
    assert demo.returncode == 0, f"{said}\n{complained}"
    assert "nothing is left running" in said
    assert processes_of(tmp_path) == []
    page = (tmp_path / "quickstart.html").read_text()
    assert re.findall(r"<(?:script|link|iframe|img)[^>]*(?:src|href)=.?(?:https?:)?//[^>]*>", page) == []
    executed = nbformat.read(tmp_path / "quickstart.ipynb", as_version=4)
    assert all(cell.execution_count for cell in executed.cells if cell.cell_type == "code")
    assert len(list((tmp_path / "home" / "validations").glob("*/*/report.html"))) == 3
    require_story(tmp_path / "home")
    require_views(executed)


def require_story(home: Path) -> None:
    """The event log tells what the quickstart promises, and that nobody but control decided it."""
    store = EventStore.at_home(home)
    events = store.events()
    store.close()
    first, better, broken = fold_all(events)
    last = {event.release: event for event in events if event.kind in ("promoted", "rolled back")}
    assert (first.state, better.state, broken.state) == ("promoted", "promoted", "rolled back")
    assert [last[release.id].who for release in (first, better, broken)] == ["noren"] * 3
    assert [release.plan for release in (first, better, broken)] == [Plan()] * 3, "the plan that is shipped"
    stepped = [event for event in events if event.release == better.id and event.kind == "stepped"]
    assert [event.body.weight for event in stepped if isinstance(event.body, ev.Stepped)] == [50]

    ended = last[broken.id].body
    assert isinstance(ended, ev.RolledBack)
    counts = ended.evidence.candidate
    assert counts.failed >= 3
    assert counts.harmed == 0
    assert "failed on the candidate" in broken.because

    alerted = {name for event in events if isinstance(event.body, ev.Alerted) for name in event.body.columns}
    assert alerted == {"mean texture", "mean smoothness"}, "the two columns that the scanners changed"


def require_views(executed: nbformat.NotebookNode) -> None:
    """The saved cells show how each release ended, and that no client saw a request fail."""
    shown = [
        output.data["text/plain"]
        for cell in executed.cells
        if cell.cell_type == "code" and cell.source.endswith("--name tumour")
        for output in cell.outputs
        if "data" in output
    ]
    assert [re.findall("promoted|rolled back", text) for text in shown] == [
        ["promoted"], ["promoted"], ["rolled back"]
    ], shown  # fmt: skip
    printed = "".join(
        output.text for cell in executed.cells for output in cell.get("outputs", ()) if "text" in output
    )
    assert "harmed 0 patients" in printed
    assert "a client saw fail meanwhile: 0" in printed
    assert re.findall(r"[\d,]+ requests, (\d+) failed", printed) == ["0", "0"]
