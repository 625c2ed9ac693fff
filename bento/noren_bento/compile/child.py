"""The process that converts a model and proves its engine: `python -m noren_bento.compile.child <task> <folder>`.

A third argument says why ONNX is not tried.
"""

from __future__ import annotations

import pickle
import sys
import warnings
from pathlib import Path

import msgspec

from noren_bento.compile.ladder import climb


def main() -> None:
    """Read the task, write the outcome to standard output as JSON."""
    task, folder, *without_onnx = sys.argv[1:]
    stdout, sys.stdout = sys.stdout, sys.stderr
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model, signature, reference = pickle.loads(Path(task).read_bytes())  # noqa: S301 -- written by our own parent process
        compiled = climb(model, signature, reference, Path(folder), without_onnx="".join(without_onnx))
    stdout.write(msgspec.json.encode(compiled).decode())


if __name__ == "__main__":
    main()
