"""The local target: one `bentoml serve` process tree a version on this machine, kept by supervisord."""

from __future__ import annotations

import json
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from noren_bento.home import Home
from noren_bento.profile.window import Layout
from noren_bento.serving.counts import read_counts
from noren_bento.settings import Settings
from noren_bento.targets.logs import last_words
from noren_bento.targets.ports import free_port, is_taken, serves
from noren_bento.targets.supervisor import MARK, Program, ProgramState, Supervisor
from noren_bento.traffic.envoy_config.clusters import Upstream

_PREFIX = "version-"
RETRY_SECONDS = 30.0
"""A service on which supervisord gave up is tried again after this long."""
START_SECONDS = 15
"""A service that ends sooner has failed to start; what fails does so after its imports."""
START_RETRIES = 2
FAILED_STARTS = 2
"""So many in a row, and it has a problem; one can be an accident."""
_VERSION = "NOREN_VERSION"
_PORT = "NOREN_PORT_OF_VERSION"
_UP = ("STARTING", "RUNNING")
_DOWN = ("BACKOFF", "FATAL", "EXITED", "STOPPED")


@dataclass(frozen=True, slots=True)
class Instance:
    """One version's service as it is now."""

    upstream: Upstream
    ready: bool
    problem: str = ""
    """Its last words, where it failed to start more than once."""
    known: bool = True
    """False asks for `ensure`: supervisord does not keep it, or gave up a while ago, or its port was taken."""


@dataclass(frozen=True, slots=True)
class _Starts:
    """How often a service was started since it was last ready, and when for the last time."""

    number: int = 0
    last: int = 0


class LocalTarget:
    """Starts, watches and ends services; what it says comes from supervisord, /version and /readyz.

    It remembers only how many starts in a row it has seen.
    """

    def __init__(self, home: Home, *, retry_seconds: float = RETRY_SECONDS) -> None:
        self.home = home
        self.supervisor = Supervisor(home.run, socket=home.supervisor_socket, mark=home.mark)
        self._retry_seconds = retry_seconds
        self._starts: dict[str, _Starts] = {}

    def ensure(self, version: str, bento_path: Path, digest: str = "") -> None:
        """Make sure that this version's service runs; returns at once, `instances` says what came of it.

        With a digest nothing is started but the bento that has it.

        A port is chosen once and kept across restarts, unless another program has taken it since. A service on which
        supervisord gave up is started anew after `retry_seconds`.
        """
        state = self.supervisor.states().get(_name(version))
        kept = self._programs().get(version)
        port = _port(kept) if kept is not None else free_port()
        if (state is None or state.state in _DOWN) and is_taken(port):
            port = free_port()
        program = self._program(version, bento_path, digest, port)
        if program != kept or self._is_due(state, port):
            self.home.version_folder(version).mkdir(parents=True, exist_ok=True)
            self.supervisor.add(program)

    def retire(self, version: str) -> None:
        """Begin to end this version's service."""
        self.supervisor.remove(_name(version))
        self._starts.pop(version, None)

    def sweep(self) -> None:
        """Forget the services that have ended."""
        self.supervisor.sweep()

    def instances(self) -> dict[str, Instance]:
        """All services by version."""
        states = self.supervisor.states()
        return {
            version: self._instance(version, _port(program), states.get(program.name))
            for version, program in self._programs().items()
        }

    def counts(self, version: str, layout: Layout) -> NDArray[np.int64]:
        """What the version's workers counted since its first start: one vector in the profile's layout."""
        return read_counts(self.home.version_folder(version) / "counts", layout)

    def _program(self, version: str, bento_path: Path, digest: str, port: int) -> Program:
        folder = self.home.version_folder(version)
        launch = ("-m", "noren_bento.targets.launch", str(bento_path), "--port", str(port))
        options = ("--workers", str(self.home.settings.workers), "--state", str(folder))
        known = ("--digest", digest) if digest else ()
        name = version.partition("/")[0]
        log = ("--log", str(self.home.predictions / version), "--feedback", str(self.home.feedback(name)))
        environment = (
            (MARK, self.home.mark),
            ("NOREN_HOME", str(self.home.path)),
            ("NOREN_ENVIRONMENTS", str(self.home.settings.environments)),
            ("NOREN_MAX_BODY_BYTES", str(self.home.settings.max_body_bytes)),
            ("NOREN_MAX_MEMORY", str(self.home.settings.max_memory)),
            *_log_variables(self.home.settings),
            (_VERSION, version),
            (_PORT, str(port)),
        )
        return Program(
            name=_name(version),
            command=(sys.executable, *launch, *options, *known, *log),
            log=folder / "service.log",
            environment=environment,
            start_retries=START_RETRIES,
            start_seconds=START_SECONDS,
        )

    def _programs(self) -> dict[str, Program]:
        found = self.supervisor.programs().values()
        return {dict(one.environment)[_VERSION]: one for one in found if one.name.startswith(_PREFIX)}

    def _instance(self, version: str, port: int, state: ProgramState | None) -> Instance:
        ready = state is not None and state.state in _UP and serves(port, version)
        problem = ""
        if self._failed_starts(version, state, ready=ready) >= FAILED_STARTS or _gave_up(state):
            log = self.home.version_folder(version) / "service.log"
            problem = f"{last_words(log)} (log: {log})"
        upstream = Upstream(version, "127.0.0.1", port)
        return Instance(upstream, ready=ready, problem=problem, known=not self._is_due(state, port))

    def _failed_starts(self, version: str, state: ProgramState | None, *, ready: bool) -> int:
        """How many starts in a row have failed: all that were seen since it was last ready, but for one that runs."""
        if ready or state is None:
            self._starts.pop(version, None)
            return 0
        starts = self._starts.get(version, _Starts())
        if state.started not in (0, starts.last):
            starts = _Starts(starts.number + 1, state.started)
            self._starts[version] = starts
        return starts.number - (state.state not in _DOWN)

    def _is_due(self, state: ProgramState | None, port: int) -> bool:
        """Whether `ensure` has something to do."""
        if state is None:
            return True
        if state.state == "FATAL":
            return state.quiet_seconds >= self._retry_seconds or is_taken(port)
        if state.state == "BACKOFF":
            return is_taken(port)
        return state.ended


def _log_variables(settings: Settings) -> tuple[tuple[str, str], ...]:
    """The home's settings of the prediction log, for `launch`, which may run in another folder than `noren up`."""
    return (
        ("NOREN_LOG_SHARE", str(settings.log_share)),
        ("NOREN_LOG_MAX_BYTES", str(settings.log_max_bytes)),
        ("NOREN_LOG_MAX_DAYS", str(settings.log_max_days)),
        ("NOREN_LOG_DROP", json.dumps(settings.log_drop)),
        ("NOREN_LOG_HASH", json.dumps(settings.log_hash)),
    )


def _name(version: str) -> str:
    return _PREFIX + version.replace("/", "-")


def _port(program: Program) -> int:
    return int(dict(program.environment)[_PORT])


def _gave_up(state: ProgramState | None) -> bool:
    return state is not None and state.state == "FATAL"
