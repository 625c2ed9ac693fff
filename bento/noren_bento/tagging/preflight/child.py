"""The clean process of a preflight: imports the libraries, waits for a version's folder, loads it and predicts.

Requests come as lines of JSON on stdin: `check` a version, answered with one line on stdout; `rest` until the next
tag, for a minute at most; `wake` from that, answered. What the model prints goes to stderr. Where the system forks
well (Linux), each check is made in a fork of its own, so that the libraries are imported once for several tags, and
nothing of one model is left for the next. The process ends when stdin does (its parent is gone), and elsewhere than on
Linux after one check.
"""

# ruff: noqa: PLC0415 -- heavy libraries are imported while the notebook is still at work

from __future__ import annotations

import importlib
import json
import os
import selectors
import shutil
import signal
import sys
import sysconfig
import traceback
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from typing import Any

REST_SECONDS = 60.0
"""So long the process stays for the next tag."""
FORKS = sys.platform == "linux"


def main(warm: Iterable[str]) -> None:
    """Import the libraries and `warm`, then answer until nobody asks any more."""
    replies = os.dup(1)
    os.dup2(2, 1)
    folder = Path.cwd().parent
    _warm_up(warm)
    for request in _requests():
        if "wake" in request:
            reply: dict[str, Any] | None = {"awake": True}
        else:
            reply = _in_a_fork(request["check"]) if FORKS else _check(request["check"])
        if reply is None:
            break
        os.write(replies, (json.dumps(reply) + "\n").encode())
        if not FORKS:
            return  # who asked reads the answers, and removes the folder
    shutil.rmtree(folder, ignore_errors=True)  # nobody asks any more, and perhaps nobody is left


def _warm_up(modules: Iterable[str]) -> None:
    import pandas as pd  # noqa: F401
    import pyarrow.parquet  # noqa: F401
    import skops.io  # noqa: F401

    from noren_bento.tagging import version_files  # noqa: F401
    from noren_bento.tagging.preflight.imports import allowed_modules

    for name in modules:
        with suppress(Exception):  # a version that needs it imports it again, and says what is wrong
            importlib.import_module(name)
    allowed_modules(["numpy", "pandas", "scikit-learn", "skops", "cloudpickle"])


def _requests() -> Iterator[dict[str, Any]]:
    """Requests from stdin; ends when it does, or after a rest that nobody ended."""
    patience: float | None = None
    held = b""
    with selectors.DefaultSelector() as selector:
        selector.register(0, selectors.EVENT_READ)
        while selector.select(patience):
            data = os.read(0, 65536)
            if not data:
                return
            held += data
            while b"\n" in held:
                line, _, held = held.partition(b"\n")
                request = json.loads(line)
                patience = REST_SECONDS if "rest" in request else None
                if patience is None:
                    yield request


def _in_a_fork(request: dict[str, Any]) -> dict[str, Any] | None:
    """Serve a request in a fork and return its reply; None when whoever asked has gone meanwhile."""
    reading, writing = os.pipe()
    pid = os.fork()
    if not pid:
        os.close(reading)
        with os.fdopen(writing, "w") as file:
            json.dump(_check(request), file)
        os._exit(0)
    os.close(writing)
    data = b""
    with selectors.DefaultSelector() as selector:
        selector.register(reading, selectors.EVENT_READ)
        selector.register(0, selectors.EVENT_READ)
        while True:
            ready = {key.fd for key, _ in selector.select()}
            if reading in ready:
                part = os.read(reading, 1 << 20)
                data += part
                if not part:
                    break
            elif 0 in ready and not os.read(0, 65536):
                os.kill(pid, signal.SIGKILL)
                return None
    os.close(reading)
    _, status = os.waitpid(pid, 0)
    if status == 0:
        reply: dict[str, Any] = json.loads(data)
        return reply
    return {"crash": _ending(status)}


def _ending(status: int) -> str:
    code = os.waitstatus_to_exitcode(status)
    return signal.Signals(-code).name if code < 0 else f"exit status {code}"


def _check(request: dict[str, Any]) -> dict[str, Any]:
    """Load the version in a folder, predict its reference rows, and write the answers as .npy files."""
    import numpy as np

    from noren_bento.tagging.cost import inputs_of, measure_process
    from noren_bento.tagging.preflight.answers import read_answers, set_threads
    from noren_bento.tagging.preflight.imports import close_imports
    from noren_bento.tagging.version_files import VersionFiles

    files = VersionFiles(Path(request["folder"]), request["manifest_digest"])
    version = files.manifest.version
    inputs = inputs_of(files.reference(), version.signature)
    set_threads(request["threads"])
    closed = close_imports(version.requirements)
    stage = "load"
    try:
        model = files.model()
        stage = "predict"
        answers = read_answers(model, inputs.whole, version.signature)
        timing = measure_process(model, inputs, version.signature)
    except BaseException as error:  # SystemExit too: whatever the model raises is its failure
        return _failure(stage, error, files.path) | {"refused": closed.refused}
    for name, array in answers.items():
        np.save(Path(request["answers"]) / f"{name}.npy", array, allow_pickle=False)
    return {"answers": sorted(answers), "timing": asdict(timing), "refused": closed.refused}


def _failure(stage: str, error: BaseException, folder: Path) -> dict[str, Any]:
    missing = next((one for one in _chain(error) if isinstance(one, ModuleNotFoundError) and one.name), None)
    told = missing or error
    return {
        "stage": stage,
        "kind": type(told).__name__,
        "text": str(told)[:500],
        "missing": missing.name if missing else "",
        "place": _place(told, folder),
        "subject": str(getattr(told, "filename", None) or (told.args[0] if told.args else "")),
    }


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__


def _place(error: BaseException, folder: Path) -> str:
    """The last line of code that is not Python's own, in words; nothing where that is ours."""
    frames = [frame for frame in traceback.extract_tb(error.__traceback__) if not _is_pythons(frame.filename)]
    if not frames or "noren_bento" in frames[-1].filename:
        return ""
    last = frames[-1]
    path = Path(last.filename)
    own = folder / "modules"
    shown = path.relative_to(own) if path.is_relative_to(own) else _from_packages(path)
    where = "" if last.name == "<module>" else f", in {last.name}"
    return f"{shown}, line {last.lineno}{where}"


def _is_pythons(file: str) -> bool:
    if file.startswith("<frozen"):
        return True
    return "-packages" not in file and Path(file).is_relative_to(sysconfig.get_paths()["stdlib"])


def _from_packages(path: Path) -> Path:
    parts = path.parts
    for folder in ("site-packages", "dist-packages"):
        if folder in parts:
            return Path(*parts[parts.index(folder) + 1 :])
    return path
