"""Measure: one server of one model: started, held to the model's own answers, and then timed."""

from __future__ import annotations

import http.client
import io
import json
import os
import subprocess
import tempfile
import time
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

from bench.sides.processes import running
from bench.sides.serving.load import NoAnswerError, ask, request
from bench.sides.serving.models import Subject
from bench.sides.serving.servers import Server
from bench.sides.serving.tree import cpu_seconds, memory_mb
from noren_bento.targets.ports import free_port

SINGLES = 64
"""Different single rows, asked in turn."""
BULKS = 4
READY_SECONDS = 120.0
ARROW = "application/vnd.apache.arrow.stream"
JSON = {"content-type": "application/json"}


@dataclass(frozen=True, slots=True)
class Workload:
    """What is asked, and by how many connections at once."""

    name: str
    title: str
    connections: int
    rows: int
    kind: str = "json"
    headers: dict[str, str] = field(default_factory=dict)
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
                _await_answer(server, subject, port, child)
                cold = time.perf_counter() - began
                _require_equal(server, subject, port)
                samples = _ask_all(server, subject, workloads, port=port, amount=amount, root=child.pid)
                worker, tree = memory_mb(child.pid)
            except (ServerError, NoAnswerError, OSError) as error:
                said = log.read_text(errors="replace")[-3000:]
                raise ServerError(f"{server.name}, {subject.name}: {error}\n{said}") from None
    return Visit(cold, worker, tree, samples)


def _ask_all(
    server: Server, subject: Subject, workloads: list[Workload], *, port: int, amount: Amount, root: int
) -> dict[str, Sample]:
    singles = _requests(server, subject, Workload("warm", "", 16, 1))
    ask(port, singles, connections=16, seconds=min(1.0, amount.seconds), at_most=amount.requests)
    time.sleep(server.put_off_seconds)
    found = {}
    for workload in workloads:
        requests = _requests(server, subject, workload)
        if workload.kind == "arrow" and not _takes_arrow(server, subject, port):
            continue
        before = cpu_seconds(root)
        answered = ask(
            port,
            requests,
            connections=workload.connections,
            seconds=amount.seconds,
            at_most=amount.requests,
        )
        time.sleep(server.put_off_seconds)  # what it does afterwards is its work, too
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


def _requests(server: Server, subject: Subject, workload: Workload) -> list[bytes]:
    headers = {**JSON, **workload.headers}
    if workload.rows == 1:
        frames = [subject.rows.iloc[[place]] for place in range(SINGLES)]
    else:
        asked = subject.rows.head(workload.rows)
        frames = [asked.sample(frac=1, random_state=seed) for seed in range(BULKS)]
    if workload.kind == "arrow":
        return [request(server.path, arrow(frame), headers) for frame in frames]
    return [request(server.path, server.body(subject, frame), headers) for frame in frames]


def arrow(frame: pd.DataFrame) -> bytes:
    """Rows as an Arrow IPC stream."""
    table = pa.Table.from_pandas(frame, preserve_index=False)
    stream = io.BytesIO()
    with pa.ipc.new_stream(stream, table.schema) as writer:
        writer.write_table(table)
    return stream.getvalue()


def _await_answer(server: Server, subject: Subject, port: int, child: subprocess.Popen[bytes]) -> None:
    """Ask about one row until it is answered."""
    body = server.body(subject, subject.rows.head(1))
    deadline = time.monotonic() + READY_SECONDS
    while time.monotonic() < deadline:
        if child.poll() is not None:
            raise ServerError(f"it ended with {child.returncode}")
        with suppress(OSError, http.client.HTTPException):
            status, content = _post(port, server.path, body, JSON)
            if status == 200:
                return
            if status < 500 and status != 404:
                raise ServerError(f"{status}: {content[:1000]!r}")
        time.sleep(0.01)
    raise ServerError(f"no answer within {READY_SECONDS:.0f} s")


def _post(port: int, path: str, body: bytes, headers: dict[str, str]) -> tuple[int, bytes]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    try:
        connection.request("POST", path, body, headers)
        answer = connection.getresponse()
        return answer.status, answer.read()
    finally:
        connection.close()


def _require_equal(server: Server, subject: Subject, port: int) -> None:
    """Single rows and all rows at once must be answered as the model itself does."""
    for first, last in [*((place, place + 1) for place in range(SINGLES)), (0, len(subject.rows))]:
        body = server.body(subject, subject.rows.iloc[first:last])
        status, content = _post(port, server.path, body, JSON)
        if status != 200:
            raise ServerError(f"{status} for rows {first} to {last}: {content[:1000]!r}")
        answer = json.loads(content)
        _require_same(server, server.read(answer), subject.labels[first:last])
        if server.gives_probabilities:
            given = np.array(answer["probabilities"])
            if not np.allclose(given, subject.probabilities[first:last], atol=1e-5):
                raise ServerError(f"rows {first} to {last}: other probabilities than the model's")


def _require_same(server: Server, given: Any, labels: np.ndarray) -> None:
    if [int(label) for label in given] != labels.tolist():
        wrong = sum(int(one) != two for one, two in zip(given, labels.tolist(), strict=False))
        raise ServerError(f"{server.name} answers {wrong} of {len(labels)} rows otherwise than the model")


def _takes_arrow(server: Server, subject: Subject, port: int) -> bool:
    """Whether it takes Arrow at all; where it does, its answers must be the model's."""
    headers = {"content-type": ARROW, "accept": ARROW}
    status, content = _post(port, server.path, arrow(subject.rows), headers)
    if status == 415:
        return False
    if status != 200:
        raise ServerError(f"Arrow: {status}: {content[:1000]!r}")
    with pa.ipc.open_stream(content) as stream:
        _require_same(server, stream.read_all()["predictions"].to_pylist(), subject.labels)
    return True
