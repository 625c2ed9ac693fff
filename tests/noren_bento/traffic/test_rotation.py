"""Rotating the access log moves no cursor and loses or doubles no line, wherever whoever rotates it is killed."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest

from noren_bento.release.route import Route
from noren_bento.traffic.access_log import AccessLog, LogRead
from tests.noren_bento.traffic.bench import Bench


def line(number: int) -> bytes:
    fields = {"route": f"m@1#{number}#10", "cluster": f"m@1#{number}/candidate", "code": 200, "attempts": 2}
    return json.dumps(fields).encode() + b"\n"


class Writer:
    """Writes as Envoy does: into the file that it opened last, wherever that is by now."""

    def __init__(self, folder: Path) -> None:
        self.log = AccessLog(folder / "access.log")
        self.number = 0
        self.file = self.log.path.open("ab", buffering=0)

    def reopen(self) -> None:
        self.file.close()
        self.file = self.log.path.open("ab", buffering=0)

    def write(self, times: int = 1) -> None:
        for _ in range(times):
            self.file.write(line(self.number))
            self.number += 1


@pytest.fixture
def writer(tmp_path: Path) -> Iterator[Writer]:
    writer = Writer(tmp_path)
    yield writer
    writer.file.close()


def numbers(read: LogRead) -> list[int]:
    assert not read.damaged
    return [failure.epoch for failure in read.failures]


def test_a_cursor_stays_true_while_files_are_renamed_and_removed(writer: Writer) -> None:
    seen: list[int] = []
    offset = 0
    for _ in range(50):
        writer.write(3)
        read = writer.log.read(offset)
        seen, offset = seen + numbers(read), read.offset
        assert offset == writer.log.size()
        writer.log.rotate(writer.reopen, limit=500)
    assert seen == list(range(150))
    assert len(list(writer.log.path.parent.iterdir())) == 3, "the newest, and two before it"


def test_a_cursor_in_an_older_file_is_read_on_from_there(writer: Writer) -> None:
    writer.write(4)
    offset = writer.log.size()
    for _ in range(2):
        writer.write(5)
        writer.log.rotate(writer.reopen, limit=0)
    writer.write(2)
    assert numbers(writer.log.read(offset)) == list(range(4, 16))


def test_what_is_written_before_envoy_has_opened_the_new_file_is_read_once(writer: Writer) -> None:
    asked: list[int] = []

    def slow() -> None:
        asked.append(writer.number)

    writer.write(4)
    writer.log.rotate(slow, limit=100)
    writer.write(4)
    first = writer.log.read(0)
    assert numbers(first) == list(range(8)), "Envoy still writes into the renamed file"
    writer.log.rotate(slow, limit=100)
    assert asked == [4, 8], "it is asked again until there is a new file, and nothing more is renamed"
    writer.reopen()
    writer.write(4)
    assert numbers(writer.log.read(first.offset)) == [8, 9, 10, 11]
    assert numbers(writer.log.read(0)) == list(range(12))


def test_an_envoy_that_is_not_there_to_ask_is_asked_again(writer: Writer) -> None:
    def away() -> None:
        raise OSError("nobody listens")

    writer.write()
    with pytest.raises(OSError, match="nobody"):
        writer.log.rotate(away, limit=0)
    writer.log.rotate(writer.reopen, limit=0)
    writer.write()
    assert numbers(writer.log.read(0)) == [0, 1]


def test_a_line_that_has_no_end_yet_is_left_for_later(writer: Writer) -> None:
    writer.write()
    writer.file.write(line(1)[:20])
    read = writer.log.read(0)
    assert (numbers(read), read.offset) == ([0], len(line(0)))
    writer.file.write(line(1)[20:])
    assert numbers(writer.log.read(read.offset)) == [1]


def test_a_torn_line_at_the_end_of_a_file_costs_no_line_of_the_next(writer: Writer) -> None:
    writer.file.write(line(0)[:20])
    offset = writer.log.read(0).offset
    writer.log.rotate(writer.reopen, limit=0)
    writer.number = 1
    writer.write()
    read = writer.log.read(offset)
    assert ([failure.epoch for failure in read.failures], read.damaged) == ([1], 1)


def test_a_log_that_was_replaced_is_read_from_its_start(writer: Writer) -> None:
    writer.write(2)
    assert numbers(writer.log.read(10**6)) == [0, 1]


def test_a_file_that_somebody_removed_is_told_as_damage(writer: Writer) -> None:
    for _ in range(2):
        writer.write(2)
        writer.log.rotate(writer.reopen, limit=0)
    min(writer.log.path.parent.glob("access.log.*")).unlink()
    read = writer.log.read(0)
    assert ([failure.epoch for failure in read.failures], read.damaged) == ([2, 3], 1)


DIES = """
import os, signal, sys
from pathlib import Path
from noren_bento.traffic.access_log import AccessLog
AccessLog(Path(sys.argv[1])).rotate(lambda: os.kill(os.getpid(), signal.SIGKILL), limit=1000)
"""


def wait_for(done: Callable[[], bool], seconds: float = 20.0) -> None:
    deadline = time.monotonic() + seconds
    while not done():
        assert time.monotonic() < deadline, f"not within {seconds:.0f} s"
        time.sleep(0.02)


@pytest.mark.slow
def test_under_load_each_failure_is_read_once_although_who_rotates_is_killed_before_envoy_is_asked(
    tmp_path: Path,
) -> None:
    bench = Bench(tmp_path)
    bench.apply(Route("m", "m@0", 1, "m/1"))
    bench.candidate.behaviour = "fails"
    bench.envoy.apply([Route("m", "m@1", 1, "m/1", "m/2", 50)], bench.upstreams)
    chosen: list[str] = []
    stop = threading.Event()

    def send() -> None:
        with httpx.Client() as client:
            while not stop.is_set():
                answer = client.post(f"http://127.0.0.1:{bench.port}/m/predict", content=b"{}")
                assert answer.status_code == 200
                chosen.append(answer.headers["x-noren-chosen"])

    senders = [threading.Thread(target=send) for _ in range(3)]
    log = bench.envoy.access_log
    found, offset, renamed, killed = 0, 0, set[str](), 0

    def read_on() -> None:
        nonlocal found, offset
        read = AccessLog(log.path).read(offset)
        assert not read.damaged
        found, offset = found + len(read.failures), read.offset

    def renamed_now() -> set[str]:
        return {path.name for path in tmp_path.glob("access.log.*")}

    try:
        for sender in senders:
            sender.start()
        while killed < 4:
            wait_for(lambda: log.path.exists() and log.path.stat().st_size > 2000)
            done = subprocess.run([sys.executable, "-c", DIES, str(log.path)], check=False)
            assert done.returncode == -signal.SIGKILL
            killed += 1
            assert not log.path.exists(), "it died between renaming and asking"
            renamed |= renamed_now()
            before = log.size()
            wait_for(lambda before=before: log.size() > before)  # Envoy writes on into the renamed file
            read_on()
            log.rotate(bench.envoy.reopen_log, limit=1000)
            wait_for(log.path.exists)
            read_on()
        stop.set()
        for sender in senders:
            sender.join()
        failed = chosen.count("m/2")
        wait_for(lambda: (read_on(), found >= failed)[1])
        assert found == failed > 40
        assert len(renamed) == 4
        assert len(renamed_now()) == 2, "older ones are removed"
    finally:
        stop.set()
        bench.close()
