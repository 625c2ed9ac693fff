"""The control process: `python -m noren_bento.control FOLDER`, kept alive by supervisord."""

from __future__ import annotations

import logging
import os
import signal
import socket
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import uvicorn

from noren_bento.control.aliases import AliasWriter, Mirrored
from noren_bento.control.api import make_app
from noren_bento.control.controller import Controller
from noren_bento.control.data_plane import DataPlane
from noren_bento.control.evidence_reader import EvidenceReader
from noren_bento.control.journal import Journal
from noren_bento.control.log_keepers import LogKeepers
from noren_bento.control.processes import envoy_of, read_settings
from noren_bento.control.watch import Watch
from noren_bento.home import Home
from noren_bento.release.desired import by_model
from noren_bento.release.release import champion_of
from noren_bento.settings import Settings
from noren_bento.stores.events import EventStore
from noren_bento.targets.local import LocalTarget
from noren_bento.targets.logs import rotate_log

if TYPE_CHECKING:
    from noren_bento.stores.models import ModelStore

TICK_SECONDS = 0.5
log = logging.getLogger("noren.control")


def run(home: Home) -> None:
    """Serve the API and run the loop until SIGTERM."""
    store = EventStore.at_home(home.path)
    target, envoy = LocalTarget(home), envoy_of(home)
    journal = Journal(store, time.time)
    aliases = AliasWriter(
        lambda name, version: _registry(home.settings).set_champion(name, version),
        lambda name, version: _read_alias(home.settings, name, version),
    )
    aliases.set_all({name: champion_of(history) for name, history in by_model(journal.releases()).items()})
    controller = Controller(
        journal,
        plane=DataPlane(target, envoy),
        reader=EvidenceReader(envoy),
        watch=Watch(target, store.events(), psi_limit=home.settings.psi_limit),
        clock=time.time,
        on_champion=aliases.set_champion,
    )
    keepers = LogKeepers(home)
    failed: dict[str, str] = {}
    stop = threading.Event()

    def attempt(step: str, act: Callable[[], None]) -> None:
        try:
            act()
            failed.pop(step, None)
        except Exception as error:  # the loop must outlive whatever a turn meets; `noren status` shows it
            log.exception("%s: a turn failed", step)
            failed[step] = f"{type(error).__name__}: {error}"

    def rotate() -> None:
        envoy.rotate_log()
        for program in target.supervisor.programs().values():
            rotate_log(program.log)

    def loop() -> None:
        while not stop.is_set():
            attempt("loop", controller.tick)
            attempt("logs", rotate)
            attempt("prediction logs", keepers.keep)
            stop.wait(TICK_SECONDS)

    thread = threading.Thread(target=loop, name="control-loop", daemon=True)
    server = uvicorn.Server(
        uvicorn.Config(
            make_app(controller, home.settings, lambda: {**failed, **aliases.troubles}),
            log_level="warning",
            access_log=False,
            lifespan="off",
        )
    )
    listening = _listen(home.control_socket)
    thread.start()
    try:
        server.run(sockets=[listening])
    finally:
        stop.set()
        thread.join(10)
        controller.close()
        keepers.close()
        aliases.close()
        store.close()


def _read_alias(settings: Settings, name: str, version: str | None) -> Mirrored:
    registry = _registry(settings)
    stage = registry.stage(version) if version else ""
    return Mirrored(registry.champion(name), exists=stage is not None, archived=stage == "Archived")


def _registry(settings: Settings) -> ModelStore:
    # Imported here: MLflow costs a second and 150 MB, and only the aliases' thread needs it.
    from noren_bento.stores.models import ModelStore  # noqa: PLC0415

    return ModelStore(settings)


def _listen(path: Path) -> socket.socket:
    """Bind the socket ourselves: uvicorn would open it to every user of the machine."""
    path.unlink(missing_ok=True)
    listening = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    old = os.umask(0o177)
    try:
        listening.bind(str(path))
    finally:
        os.umask(old)
    return listening


def main(arguments: list[str]) -> None:
    """Start with the settings that `noren up` left in the run folder."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s %(message)s")
    # httptools and uvicorn install their own SIGTERM handling; an early signal still ends the process.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    run(Home(read_settings(Path(arguments[0]))))


if __name__ == "__main__":
    main(sys.argv[1:])
