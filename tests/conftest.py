"""What all tests need: no state of the user's, no telemetry, shared environments, and no process left behind."""

from __future__ import annotations

import os
import shutil
import signal
import tempfile
from pathlib import Path

import pytest

from tests.leftovers import SESSION, end, wait_for_leftovers

REPOSITORY = Path(__file__).resolve().parent.parent
_HOME = pytest.StashKey[str]()
_LEFT = pytest.StashKey[list[str]]()


def pytest_configure(config: pytest.Config) -> None:
    """Set the environment before any test module is imported; processes that tests start inherit it."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        # A shell's background jobs ignore Ctrl-C, and so would all that they start; tests send it to processes.
        signal.signal(signal.SIGINT, lambda *_: None)
    mark = os.environ.get(SESSION, "") if _is_worker(config) else ""
    environments = os.environ.get("NOREN_ENVIRONMENTS", str(REPOSITORY / ".cache" / "environments"))
    for name in list(os.environ):
        if name.startswith("NOREN_") or name in ("CI", "JUPYTERHUB_USER", "MLFLOW_TRACKING_URI"):
            del os.environ[name]
    config.stash[_HOME] = tempfile.mkdtemp(prefix="noren-tests-")
    os.environ |= {
        "NOREN_HOME": config.stash[_HOME],
        "NOREN_YES": "1",
        # Made once and kept between runs: a service's environment takes longer than most tests.
        "NOREN_ENVIRONMENTS": environments,
        "BENTOML_DO_NOT_TRACK": "true",
        # Threads that wait for each other by spinning take a busy machine's cores from those that they wait for.
        "OMP_WAIT_POLICY": "PASSIVE",
        "MLFLOW_DISABLE_TELEMETRY": "true",
        SESSION: mark or f"{os.getpid()}-{config.stash[_HOME]}",
    }


def _is_worker(config: pytest.Config) -> bool:
    """Whether this is one of several processes that xdist lets run tests; its own mark is that of the first process."""
    return hasattr(config, "workerinput")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put the files with slow tests first: begun last, one of them would be waited for with the other workers idle."""
    slow = {item.path for item in items if item.get_closest_marker("slow")}
    items.sort(key=lambda item: item.path not in slow)


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    """Fail the run when a process that a test started, by whatever way, outlives the tests.

    With several workers the first process looks, after they have ended: all carry its mark.
    """
    if _is_worker(session.config):
        return
    left = wait_for_leftovers(os.environ[SESSION], seconds=10)
    session.config.stash[_LEFT] = end(left)
    if left:
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """Name what was left."""
    if left := config.stash.get(_LEFT, []):
        terminalreporter.section("processes left behind (ended now)", red=True)
        for line in left:
            terminalreporter.line(line)


def pytest_unconfigure(config: pytest.Config) -> None:
    """Remove the tests' home."""
    if _HOME in config.stash:
        shutil.rmtree(config.stash[_HOME], ignore_errors=True)
