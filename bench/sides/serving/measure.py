"""Measure: one server of one model: started, held to the model's own answers, and then timed."""

from __future__ import annotations

import http.client
import os
import subprocess
import tempfile
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from bench.sides.processes import running
from bench.sides.serving.forms import Form
from bench.sides.serving.load import NoAnswerError, ask
from bench.sides.serving.models import Subject
from bench.sides.serving.servers import Server
from bench.sides.serving.tree import cpu_seconds, memory_mb
from noren_bento.targets.ports import free_port

SINGLES = 64
"""Different single rows, asked in turn."""
BULKS = 4
READY_SECONDS = 120.0
QUIET_SECONDS = 15.0
QUIET_CPU_SECONDS = 0.03
"""In half a second: a service that only looks at its clock."""


@dataclass(frozen=True, slots=True)
class Workload:
    """What is asked, and by how many connections at once."""

    name: str
    title: str
    connections: int
    rows: int
    form: Form | None = None
    """Another than the server's own."""
    server: str = ""
    """The only one that is asked; none: all but the unlogged Noren."""
    beside: str = ""
    """The workload in whose table it has its row."""

    def is_for(self, server: Server) -> bool:
        """Whether this server is asked."""
        return server.name == self.server if self.server else server.name != "unlogged"


@dataclass(frozen=True, slots=True)
class Sample:
    """One server under one workload, one round."""

    cpu_us: float
    """Of the process tree, a request."""
    p50_ms: float
    p99_ms: float
    per_second: float
    failed: int


@dataclass(frozen=True, slots=True)
class Visit:
    """What one start of a server showed."""

    cold_seconds: float
    """From its start to its first answer to a row."""
    worker_mb: float
    tree_mb: float
    samples: dict[str, Sample]
    """By the workload's name."""


@dataclass(frozen=True, slots=True)
class Amount:
    """How long each workload is asked."""

    seconds: float
    requests: int | None
    """At most so many, too."""


class ServerError(Exception):
    """A server that did not start, did not answer, or answered otherwise than the model."""


def visit(server: Server, subject: Subject, workloads: list[Workload], amount: Amount) -> Visit:
    """Start a server, check its answers, ask it all workloads, and end it."""
    with tempfile.TemporaryDirectory(prefix="noren-bench-") as folder:
        state, port = Path(folder), free_port()
        command = server.start(subject, port, state)
        environment = {**os.environ, "OMP_NUM_THREADS": "1", **command.environment}
        log = state / "server.log"
        began = time.perf_counter()
        with running(command.argv, log=log, cwd=state, environment=environment) as child:
            try:
                _await_answer(server.form, subject, port, child)
                cold = time.perf_counter() - began
                _require_equal(server.form, subject, port)
                samples = _ask_all(server, subject, workloads, port=port, amount=amount, root=child.pid)
                worker, tree = memory_mb(child.pid)
            except (ServerError, NoAnswerError, OSError) as error:
                said = log.read_text(errors="replace")[-3000:]
                raise ServerError(f"{server.name}, {subject.name}: {error}\n{said}") from None
    return Visit(cold, worker, tree, samples)


def _ask_all(
    server: Server, subject: Subject, workloads: list[Workload], *, port: int, amount: Amount, root: int
) -> dict[str, Sample]:
    singles = _requests(server.form, subject, 1)
    ask(port, singles, connections=16, seconds=min(1.0, amount.seconds), at_most=amount.requests)
    _let_finish(server, root)
    found = {}
    for workload in workloads:
        if workload.form:
            _require_equal(workload.form, subject, port)
            _let_finish(server, root)
        requests = _requests(workload.form or server.form, subject, workload.rows)
        before = cpu_seconds(root)
        answered = ask(
            port,
            requests,
            connections=workload.connections,
            seconds=amount.seconds,
            at_most=amount.requests,
        )
        _let_finish(server, root)  # what it does afterwards is its work, too
        used = cpu_seconds(root) - before
        if not answered.latencies_ms:
            raise ServerError(f"{workload.name}: every request failed: {answered.failure}")
        number = len(answered.latencies_ms)
        p50, p99 = np.percentile(answered.latencies_ms, [50, 99])
        found[workload.name] = Sample(
            cpu_us=used / (number + answered.failed) * 1e6,
            p50_ms=float(p50),
            p99_ms=float(p99),
            per_second=number / answered.seconds,
            failed=answered.failed,
        )
    return found


def _let_finish(server: Server, root: int) -> None:
    """Wait until what was put off has begun, and then until hardly any CPU is used."""
    if not server.put_off_seconds:
        return
    time.sleep(server.put_off_seconds)
    deadline = time.monotonic() + QUIET_SECONDS
    while time.monotonic() < deadline:
        before = cpu_seconds(root)
        time.sleep(0.5)
        if cpu_seconds(root) - before <= QUIET_CPU_SECONDS:
            return


def _requests(form: Form, subject: Subject, rows: int) -> list[bytes]:
    if rows == 1:
        frames = [subject.rows.iloc[[place]] for place in range(SINGLES)]
    else:
        frames = [subject.rows.head(rows).sample(frac=1, random_state=seed) for seed in range(BULKS)]
    return [form.request(subject, frame) for frame in frames]


def _await_answer(form: Form, subject: Subject, port: int, child: subprocess.Popen[bytes]) -> None:
    """Ask about one row until it is answered."""
    deadline = time.monotonic() + READY_SECONDS
    while time.monotonic() < deadline:
        if child.poll() is not None:
            raise ServerError(f"it ended with {child.returncode}")
        with suppress(OSError, http.client.HTTPException):
            status, content = _post(form, subject, subject.rows.head(1), port)
            if status == 200:
                return
            if status < 500 and status != 404:
                raise ServerError(f"{status}: {content[:1000]!r}")
        time.sleep(0.01)
    raise ServerError(f"no answer within {READY_SECONDS:.0f} s")


def _post(form: Form, subject: Subject, rows: pd.DataFrame, port: int) -> tuple[int, bytes]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    try:
        connection.request("POST", form.path, form.body(subject, rows), dict(form.headers))
        answer = connection.getresponse()
        return answer.status, answer.read()
    finally:
        connection.close()


def _require_equal(form: Form, subject: Subject, port: int) -> None:
    """Single rows and all rows at once must be answered as the model itself does."""
    for first, last in [*((place, place + 1) for place in range(SINGLES)), (0, len(subject.rows))]:
        status, content = _post(form, subject, subject.rows.iloc[first:last], port)
        where = f"rows {first} to {last}"
        if status != 200:
            raise ServerError(f"{where}: {status}: {content[:1000]!r}")
        given, labels = form.labels(content), subject.labels[first:last]
        if [int(label) for label in given] != labels.tolist():
            raise ServerError(f"{where}: other labels than the model's")
        if form.probabilities:
            found, wanted = form.probabilities(content), subject.probabilities[first:last]
            if found.shape != wanted.shape or not np.allclose(found, wanted, atol=1e-5):
                raise ServerError(f"{where}: other probabilities than the model's")
