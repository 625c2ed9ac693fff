"""Execute one notebook with papermill, in a kernel of its own, against a deadline for the whole notebook."""

from __future__ import annotations

import json
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from noren_validation.kernel import Kernel


@dataclass(frozen=True, slots=True)
class Execution:
    """One executed notebook, whole or in part."""

    notebook: dict[str, Any]
    """The executed notebook's JSON; without cells when it could not even be opened."""
    interruption: str
    """What ended the run from outside; empty when the notebook came to its own end."""
    seconds: float


def execute_notebook(
    notebook: Path, output: Path, *, kernel: Kernel, subject: Path, deadline_seconds: float
) -> Execution:
    """Execute `notebook` in a started kernel with the parameter `subject`, and write it to `output` as it goes.

    What the notebook raises is in its outputs, for the gate to read; here nothing is raised for it.
    """
    import papermill  # noqa: PLC0415 -- two seconds of CPU

    from noren_validation import engine  # noqa: PLC0415 -- imports papermill

    begun = time.monotonic()
    late = f"it did not end within its deadline of {deadline_seconds:g} s"
    watch = threading.Timer(deadline_seconds, kernel.kill, [late])
    watch.daemon = True
    watch.start()
    ended = ""
    try:
        papermill.execute_notebook(
            notebook,
            output,
            parameters={"subject": str(subject)},
            engine_name=engine.NAME,
            kernel_name="python3",
            progress_bar=False,
            kernel=kernel,
        )
    except papermill.PapermillExecutionError:
        pass  # the error is an output of its cell: the gate reads it there
    except Exception as error:  # whatever ends a run closes the gate, with what is known about it
        ended = _describe(error, kernel)
    finally:
        watch.cancel()
    return Execution(_read(output), kernel.reason or ended, time.monotonic() - begun)


def _describe(error: Exception, kernel: Kernel) -> str:
    if kernel.exit_code is not None:
        return f"its kernel died (exit code {kernel.exit_code})"
    first = (str(error).strip().splitlines() or [""])[0]
    return f"it could not be run: {type(error).__name__}: {first[:300]}"


def _read(output: Path) -> dict[str, Any]:
    if not output.exists():
        return {"cells": []}
    notebook: dict[str, Any] = json.loads(output.read_bytes())
    return notebook
