"""supervisord: keeps Envoy, the control process and every version's service alive, and outlives all of them."""

from __future__ import annotations

import http.client
import os
import subprocess
import sys
import time
import xmlrpc.client
from collections.abc import Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psutil

from noren_bento.errors import NorenError, UnreachableError

if TYPE_CHECKING:
    from collections.abc import Iterator

MARK = "NOREN_INSTANCE"
"""Environment variable that every process of one NOREN_HOME carries; orphans are found by it."""


@dataclass(frozen=True, slots=True)
class Program:
    """One supervised process tree."""

    name: str
    command: tuple[str, ...]
    log: Path
    environment: tuple[tuple[str, str], ...] = ()
    stop_seconds: int = 15
    start_retries: int = 5
    priority: int = 500
    """Higher ones are ended first: control before what it looks after."""


@dataclass(frozen=True, slots=True)
class ProgramState:
    """What supervisord says of a program."""

    name: str
    state: str
    """RUNNING, STARTING, BACKOFF, STOPPED, EXITED, FATAL, …"""
    pid: int
    description: str


class Supervisor:
    """The supervisord of one run folder."""

    def __init__(self, folder: Path, *, socket: Path, mark: str) -> None:
        self.folder = folder
        self.socket = socket
        self.mark = mark
        self.programs_folder = folder / "programs"

    def write(self, program: Program) -> bool:
        """Write a program's section; say whether that changed anything."""
        self.programs_folder.mkdir(parents=True, exist_ok=True)
        path = self._path(program.name)
        text = _section(program)
        if path.exists() and path.read_text() == text:
            return False
        temporary = path.with_suffix(".new")
        temporary.write_text(text)
        os.replace(temporary, path)
        return True

    def start(self) -> None:
        """Start supervisord as a daemon in a session of its own, so that no signal of Jupyter's reaches it."""
        configuration = self.folder / "supervisord.conf"
        configuration.write_text(_configuration(self))
        environment = {**os.environ, MARK: self.mark}
        done = subprocess.run(
            [sys.executable, "-m", "supervisor.supervisord", "-c", str(configuration)],
            env=environment, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=30,
            start_new_session=True, check=False,
        )  # fmt: skip
        if done.returncode:
            raise NorenError(f"supervisord did not start: {(done.stderr or done.stdout).strip()[-500:]}")

    def is_running(self) -> bool:
        """Whether supervisord answers."""
        try:
            with self._proxy() as rpc:
                return bool(rpc.supervisor.getState()["statename"] == "RUNNING")
        except UnreachableError:
            return False

    def pid(self) -> int:
        """Process id of supervisord."""
        with self._proxy() as rpc:
            return int(rpc.supervisor.getPID())

    def add(self, program: Program) -> None:
        """Make sure that this program runs as written; a changed one is started anew, no other is touched."""
        changed = self.write(program)
        states = self.states()
        with self._proxy() as rpc:
            rpc.supervisor.reloadConfig()
            if program.name in states and changed:
                rpc.supervisor.stopProcessGroup(program.name, True)
                rpc.supervisor.removeProcessGroup(program.name)
            if program.name not in states or changed:
                rpc.supervisor.addProcessGroup(program.name)
            elif states[program.name].state in ("STOPPED", "EXITED", "FATAL"):
                rpc.supervisor.startProcess(program.name, False)

    def remove(self, name: str) -> None:
        """Begin to end a program with its whole process group; `sweep` forgets it once it has ended."""
        self._path(name).unlink(missing_ok=True)
        if name in self.states():
            with self._proxy() as rpc:
                rpc.supervisor.stopProcessGroup(name, False)

    def sweep(self) -> None:
        """Forget the programs that were removed and have ended."""
        ended = [
            state.name
            for state in self.states().values()
            if state.state in ("STOPPED", "EXITED", "FATAL") and not self._path(state.name).exists()
        ]
        if ended:
            with self._proxy() as rpc:
                rpc.supervisor.reloadConfig()
                for name in ended:
                    rpc.supervisor.removeProcessGroup(name)

    def states(self) -> dict[str, ProgramState]:
        """What runs, by name."""
        with self._proxy() as rpc:
            found = rpc.supervisor.getAllProcessInfo()
        return {
            info["name"]: ProgramState(info["name"], info["statename"], info["pid"], info["description"])
            for info in found
        }

    def shut_down(self, seconds: float = 30.0) -> None:
        """End supervisord and all that it keeps, then whatever carries this home's mark; return when all are gone."""
        try:
            pid = self.pid()
            with self._proxy() as rpc:
                rpc.supervisor.shutdown()
            wait_gone(pid, seconds)
        except UnreachableError:
            pass  # not running: only orphans may be left
        self.reclaim_orphans()

    def reclaim_orphans(self) -> tuple[int, ...]:
        """End processes of this home that no supervisord keeps any more; return their ids."""
        orphans = [process for process in marked_processes(self.mark) if process.pid != os.getpid()]
        for process in orphans:
            _ignore_gone(process.terminate)
        _, alive = psutil.wait_procs(orphans, timeout=10)
        for process in alive:
            _ignore_gone(process.kill)
        psutil.wait_procs(alive, timeout=5)
        return tuple(process.pid for process in orphans)

    def _path(self, name: str) -> Path:
        return self.programs_folder / f"{name}.ini"

    @contextmanager
    def _proxy(self) -> Iterator[Any]:
        # Imported here: supervisor's modules are only needed where processes are.
        from supervisor.xmlrpc import SupervisorTransport  # noqa: PLC0415

        if not self.socket.exists():
            raise UnreachableError("Noren's processes are not running. `noren up` starts them.")
        transport = SupervisorTransport(None, None, serverurl=f"unix://{self.socket}")
        try:
            yield xmlrpc.client.ServerProxy("http://127.0.0.1", transport=transport)
        except xmlrpc.client.Fault as fault:
            raise NorenError(f"supervisord refused: {fault.faultString}. Its log: {self.folder}.") from None
        except (OSError, http.client.HTTPException) as error:
            raise UnreachableError(
                f"supervisord does not answer ({error}). `noren up` starts it and takes back what still runs."
            ) from None
        finally:
            transport.close()


