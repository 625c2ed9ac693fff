"""Where a version comes from, and that no secret goes with it."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from noren_bento.errors import NorenError
from noren_bento.tagging.lineage import lineage as module
from noren_bento.tagging.lineage.cells import Trace
from noren_bento.tagging.lineage.lineage import (
    Origin,
    OriginReading,
    lineage_from_json,
    lineage_to_json,
    read_user,
)
from noren_bento.tagging.write_files import Rows
from tests.noren_bento.tagging.lineage.test_commit import git, repository

__all__ = ["repository"]
ROWS = Rows(pd.DataFrame({"a": [1.0, 2.0]}), np.array([0, 1]))


def read(trace: Trace | None = None, **options: Any) -> Origin:
    with OriginReading(ROWS, ROWS.take(np.array([1])), targets=(), trace=trace) as reading:
        return reading.result(9.5, **{"libraries": (), "seconds": {}, **options})


def test_a_lineage_says_when_who_where_from_what_and_how_long(repository: Path, monkeypatch) -> None:
    monkeypatch.chdir(repository)
    (repository / "churn.ipynb").write_text("{}")
    trace = Trace("churn.ipynb", ("a = 1", "%tag clf --name churn"))
    origin = read(trace, libraries=["nothing==1.2"], seconds={"inspect": 0.25})
    told = origin.lineage
    assert (told.at, told.notebook, told.cells, told.seconds) == (9.5, "churn.ipynb", 2, {"inspect": 0.25})
    assert told.libraries["nothing"] == "1.2"
    assert {"noren", "scikit-learn", "skops"} <= set(told.libraries)
    assert (told.train.rows, told.test.rows) == (2, 1)
    assert told.commit
    assert told.commit.sha == git(repository, "rev-parse", "HEAD")
    assert told.commit.untracked == ("churn.ipynb",)
    assert told.machine.cores >= 1
    assert told.machine.cpu
    assert told.machine.memory_bytes > 100_000_000
    assert told.machine.python.startswith("CPython 3.")
    assert lineage_from_json(lineage_to_json(told)) == told


def test_outside_a_repository_and_a_notebook_there_is_nothing_to_say_of_them(
    tmp_path: Path, monkeypatch
) -> None:
    monkeypatch.chdir(tmp_path)
    origin = read()
    assert (origin.lineage.commit, origin.lineage.notebook, origin.lineage.cells) == (None, None, 0)
    origin.write(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["lineage.json"]


def test_a_secret_of_the_environment_a_cell_or_the_diff_is_masked_in_all_of_it(
    repository: Path, tmp_path: Path, monkeypatch
) -> None:
    monkeypatch.chdir(repository)
    monkeypatch.setenv("CHURN_DB_PASSWORD", "environment-1")
    (repository / "features.py").write_text("api_key = 'in-the-diff-2'  # environment-1\n")
    (repository / "environment-1.py").write_text("")
    git(repository, "remote", "add", "origin", "https://ana:in-the-remote-3@example.com/environment-1.git")
    trace = Trace(
        "environment-1.ipynb", ("password = 'in-a-cell-4'", "login('in-a-cell-4', 'in-the-diff-2')")
    )
    folder = tmp_path / "out"
    folder.mkdir()
    read(trace).write(folder)
    assert sorted(path.name for path in folder.iterdir()) == ["cells.py", "dirty.diff", "lineage.json"]
    written = "".join(path.read_text() for path in folder.iterdir())
    for secret in ("environment-1", "in-the-diff-2", "in-the-remote-3", "in-a-cell-4"):
        assert secret not in written
    assert "login('***', '***')" in written
    assert "+api_key = '***'  # ***" in written


def test_whom_jupyterhub_names_goes_before_the_operating_systems_user(monkeypatch) -> None:
    assert read_user()[1] == "operating system"
    monkeypatch.setenv("JUPYTERHUB_USER", "ana")
    assert read_user() == ("ana", "JupyterHub")


def test_the_thread_ends_with_whatever_ends_the_tag(monkeypatch) -> None:
    begun = threading.Event()

    def endless(frame: object, y: object, *, targets: object, going: Any) -> None:
        begun.set()
        while going():
            pass
        raise NorenError("stopped")

    monkeypatch.setattr(module, "read_dataset", endless)

    def interrupted() -> None:
        with OriginReading(ROWS, ROWS, targets=()):
            assert begun.wait(10)
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("noren-lineage")]


def test_a_damaged_lineage_is_named() -> None:
    with pytest.raises(NorenError, match="damaged"):
        lineage_from_json(b"{}")
