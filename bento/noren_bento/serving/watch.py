"""Watch: one thread a worker that flushes its counts and ends it when its parent is gone or a prediction never ends.

It lives outside the event loop, so that what blocks the loop does not stop it.
"""

from __future__ import annotations

import logging
import os
import signal
import threading
import time

from noren_bento.serving.worker import Worker

INTERVAL_SECONDS = 0.25
STUCK_SECONDS = 40.0
"""A prediction that runs longer than this never ends: BentoML answered 504 at 30 s, but its thread burns on."""
GRACE_SECONDS = 5.0

logger = logging.getLogger("noren.serving")


def start_watch(worker: Worker) -> threading.Event:
    """Start the thread; setting the returned event tells it that the service is shutting down."""
    ending = threading.Event()
    threading.Thread(target=_watch, args=(worker, ending, os.getppid()), name="watch", daemon=True).start()
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
    worker.tally.flush()
    os._exit(1)
