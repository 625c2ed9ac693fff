"""Attempts at making a version: marked while they run, undone when interrupted, swept when their process was killed."""

from __future__ import annotations

import os
import shutil
import socket
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from urllib.request import url2pathname

import psutil

PENDING = "noren.pending"
"""Run tag while a version is being made: the host, pid and start time of the process that makes it; then `no`."""
DONE = "no"
ATTEMPT = "noren.attempt"


def undo(client: Any, name: str, experiment: str, attempt: str) -> None:
    """Remove what an interrupted attempt left: the version if it got so far, the run, its files, an empty name."""
    runs = client.search_runs([experiment], f"tags.`{ATTEMPT}` = '{attempt}'")
    ours = {run.info.run_id for run in runs}
    versions = list(client.search_model_versions(f"name = '{name}'"))
    for version in versions:
        if version.run_id in ours:
            client.delete_model_version(name, version.version)
    if {version.run_id for version in versions} <= ours and client.search_registered_models(
        f"name = '{name}'"
    ):
        client.delete_registered_model(name)
    for run in runs:
        _delete_run(client, run)


def _delete_run(client: Any, run: Any) -> None:
    client.delete_run(run.info.run_id)
    if folder := local_path(run.info.artifact_uri):
        shutil.rmtree(folder.parent, ignore_errors=True)


def sweep(client: Any, experiment: str) -> None:
    """Finish or remove what killed processes of this machine left behind."""
    for run in client.search_runs([experiment], f"tags.`{PENDING}` != '{DONE}'"):
        if _is_alive(run.data.tags[PENDING]):
            continue
        if client.search_model_versions(f"run_id = '{run.info.run_id}'"):
            client.set_terminated(run.info.run_id)
            client.set_tag(run.info.run_id, PENDING, DONE)
        else:
            _delete_run(client, run)


def this_process() -> str:
    """Name this process: host, pid and start time, since pids are used again."""
    return f"{socket.gethostname()} {os.getpid()} {psutil.Process().create_time():.2f}"


def _is_alive(owner: str) -> bool:
    """Whether the process is running; one of another machine counts as running."""
    host, pid, created = owner.split(" ")
    if host != socket.gethostname():
        return True
    try:
        return f"{psutil.Process(int(pid)).create_time():.2f}" == created
    except psutil.NoSuchProcess:
        return False


def local_path(uri: str) -> Path | None:
    """Return the path behind an artefact URI, where it lies on this machine."""
    parts = urlsplit(uri)
    if parts.scheme == "file":
        return Path(url2pathname(parts.path))
    return Path(uri) if not parts.scheme else None
