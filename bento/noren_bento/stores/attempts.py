"""Attempts at making a version: marked while they run, undone when interrupted, swept when their process was killed."""

from __future__ import annotations

import logging
import os
import shutil
import socket
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from urllib.request import url2pathname

import psutil

from noren_bento.errors import NorenError
from noren_bento.stores.reach import is_server

log = logging.getLogger("noren.attempts")

PENDING = "noren.pending"
"""Run tag while a version is being made: the host, pid and start time of the process that makes it; then `no`."""
DONE = "no"
ATTEMPT = "noren.attempt"

_under_way: set[str] = set()
"""Attempts of this process. What carries its mark and is not here could not be undone, and may be swept."""


@contextmanager
def attempt(client: Any, name: str, *, experiment: str, uri: str) -> Iterator[dict[str, str]]:
    """Give the tags that mark a run as being made; whatever interrupts the block is undone.

    What cannot be undone, because the store does not answer or cannot be written, is left to the next tag's sweep.
    """
    mark = uuid.uuid4().hex
    new_name = not client.search_registered_models(f"name = '{name}'")
    _under_way.add(mark)
    try:
        yield {PENDING: this_process(), ATTEMPT: mark}
    except BaseException as error:
        if not (is_server(uri) and _is_of_the_store(error)):
            try:
                _undo(client, name, experiment=experiment, mark=mark, new_name=new_name)
            except Exception as second:
                if not _is_of_the_store(second):
                    raise
                log.warning("what was begun of %s is left to the next tag: %s", name, second)
        raise
    finally:
        _under_way.discard(mark)


def _is_of_the_store(error: BaseException) -> bool:
    from mlflow.exceptions import MlflowException  # noqa: PLC0415 -- heavy

    return isinstance(error, MlflowException | OSError | NorenError)


def _undo(client: Any, name: str, *, experiment: str, mark: str, new_name: bool) -> None:
    """Remove what an interrupted attempt left: the version if it got so far, the run, its files, an empty name.

    Only a name that was not there before: deleting one deletes all its versions, those of another process too.
    """
    runs = client.search_runs([experiment], f"tags.`{ATTEMPT}` = '{mark}'")
    ours = {run.info.run_id for run in runs}
    versions = list(client.search_model_versions(f"name = '{name}'"))
    for version in versions:
        if version.run_id in ours:
            client.delete_model_version(name, version.version)
    others = {version.run_id for version in versions} - ours
    if new_name and not others and client.search_registered_models(f"name = '{name}'"):
        client.delete_registered_model(name)
    for run in runs:
        delete_run(client, run)


def delete_run(client: Any, run: Any) -> None:
    """Delete a run and its files: these first, since a deleted run is not found again."""
    if folder := local_path(run.info.artifact_uri):
        shutil.rmtree(folder.parent, ignore_errors=True)
    client.delete_run(run.info.run_id)


def sweep(client: Any, experiment: str) -> None:
    """Finish or remove what killed processes of this machine, and failed attempts of this one, left behind."""
    for run in client.search_runs([experiment], f"tags.`{PENDING}` != '{DONE}'"):
        if _is_under_way(run.data.tags):
            continue
        if client.search_model_versions(f"run_id = '{run.info.run_id}'"):
            client.set_terminated(run.info.run_id)
            client.set_tag(run.info.run_id, PENDING, DONE)
        else:
            delete_run(client, run)


def this_process() -> str:
    """Name this process: host, pid and start time, since pids are used again."""
    return f"{socket.gethostname()} {os.getpid()} {psutil.Process().create_time():.2f}"


def _is_under_way(tags: dict[str, str]) -> bool:
    """Whether an attempt must be left alone: its process is at it, or on another machine, where nobody can see."""
    owner = tags[PENDING]
    if owner == DONE:
        return True  # it was finished between the question and the answer
    if owner == this_process():
        return tags.get(ATTEMPT) in _under_way
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
