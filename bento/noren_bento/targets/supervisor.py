"""supervisord: keeps Envoy, the control process and every version's service alive, and outlives all of them."""

from __future__ import annotations

import os
import subprocess
import sys
import time
import xmlrpc.client
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
import psutil

from noren_bento.errors import NorenError
from noren_bento.targets.inherited import for_supervisor
from noren_bento.targets.marked import MARK, end, marked_processes, orphans, wait_gone
from noren_bento.targets.program import (
    RUN,
    SOCKET,
    Program,
    configuration,
    program_from_json,
    program_to_json,
)
from noren_bento.targets.rpc import asking

__all__ = ["MARK", "Program", "ProgramState", "Supervisor", "marked_processes", "wait_gone"]

STOP_SECONDS = 25.0
ENDED = ("STOPPED", "EXITED", "FATAL")
_STILL_RUNNING = 91
_BAD_NAME = 10


@dataclass(frozen=True, slots=True)
class ProgramState:
    """What supervisord says of a program."""

    name: str
    state: str
    """RUNNING, STARTING, BACKOFF, STOPPED, EXITED, FATAL, …"""
    pid: int
    description: str
    started: int = 0
    """Unix time of its last start; 0 before the first."""
    quiet_seconds: int = 0
    """Since its last start or end, whichever was later."""

    @property
    def ended(self) -> bool:
        """Whether it runs no more and was started before: what was only just added is about to start."""
        return self.state in ENDED and self.started > 0


