"""A process that lets copies of itself tag, and kills each with kill -9 before its k-th write.

It reads lines of `k name strength uri home`, with `-` for the home's own store, and answers each with how the copy
ended: `killed`, or the number of its writes where it had fewer than k. A write is a statement that changes the
database, a commit, a request to a server, or a file or folder of the home that is made, renamed or removed.
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import mlflow
import numpy as np
import requests
import skops.io
import sqlalchemy
from sklearn.linear_model import Ridge

from noren_bento.settings import Settings
from noren_bento.tagging.tag import tag_model
from tests.faults.registries import settings_of

assert mlflow
assert skops.io  # imported before the copies are made, so that each of them is quick
X = np.arange(40.0).reshape(-1, 1)
DATA = (X, X.ravel())
CHANGES = ("INSERT", "UPDATE", "DELETE", "CREATE", "ALTER", "DROP")
FILE_EVENTS = ("os.rename", "os.mkdir", "os.remove", "os.rmdir")


class Countdown:
    """Kills this process when it is about to do its k-th write."""

    def __init__(self, k: int) -> None:
        self.k, self.done = k, 0

    def step(self) -> None:
        self.done += 1
        if self.done == self.k:
            os.kill(os.getpid(), signal.SIGKILL)


def watch(home: Path, countdown: Countdown) -> None:
    """Have every write of this process counted, for the rest of its life."""

    def audit(event: str, arguments: tuple[Any, ...]) -> None:
        writes = event in FILE_EVENTS or (event == "open" and (arguments[2] or 0) & (os.O_WRONLY | os.O_RDWR))
        if writes and str(arguments[0]).startswith(str(home)) and not str(arguments[0]).endswith(".lock"):
            countdown.step()

    def statement(connection: Any, cursor: Any, text: str, *rest: Any) -> None:
        if text.lstrip().upper().startswith(CHANGES):
            countdown.step()

    sys.addaudithook(audit)
    sqlalchemy.event.listen(sqlalchemy.Engine, "before_cursor_execute", statement)
    sqlalchemy.event.listen(sqlalchemy.Engine, "commit", lambda connection: countdown.step())
    requests.Session.send = counted(requests.Session.send, countdown)


def counted(send: Callable[..., Any], countdown: Countdown) -> Any:
    """Two steps a request: before it is sent, and when its answer is there."""

    def sent(*args: Any, **kwargs: Any) -> Any:
        countdown.step()
        answer = send(*args, **kwargs)
        countdown.step()
        return answer

    return sent


def tag_in_a_copy(settings: Settings, k: int, name: str, strength: float) -> str:
    """Fork, tag in the child, and say how it ended."""
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        countdown = Countdown(k)
        watch(settings.home, countdown)
        tag_model(Ridge(alpha=strength).fit(*DATA), name, train=DATA, test=DATA, settings=settings)
        os.write(writer, str(countdown.done).encode())
        os._exit(0)
    os.close(writer)
    with os.fdopen(reader) as told:
        writes = told.read()
    _, status = os.waitpid(child, 0)
    if os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGKILL:
        return "killed"
    return writes if status == 0 else f"failed with {status}"


def main() -> None:
    for line in sys.stdin:
        k, name, strength, uri, home = line.rstrip("\n").split(" ", 4)
        settings = settings_of(Path(home), None if uri == "-" else uri)
        print(tag_in_a_copy(settings, int(k), name, float(strength)), flush=True)


if __name__ == "__main__":
    main()
