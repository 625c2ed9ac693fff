"""Cost: how large, how quick and how hungry the model is as it was fitted, beside what production requires."""

from __future__ import annotations

import sys
import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np

from noren_bento.compress.advice import advise
from noren_bento.errors import NorenError
from noren_bento.release.version import Signature
from noren_bento.settings import Settings
from noren_bento.tagging.frames import model_input

if TYPE_CHECKING:
    import pandas as pd

COST = "cost.json"
CALLS = 100
SECONDS = 0.15
"""Each of the two measurements takes about so long at most, and one call at least."""
DIFFERENT_ROWS = 20
BULK_ROWS = 500
"""Fewer rows say nothing about bulk: a call costs what it costs."""


@dataclass(frozen=True, slots=True)
class Timing:
    """What predictions cost in one process, with all that serving asks for: labels, and probabilities or scores."""

    one_row_ms: float
    """Milliseconds for one row: the median."""
    p99_ms: float
    """The 99th percentile of the same calls."""
    calls: int
    rows: int
    """Rows that were predicted at once."""
    rows_per_second: float
    """The quickest of a few calls with all these rows."""
    peak_bytes: int | None = None
    """Most memory that the process had while it predicted them, libraries and model included; None where the system
    does not say."""
    predict_bytes: int | None = None
    """What of it came with the prediction."""


@dataclass(frozen=True, slots=True)
class Limit:
    """One requirement of production beside what was measured."""

    setting: str
    measured: float
    limit: float
    met: bool


@dataclass(frozen=True, slots=True)
class Cost:
    """What the original model of a version costs, measured when it was tagged."""

    bytes: int
    """Size of the model's file."""
    timing: Timing
    limits: tuple[Limit, ...]
    """Settings `max_bytes`, `p99_ms`, `rows_per_second` and `max_memory` as they were at the tag."""
    advice: tuple[str, ...] = ()
    """What would help where a limit is missed, and roughly what that costs; nothing is changed without being asked."""

    @property
    def missed(self) -> tuple[Limit, ...]:
        """The limits that are missed."""
        return tuple(limit for limit in self.limits if not limit.met)


@dataclass(frozen=True, slots=True)
class Inputs:
    """Rows as the model takes them: all at once, and some of them one by one."""

    rows: int
    whole: Any
    ones: tuple[Any, ...]


def inputs_of(rows: pd.DataFrame, signature: Signature) -> Inputs:
    """Make what `time_predictions` gives to the model, so that making it is not timed."""
    several = min(len(rows), DIFFERENT_ROWS)
    ones = tuple(model_input(rows.iloc[at : at + 1], signature) for at in range(several))
    return Inputs(len(rows), model_input(rows, signature), ones)


def time_predictions(
    model: Any, inputs: Inputs, signature: Signature, *, clock: Callable[[], float] = time.perf_counter
) -> Timing:
    """Time one row at a time and all rows at once, in this process, with one thread: so a worker serves them."""
    ones = inputs.ones
    with warnings.catch_warnings(), _one_thread():
        warnings.simplefilter("ignore")
        whole = _time(lambda _: _answer(model, inputs.whole, signature), calls=3, clock=clock)
        single = _time(
            lambda call: _answer(model, ones[call % len(ones)], signature), calls=CALLS, clock=clock
        )
    single = single[1:] or single  # the first finds cold caches
    return Timing(
        one_row_ms=1000 * float(np.median(single)),
        p99_ms=1000 * float(np.quantile(single, 0.99)),
        calls=len(single),
        rows=inputs.rows,
        rows_per_second=inputs.rows / min(whole),
    )


def measure_process(model: Any, inputs: Inputs, signature: Signature) -> Timing:
    """Time predictions, and read the memory that this process took for them: one that does nothing else."""
    memory = _Memory()
    timing = time_predictions(model, inputs, signature)
    peak, added = memory.read()
    return replace(timing, peak_bytes=peak, predict_bytes=added)


@contextmanager
def _one_thread() -> Iterator[None]:
    """One job and one thread, as in a service: with more, rows wait for threads to start."""
    joblib, pools = sys.modules.get("joblib"), sys.modules.get("threadpoolctl")
    with ExitStack() as stack:
        if joblib is not None:
            stack.enter_context(joblib.parallel_config(backend="sequential"))
        if pools is not None:
            stack.enter_context(pools.threadpool_limits(limits=1))
        yield


def _answer(model: Any, given: Any, signature: Signature) -> None:
    model.predict(given)
    if signature.probabilities:
        model.predict_proba(given)
    if signature.scores:
        model.decision_function(given)


def _time(call: Callable[[int], object], *, calls: int, clock: Callable[[], float]) -> list[float]:
    taken: list[float] = []
    began = clock()
    while len(taken) < calls and (not taken or clock() - began < SECONDS):
        start = clock()
        call(len(taken))
        taken.append(clock() - start)
    return taken


class _Memory:
    """The process's high-water mark of resident memory, from now on: numpy's and every library's included."""

    def __init__(self) -> None:
        self._before = self._reset()

    def _reset(self) -> int | None:
        try:
            Path("/proc/self/clear_refs").write_text("5")  # proc(5): the mark becomes what is resident now
            return _read_status("VmRSS")
        except OSError:
            return None

    def read(self) -> tuple[int | None, int | None]:
        """Return (peak, rise) in bytes; None where the system does not say."""
        peak = None if self._before is None else _read_status("VmHWM")
        return peak, None if peak is None or self._before is None else max(0, peak - self._before)


def _read_status(name: str) -> int:
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(1024 * int(line.split()[1]) for line in lines if line.startswith(f"{name}:"))


def hold_against(size: int, timing: Timing, settings: Settings) -> tuple[Limit, ...]:
    """Return the limits of the settings beside what was measured."""
    limits = [
        Limit("max_bytes", size, settings.max_bytes, size <= settings.max_bytes),
        Limit("p99_ms", timing.p99_ms, settings.p99_ms, timing.p99_ms <= settings.p99_ms),
    ]
    if timing.rows >= BULK_ROWS:
        met = timing.rows_per_second >= settings.rows_per_second
        limits.append(Limit("rows_per_second", timing.rows_per_second, settings.rows_per_second, met))
    if timing.peak_bytes is not None:
        met = timing.peak_bytes <= settings.max_memory
        limits.append(Limit("max_memory", timing.peak_bytes, settings.max_memory, met))
    return tuple(limits)


def cost_of(model: Any, file: Path, timing: Timing, settings: Settings) -> Cost:
    """Put together what was measured, what production requires, and advice where that is missed."""
    size = file.stat().st_size
    limits = hold_against(size, timing, settings)
    return Cost(size, timing, limits, advise(model, [limit.setting for limit in limits if not limit.met]))


def cost_to_json(cost: Cost) -> bytes:
    """Write a cost as JSON."""
    return msgspec.json.format(msgspec.json.encode(cost), indent=1)


def cost_from_json(data: bytes) -> Cost:
    """Read what cost_to_json wrote; raises NorenError where it is damaged."""
    try:
        return msgspec.json.decode(data, type=Cost)
    except msgspec.MsgspecError as error:
        raise NorenError(f"{COST} is damaged ({error}). Tag the model again.") from None
