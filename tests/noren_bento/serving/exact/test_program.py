from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest

from noren_bento.errors import NorenError
from noren_bento.serving.exact.program import (
    ARRAYS,
    PROGRAM,
    Classes,
    Linear,
    Numbers,
    Program,
    Step,
    Table,
    read_program,
    write_program,
)

WRITTEN = Program(
    blocks=(
        Numbers((0,), (Step("subtract", np.array([0.1])),), (0,)),
        Table(1, ("Oslo", 3, 1.5, True), (1, 2), np.arange(12.0).reshape(6, 2), (5,)),
    ),
    width=3,
    steps=(),
    fortran=True,
    head=Linear(np.array([[0.1, 0.2], [1e300, 5e-324], [1.0, 2.0]], order="F"), np.zeros(2)),
    classes=Classes(("no", "yes"), "<U3", "logistic", threshold=0.25),
)


def test_a_program_is_read_as_it_was_written(tmp_path: Path) -> None:
    write_program(tmp_path, WRITTEN)
    found = read_program(tmp_path)
    assert isinstance(found.blocks[1], Table)
    assert found.blocks[1].values == ("Oslo", 3, 1.5, True)
    assert isinstance(found.head, Linear)
    assert isinstance(WRITTEN.head, Linear)
    assert found.head.weights.tobytes() == WRITTEN.head.weights.tobytes()
    assert found.head.weights.flags.f_contiguous
    assert found.classes == WRITTEN.classes


def test_arrays_of_objects_are_not_unpickled(tmp_path: Path) -> None:
    write_program(tmp_path, WRITTEN)
    held = io.BytesIO()
    np.savez(held, a0=np.array([print], dtype=object))
    (tmp_path / ARRAYS).write_bytes(held.getvalue())
    with pytest.raises(
        NorenError, match=r"cannot be read: Object arrays cannot be loaded.*Build the version again"
    ):
        read_program(tmp_path)


@pytest.mark.parametrize("name", [PROGRAM, ARRAYS])
def test_a_damaged_file_is_named(name: str, tmp_path: Path) -> None:
    write_program(tmp_path, WRITTEN)
    (tmp_path / name).write_bytes(b"{}")
    with pytest.raises(NorenError, match=r"exact\.json or exact\.npz beside it cannot be read"):
        read_program(tmp_path)
