"""Real kernels through papermill: whatever a notebook does, it ends, is judged and leaves nothing behind."""

import contextlib
import os
import signal
import subprocess
import sys
import tempfile
import time
from functools import partial
from pathlib import Path
from types import SimpleNamespace

import psutil
import pytest

from noren_bento.errors import NorenError
from noren_bento.release.check import Outcome
from noren_validation.runs import Runs
from noren_validation.validation import NotebookResult
from tests.noren_validation.notebook_of import DIGEST, START, write_notebook

pytestmark = pytest.mark.slow
BOTH = "check('a', 1, at_least=0); check('b', 2, at_most=3);"


def run(
    folder: Path, notebooks: dict[str, tuple[str, ...]], deadline_seconds: float = 120
) -> dict[str, NotebookResult]:
    with Runs(folder, digest=DIGEST, deadline_seconds=deadline_seconds) as runs:
        (folder / "source").mkdir()
        for name, cells in notebooks.items():
            runs.start(write_notebook(folder / "source" / f"{name}.ipynb", *cells), folder / "subject.json")
        return {result.name: result for result in runs.results(lambda _: None)}


def kernels() -> list[psutil.Process]:
    found = []
    for child in psutil.Process().children(recursive=True):
        with contextlib.suppress(psutil.Error):  # one that has ended meanwhile
            if "ipykernel" in " ".join(child.cmdline()):
                found.append(child)
    return found


def test_the_gate_opens_for_the_good_notebook_alone(tmp_path, capfd, monkeypatch):
    sockets = tempfile.mkdtemp(prefix="n")
    make = SimpleNamespace(mkdtemp=partial(tempfile.mkdtemp, dir=sockets))
    monkeypatch.setattr("noren_validation.kernel.tempfile", make)
    results = run(
        tmp_path,
        {
            "good": (START, BOTH),
            "fails": (START, "check('a', 1, at_least=2); check('b', 2, at_most=3);"),
            "silent": (START, "check('a', 1, at_least=0);"),
            "leaves": (START, BOTH, "import sys; sys.exit(0)", "check('c', 0, at_least=1);"),
            "dies": (START, BOTH, "import os; os._exit(0)"),
            "killed": (START, BOTH, "import os; os.kill(os.getpid(), 9)"),
            "other": (START.replace(DIGEST, "e" * 64), BOTH),
            "raises": (START, BOTH, "1/0"),
            "hides": ("%%capture\n" + START, "%%capture\n" + BOTH),
            "clears": (START, BOTH + "from IPython.display import clear_output; clear_output()"),
            "empty": (),
            "floods": (START, BOTH, "for _ in range(40): print('x' * 1_000_000)"),
        },
    )
    assert {name for name, result in results.items() if result.outcome is Outcome.PASS} == {"good"}
    reasons = {name: result.closed[0] if result.closed else "" for name, result in results.items()}
    assert reasons["silent"] == "check 'b' did not report"
    assert reasons["leaves"] == "code cell 4 ended with SystemExit: 0"
    assert reasons["dies"] == "its kernel died (exit code 0)"
    assert reasons["killed"] == "its kernel died (exit code -9)"
    assert reasons["other"].startswith("it tested digest eeee")
    assert reasons["raises"] == "code cell 4 ended with ZeroDivisionError: division by zero"
    assert reasons["floods"].startswith("it printed more than")
    assert reasons["fails"] == ""  # it finished: its failed check says why
    assert results["killed"].checks[0].passed  # what was reported before stays
    assert kernels() == []
    Path(sockets).rmdir()  # it is empty
    assert capfd.readouterr() == ("", "")


def test_an_endless_cell_ends_at_the_deadline_and_what_was_reported_before_stays(tmp_path):
    for seconds in (3, 12, 48):  # on a busy machine the first cells take longer than the shortest deadline
        folder = tmp_path / str(seconds)
        folder.mkdir()
        result = run(folder, {"endless": (START, BOTH, "while True: pass")}, seconds)["endless"]
        assert result.closed[0] == f"it did not end within its deadline of {seconds} s"
        assert kernels() == []
        passed = [verdict.check for verdict in result.checks if verdict.passed]
        if passed == ["a", "b"]:
            break
    assert passed == ["a", "b"]