def marked_processes(mark: str) -> list[psutil.Process]:
    """Return the live processes of this user that carry the mark."""
    found = []
    for process in psutil.process_iter():
        try:
            if process.environ().get(MARK) == mark and process.status() != psutil.STATUS_ZOMBIE:
                found.append(process)
        except psutil.Error:
            continue  # another user's, or gone since
    return found


def wait_gone(pid: int, seconds: float) -> None:
    """Wait until a process has ended."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        try:
            if psutil.Process(pid).status() == psutil.STATUS_ZOMBIE:
                return
        except psutil.NoSuchProcess:
            return
        time.sleep(0.05)


def _ignore_gone(act: Any) -> None:
    try:
        act()
    except psutil.NoSuchProcess:
        return


def _quoted(words: Sequence[str]) -> str:
    """Quote for supervisord's shlex, whose configuration also expands %."""
    return " ".join('"' + word.replace("\\", "\\\\").replace('"', '\\"') + '"' for word in words).replace(
        "%", "%%"
    )


def _environment(values: Mapping[str, str]) -> str:
    return ",".join(f'{key}="{value}"' for key, value in values.items()).replace("%", "%%")


def _section(program: Program) -> str:
    # The log is opened by the child's own shell: supervisord's pipe would break when supervisord is killed.
    shell = 'log=$1; shift; exec "$@" >> "$log" 2>&1'
    command = _quoted(["/bin/sh", "-c", shell, "noren", str(program.log), *program.command])
    lines = [
        f"[program:{program.name}]",
        f"command={command}",
        "autostart=true",
        "autorestart=true",
        "startsecs=1",
        f"startretries={program.start_retries}",
        f"stopwaitsecs={program.stop_seconds}",
        f"priority={program.priority}",
        "stopasgroup=true",
        "killasgroup=true",
        "stdout_logfile=NONE",
        "stderr_logfile=NONE",
    ]
    if program.environment:
        lines.append(f"environment={_environment(dict(program.environment))}")
    return "\n".join(lines) + "\n"


def _configuration(supervisor: Supervisor) -> str:
    folder = str(supervisor.folder).replace("%", "%%")
    return f"""[unix_http_server]
file={str(supervisor.socket).replace("%", "%%")}
chmod=0700

[supervisord]
logfile={folder}/supervisord.log
logfile_maxbytes=5MB
pidfile={folder}/supervisord.pid
childlogdir={folder}
directory={folder}
identifier=noren

[rpcinterface:supervisor]
supervisor.rpcinterface_factory = supervisor.rpcinterface:make_main_rpcinterface

[include]
files = {folder}/programs/*.ini
"""
