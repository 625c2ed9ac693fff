"""A home whose control API answers for real while its loop stands still, so that a test says what happens when."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

import uvicorn

from noren_bento.control.api import make_app
from noren_bento.control.controller import Controller
from noren_bento.control.data_plane import DataPlane
from noren_bento.control.evidence_reader import EvidenceReader
from noren_bento.control.journal import Journal
from noren_bento.control.processes import envoy_of
from noren_bento.control.watch import Watch
from noren_bento.home import Home
from noren_bento.release.event import Event
from noren_bento.settings import Settings, load_settings
from noren_bento.stores.events import EventStore
from noren_bento.targets.local import LocalTarget


@contextmanager
def still_controller(folder: Path, events: Iterable[Event] = ()) -> Iterator[Controller]:
    """A controller over these events that never turns."""
    home = Home(load_settings({"home": folder}))
    home.prepare()
    store = EventStore.at_home(folder)
    for event in events:
        store.append(event)
    target, envoy = LocalTarget(home), envoy_of(home)
    controller = Controller(
        Journal(store, time.time),
        plane=DataPlane(target, envoy),
        reader=EvidenceReader(envoy),
        watch=Watch(target, store.events(), psi_limit=0.1),
        clock=time.time,
    )
    try:
        yield controller
    finally:
        controller.close()
        store.close()


@contextmanager
def control_home(folder: Path, events: Iterable[Event] = ()) -> Iterator[tuple[Settings, Journal]]:
    """Settings of a home whose control answers, and the journal behind it."""
    settings = load_settings({"home": folder})
    with still_controller(folder, events) as controller:
        server = uvicorn.Server(
            uvicorn.Config(make_app(controller, settings, dict), log_level="warning", lifespan="off")
        )
        listening = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        listening.bind(str(Home(settings).control_socket))
        listening.listen()  # from here on nobody is refused
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]})
        thread.start()
        try:
            yield settings, controller.journal
        finally:
            server.should_exit = True
            thread.join(10)
            listening.close()
