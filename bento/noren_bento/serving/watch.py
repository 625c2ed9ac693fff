"""Watch: one thread a worker that flushes its counts and ends it when its parent is gone or a prediction never ends.

It lives outside the event loop, so that what blocks the loop does not stop it.
"""

from __future__ import annotations

import contextlib
import logging
import os
import signal
import sys
import threading
import time
from typing import NoReturn

from noren_bento.serving.worker import Worker

INTERVAL_SECONDS = 0.25
STUCK_SECONDS = 40.0
"""A prediction that runs longer than this never ends: BentoML answered 504 at 30 s, but its thread burns on."""
GRACE_SECONDS = 5.0
MASTER = "NOREN_MASTER"

logger = logging.getLogger("noren.serving")


def find_master() -> int | None:
    """The process id of BentoML's master in one of its workers; None in the master itself, or where there is none.

    The master imports the service before it starts workers, which inherit its environment. Asking for the parent
    instead would be too late for a worker whose master died while it was starting.
    """
    given = os.environ.setdefault(MASTER, str(os.getpid()))
    return None if int(given) == os.getpid() else int(given)


def end_master(master: int, reason: str) -> NoReturn:
    """End the whole service because this worker can never answer; the reason is the last that it says."""
    with contextlib.suppress(ProcessLookupError):
        os.kill(master, signal.SIGTERM)
    time.sleep(0.5)  # it waits for this process, so that nobody speaks after it
    sys.stderr.write(f"noren: {reason}\n")
    sys.stderr.flush()
    os._exit(1)


def start_watch(worker: Worker, master: int | None) -> threading.Event:
    """Start the thread; setting the returned event tells it that the service is shutting down."""
    ending = threading.Event()
    parent = os.getppid() if master is None else master
    threading.Thread(target=_watch, args=(worker, ending, parent), name="watch", daemon=True).start()
    return ending


def _watch(worker: Worker, ending: threading.Event, parent: int) -> None:
    while not ending.wait(INTERVAL_SECONDS):
        worker.tally.flush()
        if os.getppid() != parent:
            logger.error("the parent process is gone; this worker ends")
            os.kill(os.getpid(), signal.SIGTERM)
            ending.wait(GRACE_SECONDS)
            break
        began = min(worker.running.copy().values(), default=None)
        if began is not None and time.monotonic() - began > STUCK_SECONDS:
            logger.error("a prediction did not end within %.0f s; this worker is replaced", STUCK_SECONDS)
            break
    else:
        # The service is closing: a prediction that still runs would keep the process from ending.
        time.sleep(GRACE_SECONDS)
    worker.close()
    os._exit(1)
