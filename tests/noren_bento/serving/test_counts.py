from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from noren_bento.errors import NorenError
from noren_bento.profile.build import build_profile
from noren_bento.profile.window import CLIENT_CODES, CLIENT_KINDS, MODEL_KINDS, Layout, Window
from noren_bento.serving.answers import Answers, ModelError
from noren_bento.serving.batch import Seen
from noren_bento.serving.columns import MatrixColumns
from noren_bento.serving.counts import PEAK, CountFile, read_counts, read_peak
from noren_bento.serving.tally import LATENCY, Tally, client_error, model_error

LAYOUT = Layout(
    build_profile({"a": np.arange(100.0)}, {"prediction": np.array(["no", "yes"] * 50, dtype=object)})
)


def test_nothing_was_counted_where_there_is_no_file(tmp_path: Path) -> None:
    assert not read_counts(tmp_path / "counts", LAYOUT).any()


def test_the_files_of_all_workers_are_summed_ended_ones_too(tmp_path: Path) -> None:
    first, second = CountFile(tmp_path, LAYOUT), CountFile(tmp_path, LAYOUT)
    one = LAYOUT.zeros() + 1
    first.add(one)
    second.add(2 * one)
    del first
    assert (read_counts(tmp_path, LAYOUT) == 3).all()


def test_a_process_that_is_killed_leaves_what_it_flushed(tmp_path: Path) -> None:
    code = (
        "import os, sys, pathlib, tests.noren_bento.serving.test_counts as t\n"
        "t.CountFile(pathlib.Path(sys.argv[1]), t.LAYOUT).add(t.LAYOUT.zeros() + 5)\n"
        "os.kill(os.getpid(), 9)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path)], check=False, cwd=Path(__file__).parents[3]
    )
    assert done.returncode == -9
    assert (read_counts(tmp_path, LAYOUT) == 5).all()


def test_the_peak_is_that_of_the_worker_that_has_had_most_memory(tmp_path: Path) -> None:
    assert read_peak(tmp_path) == 0
    file = CountFile(tmp_path, LAYOUT)
    before = read_peak(tmp_path)
    held = np.ones(before // 8)  # as much again, and touched
    file.add(LAYOUT.zeros())
    del held
    CountFile(tmp_path, LAYOUT)._numbers[PEAK] = 1
    assert before > 10_000_000
    assert (
        before < read_peak(tmp_path) < 10 * before
    )  # the process may have had more memory before than it has now


def test_counts_of_another_version_are_refused(tmp_path: Path) -> None:
    CountFile(tmp_path, Layout(build_profile({"a": np.arange(50.0)}, {})))
    with pytest.raises(NorenError, match="another version"):
        read_counts(tmp_path, LAYOUT)


def test_a_writer_killed_in_the_middle_of_a_flush_does_not_stop_readers(tmp_path: Path) -> None:
    file = CountFile(tmp_path, LAYOUT)
    file.add(LAYOUT.zeros() + 1)
    file._numbers[3] += 1  # as if killed between the two halves of a flush
    assert (read_counts(tmp_path, LAYOUT) == 1).all()


def test_a_flush_counts_every_request_once(tmp_path: Path) -> None:
    tally = Tally(LAYOUT, CountFile(tmp_path, LAYOUT))
    matrix = np.array([[1.0], [np.nan]])
    answered = Answers(np.array(["yes", "no"], dtype=object))
    tally.append(Seen(0.3, MatrixColumns(("a",), matrix), answered))
    tally.append(Seen(0.3, {"a": np.array([99.0])}, Answers(np.array(["other"]))))
    tally.append(Seen(0.1, error=client_error(422)))
    tally.append(Seen(90_000.0, error=model_error(ModelError("NaN"))))
    tally.flush()
    tally.flush()
    window = Window(LAYOUT, read_counts(tmp_path, LAYOUT))
    assert (window.requests, window.rows, window.client_errors, window.model_errors) == (4, 3, 1, 1)
    assert window.column("a").sum() == 3
    assert window.column("a")[-1] == 1
    assert window.output("prediction").tolist() == [1, 1, 1, 0]
    assert window.vector[LAYOUT.latency].sum() == 4
    assert window.vector[LATENCY] == 90_000_700


def test_errors_are_counted_by_kinds_of_which_there_are_few(tmp_path: Path) -> None:
    raised = ModelError("it raised")
    raised.__cause__ = ZeroDivisionError()
    kinds = [client_error(status) for status in range(400, 500)]
    kinds += [model_error(problem) for problem in (raised, ModelError("NaN"), ValueError("ours"))]
    assert len(set(kinds)) == len(CLIENT_KINDS) + 3
    tally = Tally(LAYOUT, CountFile(tmp_path, LAYOUT))
    for kind in (*kinds, "unanswered"):
        tally.append(Seen(1.0, error=kind))
    tally.flush()
    window = Window(LAYOUT, read_counts(tmp_path, LAYOUT))
    assert window.vector[LAYOUT.client_errors].tolist() == [1] * len(CLIENT_CODES) + [100 - len(CLIENT_CODES)]
    assert window.vector[LAYOUT.model_errors].tolist() == [1] * len(MODEL_KINDS)
