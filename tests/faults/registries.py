"""Registries to break: PostgreSQL and MLflow's server as processes of a test's own, on loopback, ended with it."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path

import httpx
import pytest

from noren_bento.settings import Settings, load_settings

DEBIAN = Path("/usr/lib/postgresql")


def settings_of(home: Path, uri: str | None = None) -> Settings:
    """Settings of a home, with a tracking URI or with the SQLite file of its own."""
    given: dict[str, object] = {"home": home} | ({"tracking_uri": uri} if uri else {})
    return load_settings(given, environ={}, folder=Path("/"))


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


def wait_until(done: Callable[[], bool], seconds: float, what: str) -> None:
    deadline = time.monotonic() + seconds
    while not done():
        assert time.monotonic() < deadline, f"{what}: not within {seconds} s"
        time.sleep(0.05)


def why_no_postgres() -> str | None:
    """Why PostgreSQL cannot be started here; None where it can."""
    if _binaries() is None:
        return "PostgreSQL is not installed (Debian: apt-get install postgresql)"
    if find_spec("psycopg") is None:
        return "psycopg is not installed (the extra `postgres`)"
    if os.getuid() == 0 and not (shutil.which("runuser") and _has_user("postgres")):
        return "PostgreSQL refuses to run as root, and there is no user postgres"
    return None


@contextmanager
def postgres() -> Iterator[str]:
    """A fresh PostgreSQL cluster; gives the URI of an empty database. Skips the test where there is no PostgreSQL."""
    if why := why_no_postgres():
        pytest.skip(why)
    binaries = _binaries()
    assert binaries is not None
    # Not under pytest's own folder: initdb refuses root, and another user may not look into a folder of root's.
    folder = Path(tempfile.mkdtemp(prefix="noren-postgres-"))
    user: list[str] = []
    if os.getuid() == 0:
        shutil.chown(folder, "postgres")
        user = ["runuser", "-u", "postgres", "--"]
    port = free_port()
    control = [*user, str(binaries / "pg_ctl"), "-D", str(folder / "data"), "-w"]
    options = f"-p {port} -h 127.0.0.1 -k {folder} -c fsync=off -c max_connections=200"
    try:
        _run([*user, str(binaries / "initdb"), "-D", str(folder / "data"), "-U", "noren", "-A", "trust"])
        _run([*control, "-o", options, "-l", str(folder / "log"), "start"])
        try:
            _run(
                [
                    *user,
                    str(binaries / "createdb"),
                    "-h",
                    "127.0.0.1",
                    "-p",
                    str(port),
                    "-U",
                    "noren",
                    "mlflow",
                ]
            )
            yield f"postgresql+psycopg://noren@127.0.0.1:{port}/mlflow"
        finally:
            _run([*control, "-m", "immediate", "stop"])
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def mlflow_server(folder: Path, backend: str | None = None) -> Iterator[str]:
    """MLflow's server over a fresh SQLite file, or over another backend; gives its URI."""
    port = free_port()
    uri = f"http://127.0.0.1:{port}"
    command = [
        sys.executable, "-m", "mlflow", "server", "--host", "127.0.0.1", "--port", str(port), "--workers", "1",
        "--backend-store-uri", backend or f"sqlite:///{folder}/mlflow.db",
        "--artifacts-destination", f"{folder}/files",
    ]  # fmt: skip
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "log").open("wb") as log:
        server = subprocess.Popen(command, stdout=log, stderr=log, start_new_session=True, cwd=folder)
    try:
        wait_until(lambda: _answers(uri), 90, f"mlflow server, {folder / 'log'}")
        yield uri
    finally:
        os.killpg(server.pid, signal.SIGTERM)
        server.wait(30)


def _answers(uri: str) -> bool:
    try:
        return httpx.get(f"{uri}/health", timeout=2).status_code == 200
    except httpx.HTTPError:
        return False


def _binaries() -> Path | None:
    """The folder of PostgreSQL's programs; Debian keeps them off the path."""
    found = [path.parent for path in DEBIAN.glob("*/bin/initdb")] if DEBIAN.is_dir() else []
    if found:
        return max(found, key=lambda path: float(path.parent.name))
    on_path = shutil.which("initdb")
    return Path(on_path).resolve().parent if on_path else None


def _has_user(name: str) -> bool:
    import pwd

    return any(one.pw_name == name for one in pwd.getpwall())


def _run(command: list[str]) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60, cwd="/")
    assert done.returncode == 0, f"{command}: {done.stdout}{done.stderr}"
