"""A clean interpreter that answers for a model: started early, handed a version's folder, kept for the next tag.

It is a fresh one (`-I`: no working folder, no PYTHON* variables, no user site) in an empty folder, with the
environment variables that a service gets.
"""

from __future__ import annotations

import atexit
import json
import os
import selectors
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from contextlib import suppress
from pathlib import Path
from threading import Lock
from typing import Any

import msgspec
import numpy as np

import noren_bento
from noren_bento.errors import NorenError
from noren_bento.tagging.cost import Timing
from noren_bento.tagging.preflight.answers import Answers, read_threads
from noren_bento.tagging.preflight.failure import Failure
from noren_bento.targets.inherited import for_service

WAKE_SECONDS = 5.0
THREADS = ("OMP_", "OPENBLAS_", "MKL_", "BLIS_", "NUMEXPR_", "VECLIB_", "GOTO_", "KMP_")
"""Prefixes of variables that say how many threads libraries start: as in the notebook, see `answers`."""
CODE = (
    "import json, sys; given = json.loads(sys.argv[1]); "
    "sys.path.insert(0, given['ours']); import noren_bento; del sys.path[0]; "
    "sys.path += [path for path in given['paths'] if path not in sys.path]; "
    "from noren_bento.tagging.preflight.child import main; main(given['warm'])"
)

_kept: list[CleanProcess] = []
_lock = Lock()


class CleanProcess:
    """A running clean interpreter, with a private folder for the answers that it gives."""

    def __init__(self, warm: list[str]) -> None:
        self.owner = os.getpid()
        self.answered = False
        self.timing: Timing | None = None
        self._root = Path(tempfile.mkdtemp(prefix="noren-preflight-"))
        (self._root / "empty").mkdir()
        (self._root / "answers").mkdir()
        self._errors = (self._root / "errors").open("w+b")
        ours = str(Path(noren_bento.__file__).parent.parent)
        given = json.dumps({"ours": ours, "paths": _library_folders(), "warm": warm})
        threads = {name: value for name, value in os.environ.items() if name.startswith(THREADS)}
        try:
            self._process = subprocess.Popen(
                [sys.executable, "-I", "-B", "-X", "utf8", "-c", CODE, given],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=self._errors,
                cwd=self._root / "empty",
                # Threads that spin while they wait make a busy machine many times slower; the answers are the same.
                env=for_service(os.environ) | {"OMP_WAIT_POLICY": "PASSIVE"} | threads,
                start_new_session=True,  # Jupyter interrupts a kernel's whole group
            )
        except OSError as error:
            shutil.rmtree(self._root, ignore_errors=True)
            raise NorenError(
                f"A clean process to check the model in cannot be started ({error}). Free memory and tag again."
            ) from None

    def is_alive(self) -> bool:
        """Whether it runs, and is this process's own and not that of what it was forked from."""
        return self.owner == os.getpid() and self._process.poll() is None

    def rest(self) -> None:
        """Let it stay for the next tag, for a while."""
        self._send({"rest": True})

    def wake(self) -> bool:
        """Whether it stayed, and will from now on."""
        self._send({"wake": True})
        try:
            return bool(self._read_line(time.monotonic() + WAKE_SECONDS))
        except TimeoutError:
            return False

    def ask(self, folder: Path, manifest_digest: str) -> None:
        """Hand it a version's folder."""
        check = {
            "folder": str(folder),
            "manifest_digest": manifest_digest,
            "answers": str(self._root / "answers"),
            "threads": read_threads(),
        }
        self._send({"check": check})

    def _send(self, request: dict[str, Any]) -> None:
        assert self._process.stdin is not None
        with suppress(BrokenPipeError):  # it died: whoever reads its reply learns it
            self._process.stdin.write((json.dumps(request) + "\n").encode())
            self._process.stdin.flush()

    def reply(self, deadline: float) -> Answers | Failure | str:
        """Return its answers, or what failed, or how it died in a word; raises TimeoutError at the deadline."""
        line = self._read_line(deadline)
        if not line:
            code = self._process.wait()
            return signal.Signals(-code).name if code < 0 else f"exit status {code}"
        reply: dict[str, Any] = json.loads(line)
        self.answered = True
        self.timing = msgspec.convert(reply["timing"], Timing) if "timing" in reply else None
        if "crash" in reply:
            return str(reply["crash"])
        if "stage" in reply:
            return msgspec.convert(reply, Failure)
        folder = self._root / "answers"
        return {name: np.load(folder / f"{name}.npy", allow_pickle=False) for name in reply["answers"]}

    def _read_line(self, deadline: float) -> bytes:
        assert self._process.stdout is not None
        held = b""
        with selectors.DefaultSelector() as selector:
            selector.register(self._process.stdout, selectors.EVENT_READ)
            while not held.endswith(b"\n"):
                if not selector.select(max(0.0, deadline - time.monotonic())):
                    raise TimeoutError
                part = os.read(self._process.stdout.fileno(), 65536)
                if not part:
                    return b""
                held += part
        return held

    def last_words(self) -> str:
        """The last line that it wrote to stderr, with a colon before it, or nothing."""
        self._errors.seek(0)
        lines = self._errors.read()[-4000:].decode(errors="replace").strip().splitlines()
        return f": {lines[-1][:300]}" if lines else ""

    def end(self) -> None:
        """End it with all that it started, and remove its folder."""
        if self.owner != os.getpid():
            return
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()
        for pipe in (self._process.stdin, self._process.stdout, self._errors):
            assert pipe is not None
            with suppress(BrokenPipeError):
                pipe.close()
        shutil.rmtree(self._root, ignore_errors=True)


def take_kept() -> CleanProcess | None:
    """The clean process that the tag before left, where one still waits."""
    with _lock:
        while _kept:
            process = _kept.pop()
            if process.is_alive() and process.wake():
                return process
            process.end()
    return None


def keep(process: CleanProcess) -> None:
    """Let it wait for the next tag, where it is in order; else end it."""
    if process.answered and process.is_alive():
        process.rest()
        with _lock:
            _kept.append(process)
    else:
        process.end()


@atexit.register
def end_kept() -> None:
    """End the clean process that waits for the next tag."""
    with _lock:
        while _kept:
            _kept.pop().end()


def _library_folders() -> list[str]:
    """Folders of this process's path that hold installed libraries: a clean interpreter may not see all of them."""
    folders = [Path(entry) for entry in sys.path if entry]
    return [str(one) for one in folders if one.is_dir() and any(one.glob("*.dist-info"))]
