"""The process that converts a model and proves its engine: `python -m noren_bento.compile.child <task> <folder>`.

Two more arguments, where an earlier try did not end: `climb` to try all but ONNX or `stay` to try nothing, and why.
"""

from __future__ import annotations

import pickle
import sys
import warnings
from pathlib import Path

import msgspec

from noren_bento.compile.ladder import climb, stay

ASKED = ".asked"
"""Suffix of the file beside the task that says that the original has answered all rows."""


def main() -> None:
    """Read the task, write the outcome to standard output as JSON."""
    task, folder, how, why = (*sys.argv[1:], "climb", "")[:4]
    stdout, sys.stdout = sys.stdout, sys.stderr
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model, signature, reference = pickle.loads(Path(task).read_bytes())  # noqa: S301 -- written by our own parent process
        if how == "stay":
            compiled = stay(model, signature, reference, Path(folder), why=why)
        else:
            asked = Path(task).with_suffix(ASKED).touch
            compiled = climb(model, signature, reference, Path(folder), without_onnx=why, asked=asked)
    stdout.write(msgspec.json.encode(compiled).decode())


if __name__ == "__main__":
    main()