def test_what_a_notebook_starts_ends_with_it(tmp_path):
    sleeper = "import subprocess; child = subprocess.Popen(['sleep', '1000']); print(child.pid)"
    run(
        tmp_path,
        {"starts": (START, BOTH, f"{sleeper}; open({str(tmp_path / 'pid')!r}, 'w').write(str(child.pid))")},
    )
    pid = int((tmp_path / "pid").read_text())
    deadline = time.monotonic() + 10
    while psutil.pid_exists(pid) and psutil.Process(pid).status() != psutil.STATUS_ZOMBIE:
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_a_notebook_sees_its_own_folder_and_nobody_elses_kernel(tmp_path):
    cells = "import os, sys", "import beside", BOTH
    (tmp_path / "source").mkdir()
    (tmp_path / "source" / "beside.py").write_text("")
    with Runs(tmp_path, digest=DIGEST, deadline_seconds=120) as runs:
        runs.start(
            write_notebook(tmp_path / "source" / "one.ipynb", START, *cells), tmp_path / "subject.json"
        )
        assert runs.results(lambda _: None)[0].outcome is Outcome.PASS


def test_two_notebooks_of_one_name_are_refused(tmp_path):
    one = write_notebook(tmp_path / "one.ipynb", START, "while True: pass")
    with Runs(tmp_path, digest=DIGEST, deadline_seconds=120) as runs:
        runs.start(one, tmp_path / "subject.json")
        with pytest.raises(NorenError, match="Two validation notebooks"):
            runs.start(one, tmp_path / "subject.json")
        raise_out = pytest.raises(KeyError)
        with raise_out, runs:
            raise KeyError  # leaving with an error ends what runs
    assert kernels() == []


WAITER = """
import sys, pathlib
from noren_validation.runs import Runs
folder = pathlib.Path(sys.argv[1])
try:
    with Runs(folder, digest="x", deadline_seconds=600) as runs:
        for name in ("one", "two", "three", "four"):
            runs.start(folder / f"{name}.ipynb", folder / "subject.json")
        runs.results(print)
except KeyboardInterrupt:
    print("stopped")
"""


def test_ctrl_c_ends_every_kernel_within_seconds(tmp_path):
    (tmp_path / "source").mkdir()
    for name in ("one", "two", "three", "four"):
        marker = f"open({str(tmp_path / f'{name}.pid')!r}, 'w').write(str(__import__('os').getpid()))"
        write_notebook(tmp_path / "source" / f"{name}.ipynb", marker, "while True: pass")
    script = WAITER.replace('f"{name}.ipynb"', 'f"source/{name}.ipynb"')
    child = subprocess.Popen(
        [sys.executable, "-c", script, str(tmp_path)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    deadline = time.monotonic() + 120
    while len(list(tmp_path.glob("*.pid"))) < 3:
        assert time.monotonic() < deadline
        assert child.poll() is None, child.communicate()
        time.sleep(0.05)
    pids = [int(path.read_text() or 0) for path in tmp_path.glob("*.pid")]
    os.kill(child.pid, signal.SIGINT)
    out, err = child.communicate(timeout=30)  # without it these notebooks take 600 s
    assert (out, err) == ("stopped\n", "")
    assert not any(psutil.pid_exists(pid) for pid in pids if pid)


def test_notebooks_run_from_within_a_notebook_as_deploy_does(tmp_path):
    (tmp_path / "inner").mkdir()
    inner = write_notebook(tmp_path / "inner" / "inner.ipynb", START, BOTH)
    code = f"""
from pathlib import Path
from noren_validation.runs import Runs
folder = Path({str(tmp_path / "inner")!r}) / "work"
folder.mkdir()
with Runs(folder, digest={DIGEST!r}, deadline_seconds=100) as runs:
    runs.start(Path({str(inner)!r}), folder / "subject.json")
    outcome, = [result.outcome for result in runs.results(lambda _: None)]
check('a', outcome, equals='pass');
"""
    result = run(tmp_path, {"outer": (START, code, "check('b', 1, at_least=0);")})["outer"]
    assert result.outcome is Outcome.PASS, result.closed
