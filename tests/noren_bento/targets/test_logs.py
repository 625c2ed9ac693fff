"""Logs stay small, and say what was last."""

from __future__ import annotations

import subprocess
from pathlib import Path

from noren_bento.targets.logs import last_words, rotate_log


def test_a_log_goes_on_at_its_start_while_its_process_has_it_open(tmp_path: Path) -> None:
    log = tmp_path / "service.log"
    script = 'log=$1; exec cat >>"$log" 2>&1'
    with subprocess.Popen(["/bin/sh", "-c", script, "noren", str(log)], stdin=subprocess.PIPE) as process:
        assert process.stdin is not None
        for number in range(5):
            process.stdin.write(b"%d" % number * 100)
            process.stdin.flush()
            while not (log.exists() and log.stat().st_size):
                assert process.poll() is None
            rotate_log(log, limit=50)
        process.stdin.close()
    sizes = {path.name: path.stat().st_size for path in tmp_path.iterdir()}
    assert sizes == {"service.log": 0, "service.log.1": 50, "service.log.2": 50}
    assert (tmp_path / "service.log.1").read_text() == "4" * 50
    assert (tmp_path / "service.log.2").read_text() == "3" * 50


def test_a_small_log_and_one_that_is_not_there_are_left_alone(tmp_path: Path) -> None:
    log = tmp_path / "service.log"
    rotate_log(log)
    log.write_text("x" * 50)
    rotate_log(log, limit=50)
    assert [path.name for path in tmp_path.iterdir()] == ["service.log"]


def test_the_last_words_are_the_last_lines(tmp_path: Path) -> None:
    log = tmp_path / "service.log"
    assert last_words(log) == "it wrote no log"
    log.write_text("")
    assert last_words(log) == "it wrote nothing"
    log.write_bytes(b"\n".join([b"one", b"two", b"  three", b"four \xff", b""]))
    assert last_words(log) == "two / three / four \ufffd"
    log.write_text("x" * 5000)
    assert last_words(log) == "x" * 600


def test_the_last_words_of_a_log_that_was_moved_aside_are_found(tmp_path: Path) -> None:
    log = tmp_path / "service.log"
    log.write_text("the port is taken\n" * 10)
    rotate_log(log, limit=100)
    assert last_words(log, lines=1) == "the port is taken"
