"""Preflight: before a version is registered, a clean process must load it and answer as the notebook does.

The process is a fresh interpreter (`-I`: no working folder, no PYTHON* variables, no user site) in an empty folder,
with the environment variables that a service gets. In it only the standard library, what the recorded requirements
bring, the version's own modules and Noren can be imported (`preflight_imports`). It is started before the model is
inspected, so that its imports run beside the rest of the tag, and is kept for a minute for the next one.

What is compared, and with what: the answers of the model in the notebook and in the clean process, both on the
reference rows as they are stored, one job at a time, with the notebook's numbers of threads. Labels and numbers must
be equal to the bit. Numbers that differ by rounding only (1e-9 of their size) are a warning that says so; a model
that answers the same rows differently in the notebook itself is refused for that.
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
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np

import noren_bento
from noren_bento.errors import NorenError
from noren_bento.tagging.cost import Timing
from noren_bento.tagging.frames import model_input
from noren_bento.tagging.preflight_answers import (
    Answers,
    describe_difference,
    is_equal,
    is_rounding,
    read_answers,
    read_threads,
)
from noren_bento.tagging.preflight_failure import Failure, advise, explain
from noren_bento.tagging.version_files import VersionFiles
from noren_bento.targets.inherited import for_service

if TYPE_CHECKING:
    import pandas as pd

DEADLINE_SECONDS = 60.0
"""A clean process may take so long, or ten times as long as the notebook's own predictions, whichever is more."""
WAKE_SECONDS = 5.0
DEATHS = {
    "SIGKILL": "It had too little memory: free some, or tag with fewer rows",
    "SIGSEGV": "A compiled library does not fit the others: install the model's libraries again",
    "SIGILL": "A compiled library does not fit this processor: install the model's libraries again",
    "SIGABRT": "A compiled library gave up: install the model's libraries again",
}
THREADS = ("OMP_", "OPENBLAS_", "MKL_", "BLIS_", "NUMEXPR_", "VECLIB_", "GOTO_", "KMP_")
"""Prefixes of variables that say how many threads libraries start: as in the notebook, see `preflight_answers`."""
CODE = (
    "import json, sys; given = json.loads(sys.argv[1]); "
    "sys.path.insert(0, given['ours']); import noren_bento; del sys.path[0]; "
    "sys.path += [path for path in given['paths'] if path not in sys.path]; "
    "from noren_bento.tagging.preflight_child import main; main(given['warm'])"
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
                env=for_service(os.environ) | threads,
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


class Preflight:
    """The clean process of one tag."""

    def __init__(self, process: CleanProcess) -> None:
        self._process = process

    def check(self, model: Any, files: VersionFiles, rows: pd.DataFrame) -> Timing:
        """Raise NorenError where the version in a folder does not answer in a clean process as the model does here.

        Returns what predictions cost there. `rows` are the reference rows as they were before they were stored.
        """
        assert files.manifest_digest is not None
        started = time.monotonic()
        self._process.ask(files.path, files.manifest_digest)
        here = _answer_here(model, files, rows)
        needed = time.monotonic() - started
        allowed = max(DEADLINE_SECONDS, 10 * needed)
        try:
            there = self._process.reply(started + allowed)
        except TimeoutError:
            raise NorenError(
                f"{type(model).__name__} has not answered {len(rows)} rows in a clean process within "
                f"{allowed:.0f} s; here it took {needed:.1f} s. See that loading it waits for nothing, such as a "
                "network or a lock, and tag again."
            ) from None
        if isinstance(there, Failure):
            raise explain(there, model, own_modules=tuple(path.stem for path in files.modules()))
        if isinstance(there, str):
            raise NorenError(
                f"The clean process that loaded {type(model).__name__} died ({there}{self._process.last_words()}). "
                f"{DEATHS.get(there, 'Correct what it says')}, and tag again."
            )
        if not is_equal(here, there):
            _raise_or_warn(model, files, here, there)
        assert self._process.timing is not None
        return self._process.timing


@contextmanager
def open_preflight(model: Any) -> Iterator[Preflight]:
    """Start the clean process of a tag, or take the one that the tag before left.

    Whatever is raised inside ends it; so does the end of this process, however it comes.
    """
    process = _take() or CleanProcess(_modules_of(model))
    try:
        yield Preflight(process)
    except BaseException:
        process.end()
        raise
    if process.answered and process.is_alive():
        process.rest()
        with _lock:
            _kept.append(process)
    else:
        process.end()


def _take() -> CleanProcess | None:
    with _lock:
        while _kept:
            process = _kept.pop()
            if process.is_alive() and process.wake():
                return process
            process.end()
    return None


@atexit.register
def end_kept() -> None:
    """End the clean process that waits for the next tag."""
    with _lock:
        while _kept:
            _kept.pop().end()


def _answer_here(model: Any, files: VersionFiles, rows: pd.DataFrame) -> Answers:
    """The notebook's answers on the stored rows, which must be those on the rows before they were stored."""
    signature = files.manifest.version.signature
    stored = files.reference()
    here = read_answers(model, model_input(stored, signature), signature)
    if not stored.equals(rows):
        before = read_answers(model, model_input(rows, signature), signature)
        if not is_rounding(before, here):
            raise NorenError(
                f"{type(model).__name__} answers the reference rows otherwise after they were stored as Parquet: "
                f"{describe_difference(before, here)}. A column's dtype does not survive it: convert the column to a "
                "plain one (.astype(...)) and fit again."
            )
    return here


def _raise_or_warn(model: Any, files: VersionFiles, here: Answers, there: Answers) -> None:
    name = type(model).__name__
    signature = files.manifest.version.signature
    again = read_answers(model, model_input(files.reference(), signature), signature)
    if not is_rounding(here, again):
        raise NorenError(
            f"{name} answers the same rows differently each time, here already: {describe_difference(here, again)}. "
            "Let predict draw no random numbers, or draw them from a generator that it seeds at each call."
        )
    what = describe_difference(here, there)
    if not is_rounding(here, there):
        raise NorenError(
            f"{name} answers otherwise in a clean process than here: {what} (there is the clean process). {advise({})}"
        )
    warnings.warn(
        f"{name}'s numbers in a clean process are those of this one but for rounding: {what}. "
        "Labels are equal; numbers agree to a billionth of their size.",
        stacklevel=5,
    )


def _library_folders() -> list[str]:
    """Folders of this process's path that hold installed libraries: a clean interpreter may not see all of them."""
    folders = [Path(entry) for entry in sys.path if entry]
    return [str(one) for one in folders if one.is_dir() and any(one.glob("*.dist-info"))]


def _modules_of(model: Any) -> list[str]:
    """Modules of scikit-learn that the model's classes come from: worth importing before the model is there."""
    held = [model]
    with suppress(Exception):  # whatever get_params raises, the tag itself will say
        held += list(model.get_params(deep=True).values())
    modules = {type(one).__module__ for one in held}
    return sorted(name for name in modules if name.startswith("sklearn."))
