"""bench/serving.py runs, tells figures of every server, and leaves no process behind."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from bench.sides.serving.tree import MARK
from tests.leftovers import SESSION

REPOSITORY = Path(__file__).resolve().parents[2]
COMMAND = (sys.executable, "-m", "bench", "serving", "--models", "logistic", "--rounds", "1")
FIGURES = r"[\d,]+ · [\d.]+ / [\d.]+ · [\d,]+"
TITLES = {
    "**Noren**": 4,
    "bare uvicorn + ONNX Runtime": 4,
    "BentoML": 4,
    "Noren, neither counted nor logged": 2,
    "Noren, `dataframe_split`": 1,
    "Noren, Arrow": 1,
}

pytestmark = pytest.mark.soak  # minutes: three servers are started and measured


def marked() -> list[str]:
    """Servers of benchmarks that these tests started."""
    found = []
    for process in psutil.process_iter():
        try:
            environment = process.environ()
            if MARK in environment and environment.get(SESSION) == os.environ[SESSION]:
                found.append(" ".join(process.cmdline()))
        except psutil.Error:
            continue
    return found


def test_every_server_is_measured_under_every_workload_and_is_gone_afterwards() -> None:
    chosen = ("--servers", "noren", "limit", "bentoml", "--requests", "50")
    done = subprocess.run(
        [*COMMAND, *chosen], cwd=REPOSITORY, capture_output=True, text=True, timeout=400, check=False
    )
    assert done.returncode == 0, done.stderr[-3000:]
    rows = [line for line in done.stdout.splitlines() if re.search(FIGURES, line)]
    found = {title: sum(row.startswith(f"| {title} |") for row in rows) for title in TITLES}
    # One row at 1, 16 and 64 connections, and 1,000 rows; what stands beside is Noren's alone.
    assert found == TITLES, done.stdout
    assert re.search(r"Noren / best peer \| 1/[\d.]+ \(BentoML\)", done.stdout)
    assert re.search(r"Noren − limit \| [+-][\d,]+ µs", done.stdout)
    assert "failed" not in done.stdout
    assert marked() == []


def test_ctrl_c_ends_the_servers_too(tmp_path: Path) -> None:
    told = tmp_path / "told"
    with told.open("wb") as output:
        child = subprocess.Popen(
            [*COMMAND, "--servers", "noren", "--seconds", "600"], cwd=REPOSITORY, stdout=output, stderr=output
        )
    deadline = time.monotonic() + 300
    while not any("bentoml serve" in line for line in marked()):
        assert child.poll() is None, told.read_text()
        assert time.monotonic() < deadline, told.read_text()
        time.sleep(0.1)
    child.send_signal(signal.SIGINT)
    assert child.wait(timeout=60) == 130
    assert "Traceback" not in told.read_text()
    assert marked() == []
