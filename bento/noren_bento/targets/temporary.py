"""A service for a while: validation asks a built bento over HTTP outside of any release."""

from __future__ import annotations

import os
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil

from noren_bento.errors import NorenError
from noren_bento.home import Home
from noren_bento.settings import Settings
from noren_bento.targets.inherited import for_passing_service
from noren_bento.targets.launch import prepare_command
from noren_bento.targets.logs import last_words
from noren_bento.targets.marked import CALLER, MARK, this_caller
from noren_bento.targets.ports import answers_ready, free_port

READY_SECONDS = 60.0
END_SECONDS = 8.0


@contextmanager
def serving(
    bento_path: Path, *, settings: Settings, workers: int | None = None, max_memory: int = 0
) -> Iterator[str]:
    """Serve a bento on a free loopback port while the block runs; yields its base URL.

    The service has a session of its own, so that no signal of Jupyter's reaches it, and is gone afterwards with all
    that it wrote; where this process is killed before, `noren down` and the next start end it. Raises NorenError with
    its last words when it does not become ready. No worker is ended for its memory unless `max_memory` says at how many
    bytes: a validation is to measure it.
    """
    with tempfile.TemporaryDirectory(prefix="noren-serving-") as work:
        state, port = Path(work), free_port()
        count = workers or settings.workers
        command = prepare_command(
            bento_path,
            port=port,
            workers=count,
            state=state,
            settings=settings,
            environ=for_passing_service(os.environ),
            max_memory=max_memory,
        )
        marks = {MARK: Home(settings).mark, CALLER: this_caller()}
        log = state / "service.log"
        with log.open("wb") as output:
            child = subprocess.Popen(
                command.argv,
                env=command.environment | marks,
                cwd=state,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        try:
            _wait_ready(child, port, log)
            yield f"http://127.0.0.1:{port}"
        finally:
            _end(child)


def _wait_ready(child: subprocess.Popen[bytes], port: int, log: Path) -> None:
    deadline = time.monotonic() + READY_SECONDS
    while not answers_ready(port):
        if child.poll() is not None:
            raise NorenError(f"The service ended before it was ready: {last_words(log)}")
        if time.monotonic() > deadline:
            raise NorenError(f"The service was not ready after {READY_SECONDS:.0f} s: {last_words(log)}")
        time.sleep(0.05)


def _end(child: subprocess.Popen[bytes]) -> None:
    """End the service and its workers, which BentoML puts into sessions of their own."""
    family = _family(child.pid)
    child.terminate()
    _, alive = psutil.wait_procs(family, timeout=END_SECONDS)
    for process in alive:
        try:
            process.kill()
        except psutil.NoSuchProcess:
            continue
    child.wait()
    psutil.wait_procs(alive, timeout=END_SECONDS)


def _family(pid: int) -> list[psutil.Process]:
    try:
        parent = psutil.Process(pid)
        return [parent, *parent.children(recursive=True)]
    except psutil.NoSuchProcess:
        return []
