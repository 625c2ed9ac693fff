"""The local target: one `bentoml serve` process tree a version on this machine, kept by supervisord."""

from __future__ import annotations

import configparser
import http.client
import socket
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from noren_bento.home import Home
from noren_bento.profile.window import Layout
from noren_bento.serving.counts import read_counts
from noren_bento.targets.supervisor import MARK, Program, ProgramState, Supervisor
from noren_bento.traffic.envoy_config import Upstream

_PREFIX = "version-"
RETRY_SECONDS = 30.0
"""A service on which supervisord gave up is tried again after this long."""


@dataclass(frozen=True, slots=True)
class Instance:
    """One version's service as it is now."""

    upstream: Upstream
    ready: bool
    problem: str = ""
    """Why it will not become ready, where supervisord gave up."""
    known: bool = True
    """Whether supervisord keeps it; False asks for `ensure`: a death in between, or another try after it gave up."""


class LocalTarget:
    """Starts, watches and ends services; every answer comes from supervisord and /readyz, none from memory."""

    def __init__(self, home: Home) -> None:
        self.home = home
        self.supervisor = Supervisor(home.run, socket=home.supervisor_socket, mark=home.mark)
        self._ensured: dict[str, float] = {}

    def ensure(self, version: str, bento_path: Path) -> None:
        """Make sure that this version's service runs; a port is chosen once and kept across restarts."""
        folder = self.home.version_folder(version)
        folder.mkdir(parents=True, exist_ok=True)
        self._ensured[version] = time.monotonic()
        port = self._ports().get(version) or free_port()
        launch = ("-m", "noren_bento.targets.launch", str(bento_path), "--port", str(port))
        options = ("--workers", str(self.home.settings.workers), "--state", str(folder))
        environment = (
            (MARK, self.home.mark),
            ("NOREN_HOME", str(self.home.path)),
            ("NOREN_ENVIRONMENTS", str(self.home.settings.environments)),
            ("NOREN_MAX_BODY_BYTES", str(self.home.settings.max_body_bytes)),
            ("NOREN_VERSION", version),
            ("NOREN_PORT_OF_VERSION", str(port)),
        )
        self.supervisor.add(
            Program(
                name=_PREFIX + version.replace("/", "-"),
                command=(sys.executable, *launch, *options),
                log=folder / "service.log",
                environment=environment,
            )
        )

    def retire(self, version: str) -> None:
        """End this version's service."""
        self.supervisor.remove(_PREFIX + version.replace("/", "-"))

    def sweep(self) -> None:
        """Forget the services that have ended."""
        self.supervisor.sweep()

    def instances(self) -> dict[str, Instance]:
        """All services by version."""
        states = self.supervisor.states()
        return {
            version: self._instance(version, port, states.get(_PREFIX + version.replace("/", "-")))
            for version, port in self._ports().items()
        }

    def counts(self, version: str, layout: Layout) -> NDArray[np.int64]:
        """What the version's workers counted since its first start: one vector in the profile's layout."""
        return read_counts(self.home.version_folder(version) / "counts", layout)

    def _instance(self, version: str, port: int, state: ProgramState | None) -> Instance:
        upstream = Upstream(version, "127.0.0.1", port)
        if state is not None and state.state == "FATAL":
            log = self.home.version_folder(version) / "service.log"
            waited = time.monotonic() - self._ensured.get(version, -RETRY_SECONDS)
            problem = f"{last_words(log)} (log: {log})"
            return Instance(upstream, ready=False, problem=problem, known=waited < RETRY_SECONDS)
        return Instance(upstream, ready=answers_ready(port), known=state is not None)

    def _ports(self) -> Mapping[str, int]:
        ports = {}
        for path in sorted(self.supervisor.programs_folder.glob(f"{_PREFIX}*.ini")):
            parser = configparser.RawConfigParser()
            parser.read_string(path.read_text())
            section = parser[f"program:{path.stem}"]
            values = dict(pair.split("=", 1) for pair in section["environment"].split(","))
            ports[values["NOREN_VERSION"].strip('"')] = int(values["NOREN_PORT_OF_VERSION"].strip('"'))
        return ports


def answers_ready(port: int, *, timeout: float = 1.0) -> bool:
    """Whether the service on this loopback port answers /readyz with 200."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=timeout)
    try:
        connection.request("GET", "/readyz")
        return connection.getresponse().status == http.client.OK
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def wait_ready(port: int, seconds: float) -> bool:
    """Wait until the service answers /readyz; say whether it did."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if answers_ready(port):
            return True
        time.sleep(0.05)
    return False


def free_port() -> int:
    """Return a loopback port that is free now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def last_words(log: Path, lines: int = 3) -> str:
    """Return the last lines that a process wrote, for a message."""
    if not log.exists():
        return "it wrote no log"
    with log.open("rb") as file:
        file.seek(max(0, file.seek(0, 2) - 4000))
        tail = file.read().decode(errors="replace").strip().splitlines()
    return " / ".join(line.strip() for line in tail[-lines:])[-600:]
