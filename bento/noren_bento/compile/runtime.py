"""Which runtime answers for a model: a graph that was proven equal and is faster, else the original."""

# ruff: noqa: PLC0415 -- heavy libraries are imported where they are used

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from noren_bento.compile.compiled import Compiled
from noren_bento.errors import NorenError
from noren_bento.release.version import Signature

if TYPE_CHECKING:
    import pandas as pd

COMPILE_SECONDS = 60.0
"""Conversions of some models do not end."""


def compile_model(
    model: Any,
    signature: Signature,
    reference: pd.DataFrame,
    folder: Path,
    *,
    import_from: tuple[Path, ...] = (),
    seconds: float = COMPILE_SECONDS,
) -> Compiled:
    """Write `model.onnx` into the folder where a graph answers exactly as the model does; say which runtime answers.

    Conversion and proof run in a process of their own, which ends after `seconds`: what does not end, crashes or
    differs leaves the original. `import_from` are folders that the model's own modules are imported from.
    """
    import cloudpickle

    with tempfile.TemporaryDirectory(prefix="noren-compile-") as work:
        task = Path(work) / "task.pkl"
        # Our own file in a private folder, read back by our own child: nothing foreign is unpickled.
        task.write_bytes(cloudpickle.dumps((model, signature, reference)))
        result = _run(task, folder, import_from, seconds)
    if isinstance(result, str):
        (folder / "model.onnx").unlink(missing_ok=True)
        return Compiled("sklearn", f"the original answers: {result}")
    return result


def _run(task: Path, folder: Path, import_from: tuple[Path, ...], seconds: float) -> Compiled | str:
    command = [sys.executable, "-m", "noren_bento.compile.child", str(task), str(folder)]
    paths = [*map(str, import_from), *filter(None, [os.environ.get("PYTHONPATH")])]
    environment = {
        **os.environ,
        "OMP_NUM_THREADS": "1",
        "PYTHONPATH": os.pathsep.join(paths),
        "PYTHONDONTWRITEBYTECODE": "1",  # a version's folder holds what is listed, and no caches
        "PYTHONWARNINGS": "ignore",
    }
    try:
        done = subprocess.run(command, env=environment, capture_output=True, timeout=seconds, check=False)
    except subprocess.TimeoutExpired:
        return f"its conversion to ONNX did not end within {seconds:.0f} s"
    if done.returncode == 0:
        return msgspec.json.decode(done.stdout, type=Compiled)
    if done.returncode < 0:
        return f"its conversion to ONNX was ended by signal {-done.returncode}"
    raise NorenError(
        "The model could not be asked in a process of its own: "
        f"{_last_line(done.stderr)}. If it uses modules of yours, name them with --with."
    )


def _last_line(output: bytes) -> str:
    lines = output.decode(errors="replace").strip().splitlines()
    return lines[-1][:500] if lines else "it said nothing"
