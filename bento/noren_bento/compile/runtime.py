"""Which runtime answers for a model: the first step of the ladder that was proven equal, else the original."""

# ruff: noqa: PLC0415 -- heavy libraries are imported where they are used

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from noren_bento.compile.child import ASKED
from noren_bento.compile.compiled import Compiled
from noren_bento.errors import NorenError
from noren_bento.release.version import Signature
from noren_bento.serving.manifest import GRAPH

if TYPE_CHECKING:
    import pandas as pd

COMPILE_SECONDS = 60.0
"""Conversions of some models do not end."""
PROOF_SECONDS = 300.0
"""What the second try may take: it converts nothing, but the model itself may be slow."""


def compile_model(
    model: Any,
    signature: Signature,
    reference: pd.DataFrame,
    folder: Path,
    *,
    import_from: tuple[Path, ...] = (),
    seconds: float = COMPILE_SECONDS,
) -> Compiled:
    """Write what answers for the model, and its proof, into the folder; say which runtime it is.

    Conversion and proof run in a process of their own. Where that does not end within `seconds`, or crashes, it is
    asked once more without ONNX; and where the original itself did not answer the rows of the proof in time, it answers
    unproven, as it would have anyway. `import_from` are folders that the model's own modules are imported from.
    """
    import cloudpickle

    with tempfile.TemporaryDirectory(prefix="noren-compile-") as work:
        task = Path(work) / "task.pkl"
        # Our own file in a private folder, read back by our own child: nothing foreign is unpickled.
        task.write_bytes(cloudpickle.dumps((model, signature, reference)))
        outcome = _run(task, folder, import_from, seconds)
        if isinstance(outcome, str) and task.with_suffix(ASKED).exists():
            (folder / GRAPH).unlink(missing_ok=True)
            outcome = _run(task, folder, import_from, PROOF_SECONDS, more=("climb", outcome))
        if isinstance(outcome, str):
            outcome = _run(task, folder, import_from, PROOF_SECONDS, more=("stay", outcome))
    if isinstance(outcome, str):
        raise NorenError(f"The model could not be asked in a process of its own: {outcome}.")
    return outcome


def _run(
    task: Path,
    folder: Path,
    import_from: tuple[Path, ...],
    seconds: float,
    *,
    more: tuple[str, str] | tuple[()] = (),
) -> Compiled | str:
    command = [sys.executable, "-m", "noren_bento.compile.child", str(task), str(folder)]
    paths = [*map(str, import_from), *filter(None, [os.environ.get("PYTHONPATH")])]
    environment = {
        **os.environ,
        "OMP_NUM_THREADS": "1",
        "PYTHONPATH": os.pathsep.join(paths),
        "PYTHONDONTWRITEBYTECODE": "1",  # a version's folder holds what is listed, and no caches
        "PYTHONWARNINGS": "ignore",
    }
    command += more
    asked = task.with_suffix(ASKED)
    asked.unlink(missing_ok=True)
    try:
        done = subprocess.run(command, env=environment, capture_output=True, timeout=seconds, check=False)
    except subprocess.TimeoutExpired:
        return f"{_under_way(asked)} did not end within {seconds:.0f} s"
    if done.returncode == 0:
        return msgspec.json.decode(done.stdout, type=Compiled)
    if done.returncode < 0:
        return f"{_under_way(asked)} was ended by signal {-done.returncode}"
    raise NorenError(
        "The model could not be asked in a process of its own: "
        f"{_last_line(done.stderr)}. If it uses modules of yours, name them with --with."
    )


def _under_way(asked: Path) -> str:
    return "its conversion to ONNX" if asked.exists() else "its answering of rows that fit its signature"


def _last_line(output: bytes) -> str:
    lines = output.decode(errors="replace").strip().splitlines()
    return lines[-1][:500] if lines else "it said nothing"
