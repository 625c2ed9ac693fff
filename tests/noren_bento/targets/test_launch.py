from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import httpx
import psutil
import pytest

from noren_bento.bento_build.build import Build
from noren_bento.serving.log.settings import read_log_settings
from noren_bento.settings import Settings, load_settings
from noren_bento.targets.launch import KEEP_ALIVE_SECONDS, log_settings_of, main, serve_command
from noren_bento.targets.ports import answers_ready, free_port, wait_ready
from tests.noren_bento.targets.waiting import until


def test_the_service_gets_its_own_home_counts_and_no_telemetry(tmp_path: Path) -> None:
    environ = {
        "PATH": "/bin",
        "PYTHONPATH": "/kernel",
        "BENTOML_CONFIG": "/other",
        "NOREN_INSTANCE": "mark",
        "NOREN_LOG": "/of/another/service",
    }
    command = serve_command(
        Path("/bentos/churn/3"),
        Path("/environment/bin/python"),
        port=4001,
        workers=2,
        state=tmp_path,
        max_body_bytes=77,
        environ=environ,
    )
    assert command.argv[:5] == ("/environment/bin/python", "-m", "bentoml", "serve", "/bentos/churn/3")
    assert "--host 127.0.0.1 --port 4001" in " ".join(command.argv)
    assert f"--timeout-keep-alive {KEEP_ALIVE_SECONDS}" in " ".join(command.argv)
    environment = command.environment
    assert environment["BENTOML_DO_NOT_TRACK"] == "true"
    assert environment["BENTOML_HOME"] == str(tmp_path / "bentoml")
    assert environment["NOREN_COUNTS"] == str(tmp_path / "counts")
    assert (environment["NOREN_WORKERS"], environment["NOREN_MAX_BODY_BYTES"]) == ("2", "77")
    assert environment["NOREN_INSTANCE"] == "mark"
    assert not {"PYTHONPATH", "BENTOML_CONFIG"} & environment.keys()
    assert read_log_settings(environment) is None


def test_the_service_gets_the_homes_settings_of_its_prediction_log(tmp_path: Path) -> None:
    arguments = {"home": tmp_path, "log_share": 0.25, "log_drop": "email, phone", "log_hash": ["a,b"]}
    settings = load_settings(arguments, environ={}, folder=Path("/"))
    log = log_settings_of(tmp_path / "predictions" / "churn" / "3", settings)
    command = serve_command(
        Path("/bento"),
        Path("/python"),
        port=1,
        workers=1,
        state=tmp_path,
        max_body_bytes=1,
        environ={"NOREN_LOG": "/of/another", "NOREN_LOG_SHARE": "1"},
        log=log,
    )
    assert read_log_settings(command.environment) == log
    assert (log.share, log.drop, log.hashed) == (0.25, ("email", "phone"), ("a,b",))


def test_another_bento_than_the_one_that_was_validated_is_not_started(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "bento").mkdir()
    monkeypatch.setattr(os, "environ", dict(os.environ))
    with pytest.raises(
        SystemExit, match=r"is not the bento that was built and validated.*Nothing of it was started"
    ):
        main([str(tmp_path / "bento"), "--port", "1", "--state", str(tmp_path), "--digest", "d" * 64])


def launch(build: Build, settings: Settings, state: Path, port: int) -> subprocess.Popen[bytes]:
    environment = {
        **os.environ,
        "NOREN_HOME": str(settings.home),
        "NOREN_ENVIRONMENTS": str(settings.environments),
    }
    arguments = [str(build.path), "--port", str(port), "--workers", "2", "--state", str(state)]
    with (state.parent / "service.log").open("ab") as log:
        return subprocess.Popen(
            [sys.executable, "-m", "noren_bento.targets.launch", *arguments],
            env=environment,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )


@pytest.mark.slow
def test_a_killed_master_takes_its_workers_along_so_that_the_next_can_start(
    built: Build, build_settings: Settings, tmp_path: Path
) -> None:
    port = free_port()
    first = launch(built, build_settings, tmp_path / "state", port)
    second = None
    try:
        assert wait_ready(port, 60), (tmp_path / "service.log").read_text()
        workers = psutil.Process(first.pid).children(recursive=True)
        until(lambda: len(psutil.Process(first.pid).children()) == 2)
        first.send_signal(signal.SIGKILL)
        first.wait()
        assert not psutil.wait_procs(workers, timeout=6)[1]
        second = launch(built, build_settings, tmp_path / "state", port)
        assert wait_ready(port, 60), (tmp_path / "service.log").read_text()
        workers = psutil.Process(second.pid).children(recursive=True)
        second.terminate()
        second.wait(timeout=20)
        assert not psutil.wait_procs(workers, timeout=6)[1]
    finally:
        for process in (first, second):
            if process is not None and process.poll() is None:
                process.kill()
                process.wait()


@pytest.mark.slow
def test_a_killed_worker_is_replaced_and_what_it_counted_is_kept(
    built: Build, build_settings: Settings, tmp_path: Path
) -> None:
    port = free_port()
    master = launch(built, build_settings, tmp_path / "state", port)
    try:
        assert wait_ready(port, 60), (tmp_path / "service.log").read_text()
        counts = tmp_path / "state" / "counts"
        until(lambda: len(list(counts.glob("*.counts"))) == 2)
        row = {f"n{place}": 0.5 for place in range(4)}
        for _ in range(40):
            assert httpx.post(f"http://127.0.0.1:{port}/predict", json={"rows": [row]}).status_code == 200
        until(lambda: 'noren_requests_total{model="served/1"} 40' in metrics(port))
        psutil.Process(master.pid).children(recursive=True)[0].kill()
        until(lambda: len(list(counts.glob("*.counts"))) == 3, 30)
        assert answers_ready(port)
        assert 'noren_requests_total{model="served/1"} 40' in metrics(port)
    finally:
        master.terminate()
        master.wait(timeout=20)


def metrics(port: int) -> str:
    return httpx.get(f"http://127.0.0.1:{port}/metrics").text


@pytest.mark.slow
def test_what_cannot_be_served_is_said_and_ends_with_an_error(
    tmp_path: Path, build_settings: Settings
) -> None:
    environment = {**os.environ, "NOREN_HOME": str(build_settings.home)}
    command = [
        sys.executable,
        "-m",
        "noren_bento.targets.launch",
        str(tmp_path),
        "--port",
        "1",
        "--state",
        str(tmp_path),
    ]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "is not a bento" in done.stderr
    assert "Traceback" not in done.stderr