class Supervisor:
    """The supervisord of one run folder."""

    def __init__(self, folder: Path, *, socket: Path, mark: str) -> None:
        self.folder = folder
        self.socket = socket
        self.mark = mark
        self.programs_folder = folder / "programs"

    def write(self, program: Program) -> bool:
        """Write down that this program is to run; say whether that changed anything."""
        text = program_to_json(program)
        path = self._path(program.name)
        changed = not path.exists() or path.read_bytes() != text
        if changed:
            configuration([program])  # raises for what supervisord could not read
            self.programs_folder.mkdir(parents=True, exist_ok=True)
            _replace(path, text)
        return changed

    def forget_programs(self) -> None:
        """Write down that nothing is to run any more; for a supervisord that is not running."""
        for path in self.programs_folder.glob("*.json"):
            path.unlink()

    def programs(self) -> dict[str, Program]:
        """What is to run, by name, whether supervisord knows of it or not."""
        found = {}
        for path in sorted(self.programs_folder.glob("[!.]*.json")):
            try:
                program = program_from_json(path.read_bytes())
            except (FileNotFoundError, msgspec.MsgspecError):
                continue  # removed since, or damaged: then it counts as not there, and whoever wants it writes it anew
            found[program.name] = program
        return found

    def start(self) -> None:
        """Start supervisord as a daemon in a session of its own, so that no signal of Jupyter's reaches it."""
        self._configure()
        environment = for_supervisor(os.environ) | {
            MARK: self.mark,
            RUN: str(self.folder),
            SOCKET: str(self.socket),
        }
        # -P and cwd: no file of the caller's folder is imported instead of a module.
        command = [sys.executable, "-P", "-m", "supervisor.supervisord", "-c", str(self._configuration)]
        try:
            done = subprocess.run(
                command, env=environment, cwd=self.folder, stdin=subprocess.DEVNULL, capture_output=True,
                text=True, timeout=30, start_new_session=True, check=False,
            )  # fmt: skip
        except subprocess.TimeoutExpired:
            raise NorenError(f"supervisord did not start within 30 s. Its log: {self.folder}.") from None
        if done.returncode:
            words = " / ".join((done.stderr or done.stdout).strip().splitlines()[-2:])
            raise NorenError(
                f"supervisord did not start: {words[-500:]} (log: {self.folder}/supervisord.log)"
            )

    def is_running(self) -> bool:
        """Whether supervisord answers, and is not about to end."""
        try:
            with self._asking() as rpc:
                return bool(rpc.supervisor.getState()["statename"] == "RUNNING")
        except NorenError:
            return False

    def living(self) -> int | None:
        """Process id of this folder's supervisord where it lives, whether it answers or not."""
        for process in marked_processes(self.mark):
            try:
                if "supervisor.supervisord" in process.cmdline():
                    return int(process.pid)
            except psutil.Error:
                continue  # gone since
        return None

    def pid(self) -> int:
        """Process id of supervisord."""
        with self._asking() as rpc:
            return int(rpc.supervisor.getPID())

    def add(self, program: Program) -> bool:
        """Make sure that this program runs as written; no other is touched. Say whether nothing is left to do.

        One that runs otherwise is told to stop; it is started anew by the first call after it has ended.
        """
        self.write(program)
        self._configure()
        with self._asking() as rpc:
            [[added, changed, _]] = rpc.supervisor.reloadConfig()
            if program.name not in added:
                state = _states(rpc).get(program.name)
                if program.name in changed and state is not None and not state.ended:
                    rpc.supervisor.stopProcessGroup(program.name, False)
                    state = _states(rpc).get(program.name)
                    if state is None or state.state not in ENDED:
                        return False
                elif state is None or not state.ended:
                    return state is not None and state.state != "STOPPING"
                # Taken out and put in instead of started: with its newest section, and without a fault where the start
                # fails, which is then seen in its state.
                if not _forget(rpc, program.name):
                    return False
            rpc.supervisor.addProcessGroup(program.name)
            return True

    def add_and_wait(self, program: Program, seconds: float = STOP_SECONDS) -> None:
        """Like `add`, and wait until it is done; for callers that have the time."""
        deadline = time.monotonic() + seconds
        while not self.add(program):
            if time.monotonic() > deadline:
                raise NorenError(
                    f"{program.name} did not end within {seconds:.0f} s. Its log: {program.log}."
                )
            time.sleep(0.1)

    def remove(self, name: str) -> None:
        """Begin to end a program with its whole process group; `sweep` forgets it once it has ended."""
        # In this order a death in between leaves what the next call finds again.
        with self._asking() as rpc:
            if name in _states(rpc):
                rpc.supervisor.stopProcessGroup(name, False)
        self._path(name).unlink(missing_ok=True)
        self._configure()

    def sweep(self) -> None:
        """Forget the programs that were removed and have ended."""
        kept = self.programs()
        with self._asking() as rpc:
            for name, state in _states(rpc).items():
                if state.state in ENDED and name not in kept:
                    _forget(rpc, name)

    def states(self) -> dict[str, ProgramState]:
        """What supervisord keeps, by name."""
        with self._asking() as rpc:
            return _states(rpc)

    def shut_down(self, seconds: float = 30.0) -> None:
        """End supervisord and all that it keeps, then whatever carries this home's mark; return when all are gone."""
        try:
            pid = self.pid()
            with self._asking() as rpc:
                rpc.supervisor.shutdown()
            wait_gone(pid, seconds)
        except NorenError:
            pass  # not running, ending already, or hung: what is left gets signals
        # More than once: a supervisord that did not hear us may have started something anew meanwhile.
        for _ in range(3):
            if not end(marked_processes(self.mark)):
                break

    def reclaim_orphans(self) -> tuple[int, ...]:
        """End processes of this home that neither a supervisord nor a living caller keeps; return their ids."""
        return end(orphans(self.mark))

    @property
    def _configuration(self) -> Path:
        return self.folder / "supervisord.conf"

    def _configure(self) -> None:
        """Write supervisord's configuration from what is to run. Whoever writes second writes all there is."""
        _replace(self._configuration, os.fsencode(configuration(self.programs().values())))

    def _path(self, name: str) -> Path:
        return self.programs_folder / f"{name}.json"

    def _asking(self) -> AbstractContextManager[Any]:
        return asking(self.socket, logs=self.folder)


def _states(rpc: Any) -> dict[str, ProgramState]:
    return {
        info["name"]: ProgramState(
            info["name"],
            info["statename"],
            info["pid"],
            info["description"],
            started=info["start"],
            quiet_seconds=info["now"] - max(info["start"], info["stop"]),
        )
        for info in rpc.supervisor.getAllProcessInfo()
    }


def _forget(rpc: Any, name: str) -> bool:
    """Take an ended program out; False where supervisord has just started it again."""
    try:
        rpc.supervisor.removeProcessGroup(name)
    except xmlrpc.client.Fault as fault:
        if fault.faultCode == _STILL_RUNNING:
            return False
        if fault.faultCode != _BAD_NAME:  # another caller took it out already
            raise
    return True


def _replace(path: Path, text: bytes) -> None:
    """Write the whole file or nothing."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}.new")
    with temporary.open("wb") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    os.replace(temporary, path)
