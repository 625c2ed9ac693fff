"""Execute one notebook with papermill, in a kernel of its own, against a deadline for the whole notebook."""

from __future__ import annotations

import json
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from noren_bento.tagging.secrets.secrets import Secrets
from noren_validation.kernel import Kernel
from noren_validation.mask import mask_notebook


@dataclass(frozen=True, slots=True)
class Execution:
    """One executed notebook, whole or in part."""

    notebook: dict[str, Any]
    """The executed notebook's JSON with secrets masked; without cells when it could not even be opened."""
    interruption: str
    """What ended the run from outside; empty when the notebook came to its own end."""
    seconds: float


def execute_notebook(
    notebook: Path, output: Path, *, kernel: Kernel, subject: Path, secrets: Secrets, deadline_seconds: float
) -> Execution:
    """Execute `notebook` in a started kernel with the parameter `subject`, and write it to `output` when it has ended.

    Only then are secrets masked, so nothing is written before. What the notebook raises is in its outputs, for the
    gate to read; here nothing is raised for it.
    """
    import papermill  # noqa: PLC0415 -- two seconds of CPU

    from noren_validation import engine  # noqa: PLC0415 -- imports papermill

    begun = time.monotonic()
    late = f"it did not end within its deadline of {deadline_seconds:g} s"
    watch = threading.Timer(deadline_seconds, kernel.kill, [late])
    watch.daemon = True
    watch.start()
    ended, run = "", engine.Run(kernel)
    try:
        papermill.execute_notebook(
            str(notebook).replace("{", "{{").replace("}", "}}"),  # papermill takes braces for parameters
            None,
            parameters={"subject": str(subject)},
            engine_name=engine.NAME,
            kernel_name="python3",
            progress_bar=False,
            run=run,
        )
    except papermill.PapermillExecutionError:
        pass  # the error is an output of its cell: the gate reads it there
    except Exception as error:  # whatever ends a run closes the gate, with what is known about it
        ended = _describe(error, kernel)
    finally:
        watch.cancel()
    kept = mask_notebook(run.notebook(), secrets)
    output.write_text(
        json.dumps(kept, ensure_ascii=False, indent=1), encoding="utf-8", errors="backslashreplace"
    )
    return Execution(kept, kernel.reason or secrets.mask(ended), time.monotonic() - begun)


def _describe(error: Exception, kernel: Kernel) -> str:
    if kernel.exit_code is not None:
        return f"its kernel died (exit code {kernel.exit_code})"
    first = (str(error).strip().splitlines() or [""])[0]
    return f"it could not be run: {type(error).__name__}: {first[:300]}"
