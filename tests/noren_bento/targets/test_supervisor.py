"""A real supervisord: what it is given, what it says, and what is left when it or its callers die."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator

import psutil
import pytest

from noren_bento.errors import NorenError, UnreachableError
from noren_bento.targets.marked import CALLER, MARK, end, marked_processes, orphans, this_caller
from noren_bento.targets.rpc import ANSWER_SECONDS
from noren_bento.targets.supervisor import Program, Supervisor
from tests.noren_bento.targets.waiting import until

pytestmark = pytest.mark.slow

TELL = "import json, os, sys, time; json.dump([sys.argv, dict(os.environ)], open(sys.argv[1], 'w')); time.sleep(600)"
ODD = ("", " ; x", "%(here)s", "it's", '"', "[x]", "#", "a=b", "\\", "$HOME `id` ~ *", "é雪\u2028")


@pytest.fixture
def supervisor(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Supervisor]:
    folder = tmp_path_factory.mktemp("run")
    supervisor = Supervisor(folder, socket=folder / "s.sock", mark=f"test {folder}")
    yield supervisor
    supervisor.shut_down()
    assert not marked_processes(supervisor.mark)


def program(supervisor: Supervisor, name: str, *command: str, **changes: object) -> Program:
    command = command or (sys.executable, "-c", "import time; time.sleep(600)")
    environment = ((MARK, supervisor.mark),)
    given = {"log": supervisor.folder / f"{name}.log", "environment": environment, "start_seconds": 0}
    return Program(name, command, **(given | changes))  # type: ignore[arg-type]


def pid(supervisor: Supervisor, name: str) -> int:
    return supervisor.states()[name].pid


def wait_running(supervisor: Supervisor, name: str) -> int:
    until(lambda: name in supervisor.states() and supervisor.states()[name].state == "RUNNING")
    return pid(supervisor, name)


def test_words_and_variables_reach_the_program_exactly_and_the_caller_s_secrets_nobody(
    supervisor: Supervisor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GITHUB_TOKEN", "secret")
    monkeypatch.setenv("MLFLOW_TRACKING_TOKEN", "100 %(x)s; # for control")
    monkeypatch.setenv("NOREN_CALLER", "1 1.0")
    told = supervisor.folder / "told 'so' 100 %;.json"
    values = tuple((f"NOREN_ODD_{place}", value) for place, value in enumerate(ODD))
    odd = program(supervisor, "odd", sys.executable, "-c", TELL, str(told), *ODD)
    odd = program(supervisor, "odd", *odd.command, environment=(*odd.environment, *values))
    supervisor.write(odd)
    supervisor.start()
    until(lambda: told.exists() and told.read_bytes().endswith(b"]"))
    words, environment = json.loads(told.read_text())
    assert words == ["-c", str(told), *ODD]
    assert {name: environment[name] for name, _ in values} == dict(values)
    assert environment[MARK] == supervisor.mark
    assert environment["MLFLOW_TRACKING_TOKEN"] == "100 %(x)s; # for control"
    assert not {"GITHUB_TOKEN", "NOREN_CALLER"} & environment.keys()


def test_a_hung_supervisord_is_told_within_six_seconds_and_what_it_keeps_goes_on(
    supervisor: Supervisor,
) -> None:
    supervisor.write(program(supervisor, "kept"))
    supervisor.start()
    kept = wait_running(supervisor, "kept")
    stopped = supervisor.pid()
    os.kill(stopped, signal.SIGSTOP)
    try:
        began = time.monotonic()
        with pytest.raises(UnreachableError, match="did not answer within 5 s"):
            supervisor.states()
        assert time.monotonic() - began < ANSWER_SECONDS + 1
        assert supervisor.living() == stopped
        assert psutil.pid_exists(kept)
    finally:
        os.kill(stopped, signal.SIGCONT)
    assert pid(supervisor, "kept") == kept


def test_a_hung_supervisord_is_ended_with_all_that_it_keeps(supervisor: Supervisor) -> None:
    supervisor.write(program(supervisor, "kept"))
    supervisor.start()
    wait_running(supervisor, "kept")
    os.kill(supervisor.pid(), signal.SIGSTOP)
    supervisor.shut_down()
    assert not marked_processes(supervisor.mark)
    assert supervisor.living() is None


def test_one_that_is_ending_already_is_ended(supervisor: Supervisor) -> None:
    deaf = (
        "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('deaf'); time.sleep(600)"
    )
    slow = program(supervisor, "slow", sys.executable, "-uc", deaf, stop_seconds=3)
    supervisor.write(slow)
    supervisor.start()
    until(lambda: slow.log.exists() and "deaf" in slow.log.read_text())
    os.kill(supervisor.pid(), signal.SIGTERM)
    until(lambda: not supervisor.is_running())
    supervisor.shut_down()
    assert not marked_processes(supervisor.mark)


def test_without_a_supervisord_one_is_told_what_to_do(supervisor: Supervisor) -> None:
    with pytest.raises(UnreachableError, match="`noren up` starts them"):
        supervisor.states()
    supervisor.start()
    killed = supervisor.pid()
    os.kill(killed, signal.SIGKILL)
    until(lambda: supervisor.living() is None)
    with pytest.raises(UnreachableError, match=r"is not running .*`noren up` starts it"):
        supervisor.states()
    assert not supervisor.is_running()


def test_a_changed_program_is_started_anew_without_waiting_and_no_other_is_touched(
    supervisor: Supervisor,
) -> None:
    supervisor.start()
    deaf = (
        "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('deaf'); time.sleep(600)"
    )
    old = program(supervisor, "changing", sys.executable, "-uc", deaf, stop_seconds=2)
    assert supervisor.add(old)
    assert supervisor.add(program(supervisor, "other"))
    first, other = wait_running(supervisor, "changing"), wait_running(supervisor, "other")
    until(lambda: old.log.exists() and "deaf" in old.log.read_text())
    new = program(supervisor, "changing", sys.executable, "-c", "import time; time.sleep(599)")
    began = time.monotonic()
    assert not supervisor.add(new), "the old one takes two seconds to end"
    assert time.monotonic() - began < 1.5
    until(lambda: supervisor.add(new))
    second = wait_running(supervisor, "changing")
    assert first != second
    # While a process becomes another program its command line is empty.
    until(lambda: any("time.sleep(599)" in word for word in psutil.Process(second).cmdline()))
    assert supervisor.add(new), "nothing is left to do"
    assert (pid(supervisor, "changing"), pid(supervisor, "other")) == (second, other)


def test_a_program_that_cannot_start_is_said_to_have_failed_and_can_be_replaced(
    supervisor: Supervisor,
) -> None:
    supervisor.start()
    supervisor.add(program(supervisor, "other"))
    other = wait_running(supervisor, "other")
    supervisor.add(program(supervisor, "bad", "/no/such/program", start_seconds=1, start_retries=0))
    until(lambda: supervisor.states()["bad"].state == "FATAL")
    assert supervisor.states()["bad"].ended
    assert supervisor.states()["bad"].quiet_seconds < 30
    supervisor.add_and_wait(program(supervisor, "bad"))
    wait_running(supervisor, "bad")
    assert pid(supervisor, "other") == other


def test_what_is_removed_ends_with_its_children_and_is_forgotten_by_sweep(supervisor: Supervisor) -> None:
    supervisor.start()
    parent = "import subprocess, sys; subprocess.run([sys.executable, '-c', 'import time; time.sleep(600)'])"
    supervisor.add(program(supervisor, "gone", sys.executable, "-c", parent))
    supervisor.add(program(supervisor, "kept"))
    family = psutil.Process(wait_running(supervisor, "gone"))
    kept = wait_running(supervisor, "kept")
    until(lambda: family.children(recursive=True))
    members = [family, *family.children(recursive=True)]
    supervisor.remove("gone")
    supervisor.sweep()
    assert not psutil.wait_procs(members, timeout=10)[1]
    until(lambda: (supervisor.sweep(), "gone" not in supervisor.states())[1])
    supervisor.remove("gone")  # once more is no mistake
    assert supervisor.programs().keys() == {"kept"}
    assert pid(supervisor, "kept") == kept


def test_what_dies_is_started_again(supervisor: Supervisor) -> None:
    supervisor.write(program(supervisor, "kept"))
    supervisor.start()
    first = wait_running(supervisor, "kept")
    os.kill(first, signal.SIGKILL)
    until(lambda: supervisor.states()["kept"].pid not in (0, first))


def test_a_damaged_file_of_a_program_counts_as_none(supervisor: Supervisor) -> None:
    supervisor.write(program(supervisor, "good"))
    supervisor.programs_folder.joinpath("bad.json").write_text('{"name": "bad"')
    assert supervisor.programs().keys() == {"good"}
    supervisor.start()
    wait_running(supervisor, "good")
    supervisor.add(program(supervisor, "bad"))
    wait_running(supervisor, "bad")


def test_a_supervisord_that_does_not_start_says_why(supervisor: Supervisor) -> None:
    supervisor.folder.joinpath("supervisord.log").mkdir()
    with pytest.raises(NorenError, match=r"supervisord did not start: .*supervisord\.log"):
        supervisor.start()


def test_orphans_are_reclaimed_but_not_what_a_living_caller_has_started(supervisor: Supervisor) -> None:
    supervisor.write(program(supervisor, "orphan"))
    supervisor.start()
    orphan = wait_running(supervisor, "orphan")
    os.kill(supervisor.pid(), signal.SIGKILL)
    until(lambda: supervisor.living() is None)

    def sleeper(**environment: str) -> subprocess.Popen[bytes]:
        command = [sys.executable, "-c", "import time; time.sleep(600)"]
        return subprocess.Popen(command, env={**os.environ, MARK: supervisor.mark, **environment})

    dead = f"{orphan} 1.0"  # the id is in use again, by a process that started at another time
    mine, left, other = sleeper(**{CALLER: this_caller()}), sleeper(**{CALLER: dead}), sleeper(**{MARK: "x"})
    try:
        until(lambda: {mine.pid, left.pid} <= {process.pid for process in marked_processes(supervisor.mark)})
        assert {process.pid for process in orphans(supervisor.mark)} == {orphan, left.pid}
        assert set(supervisor.reclaim_orphans()) == {orphan, left.pid}
        assert not psutil.pid_exists(left.pid)
        assert mine.poll() is None
        assert other.poll() is None
    finally:
        end([psutil.Process(process.pid) for process in (mine, other)])
        for process in (mine, left, other):
            process.wait(5)
