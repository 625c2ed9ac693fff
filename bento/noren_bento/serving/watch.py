"""Watch: one thread a worker that flushes its counts, and ends it when it is of no use any more.

That is when its parent is gone, when a prediction never ends, and when it has more memory than it may. The thread lives
outside the event loop, so that what blocks the loop does not stop it; BentoML starts another worker.
"""

from __future__ import annotations

import contextlib
import logging
import os
import signal
import sys
import threading
import time
from dataclasses import dataclass
from typing import NoReturn

from noren_bento.serving.memory import resident_memory
from noren_bento.serving.worker import Worker

LOOK_SECONDS = 0.05
"""Short, since a prediction that eats memory takes gigabytes a second."""
FLUSH_SECONDS = 0.25
STUCK_SECONDS = 40.0
"""A prediction that runs longer than this never ends: it was answered with 504 at 30 s, but its thread burns on."""
GRACE_SECONDS = 5.0
TOLD_SECONDS = 0.5
"""A prediction that eats memory goes on while its caller is told; an event loop that is free needs a millisecond."""
MASTER = "NOREN_MASTER"
CONTAINERIZED = "BENTOML_CONTAINERIZED"

logger = logging.getLogger("noren.serving")


@dataclass(frozen=True, slots=True)
class Limits:
    """What ends a worker."""

    memory: int
    """Bytes; 0 is any."""
    stuck_seconds: float
    """A prediction that takes longer."""


def have_workers_replaced() -> None:
    """Have BentoML start another worker for one that ended, in a container too.

    There it would not: a container would go on with one worker less, and with none it would listen and never answer.
    """
    os.environ.pop(CONTAINERIZED, None)


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


def start_watch(
    worker: Worker, master: int | None, *, max_memory: int = 0, stuck_seconds: float = STUCK_SECONDS
) -> threading.Event:
    """Start the thread; setting the returned event tells it that the service is shutting down.

    `max_memory` is the most bytes of resident memory that this process may have, as `allowed_memory` takes it.
    """
    limits = Limits(allowed_memory(max_memory, resident_memory()), stuck_seconds)
    ending = threading.Event()
    parent = os.getppid() if master is None else master
    watch = threading.Thread(target=_watch, args=(worker, ending, parent, limits), name="watch", daemon=True)
    watch.start()
    return ending


def allowed_memory(limit: int, resting: int) -> int:
    """Bytes that a worker may have: the limit, or twice what it has when it rests; 0 is any.

    A model that is larger than the limit when it rests would be replaced for ever, and never measured.

    >>> allowed_memory(1_000, 100), allowed_memory(1_000, 3_000), allowed_memory(0, 3_000)
    (1000, 6000, 0)
    """
    return max(limit, 2 * resting) if limit else 0


def _watch(worker: Worker, ending: threading.Event, parent: int, limits: Limits) -> None:
    flushed = time.monotonic()
    while not ending.wait(LOOK_SECONDS):
        now = time.monotonic()
        if now - flushed >= FLUSH_SECONDS:
            flushed = now
            _flush(worker)
        if os.getppid() != parent:
            logger.error("the parent process is gone; this worker ends")
            os.kill(os.getpid(), signal.SIGTERM)
            ending.wait(GRACE_SECONDS)
            break
        if trouble := _find_stuck(worker, now, limits) or _find_hungry(limits):
            logger.error("%s; this worker is replaced", trouble)
            # Not closed: the prediction goes on meanwhile, and takes gigabytes a second. The log loses one window.
            try:
                worker.stop_longest("was stopped, since its worker came to a limit,", seconds=TOLD_SECONDS)
                _flush(worker)
            finally:
                os._exit(1)  # whatever goes wrong: memory may be out
    else:
        # The service is closing: a prediction that still runs would keep the process from ending.
        time.sleep(GRACE_SECONDS)
    try:
        worker.close()
    finally:
        os._exit(1)


def _flush(worker: Worker) -> None:
    """Without memory or a disk this may fail; the watch must go on all the more."""
    try:
        worker.tally.flush()
    except Exception:
        logger.exception("what was seen could not be counted")


def _find_stuck(worker: Worker, now: float, limits: Limits) -> str:
    """Why this worker must end; empty while it need not."""
    began = min((since for since, _ in worker.running.copy().values()), default=now)
    if now - began > limits.stuck_seconds:
        return f"a prediction did not end within {limits.stuck_seconds:.0f} s"
    return ""


def _find_hungry(limits: Limits) -> str:
    """Why this worker must end; empty while it need not."""
    if limits.memory and (taken := resident_memory()) > limits.memory:
        return (
            f"it has {taken / 1e6:,.0f} MB of memory and may have {limits.memory / 1e6:,.0f} MB (max_memory)"
        )
    return ""
