"""Opening MLflow's store: once a process, one process at a time, with bounded waits and one kind of error."""

# ruff: noqa: PLC0415 -- heavy libraries are imported where they are used

from __future__ import annotations

import logging
import os
import uuid
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from functools import cache
from pathlib import Path
from typing import Any

from filelock import FileLock

from noren_bento.errors import NorenError
from noren_bento.masking import mask_credentials
from noren_bento.stores.reach import is_database, is_server, unreachable

QUICK = {
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "4",
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "1",
    "MLFLOW_HTTP_RESPECT_RETRY_AFTER_HEADER": "false",  # a server that says "in an hour" is one that does not answer
    "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
    "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true",
    "PGCONNECT_TIMEOUT": "3",
}
BULK = QUICK | {"MLFLOW_HTTP_REQUEST_TIMEOUT": "120"}
LOCK = 0x4E4F52454E
"""Number of PostgreSQL's advisory lock around the first open."""


@cache
def open_client(uri: str) -> Any:
    """Return a client of an open store; the same one each time.

    A lock stands around it: processes that open a fresh store together break it for good, SQLite as PostgreSQL.
    """
    os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
    for chatty, level in (("alembic", logging.WARNING), ("mlflow.store.db.utils", logging.CRITICAL)):
        logging.getLogger(chatty).setLevel(level)  # what fails there is raised too, and said once
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of MLflow about its own imports; a user can do nothing about them
        from mlflow import MlflowClient

        if is_server(uri):
            return MlflowClient(tracking_uri=uri, registry_uri=uri)
        with _one_at_a_time(uri):
            if path := _sqlite_file(uri):
                _make_whole(path)
            return _connect(uri)


def _connect(uri: str) -> Any:
    from mlflow import MlflowClient

    client = MlflowClient(tracking_uri=uri, registry_uri=uri)
    client.get_experiment("0")
    client.search_registered_models(max_results=1)
    return client


def _sqlite_file(uri: str) -> Path | None:
    found = uri.removeprefix("sqlite:///").partition("?")[0]
    return Path(found) if uri.startswith("sqlite:///") and found else None


def _make_whole(path: Path) -> None:
    """Make a fresh SQLite store under another name first: one whose making was killed half way opens never again."""
    if path.exists():
        return
    for leftover in path.parent.glob(f".{path.name}.begun-*"):
        leftover.unlink()
    # A name of its own each time: MLflow keeps connections to the file of an attempt that failed.
    begun = path.with_name(f".{path.name}.begun-{uuid.uuid4().hex}")
    _connect(f"sqlite:///{begun}")
    begun.rename(path)


def _one_at_a_time(uri: str) -> Any:
    if is_database(uri):
        return _database_lock(uri)
    path = _sqlite_file(uri)
    if path is None:
        return nullcontext()
    if path.is_file() and not os.access(path.parent, os.W_OK):
        return nullcontext()  # a store that nobody can write to here is not a fresh one
    path.parent.mkdir(parents=True, exist_ok=True)
    return FileLock(f"{path}.lock")


@contextmanager
def _database_lock(uri: str) -> Iterator[None]:
    """Hold a lock in the database itself, since those who open it may be on several machines.

    Connecting first also says at once what is wrong: MLflow by itself tries again for a hundred seconds.
    """
    import sqlalchemy

    try:
        engine = sqlalchemy.create_engine(uri, poolclass=sqlalchemy.NullPool)
        connection = engine.connect()
    except ModuleNotFoundError as error:
        raise NorenError(
            f"MLflow at {mask_credentials(uri)} needs {error.name}, which is not installed. For PostgreSQL: "
            "pip install 'noren[postgres]', and begin the address with postgresql+psycopg://."
        ) from None
    except sqlalchemy.exc.SQLAlchemyError as error:
        raise unreachable(uri, _first_line(error)) from None
    with connection, connection.begin():
        if engine.dialect.name == "postgresql":
            connection.execute(sqlalchemy.text(f"SELECT pg_advisory_xact_lock({LOCK})"))
        yield
    engine.dispose()


@contextmanager
def explained(uri: str) -> Iterator[None]:
    """Make MLflow's errors ours."""
    try:
        yield
    except Exception as error:
        from mlflow.exceptions import MlflowException

        if is_server(uri) and isinstance(error, OSError) and error.errno is None:
            raise unreachable(
                uri, _first_line(error)
            ) from None  # of the library that carries files over HTTP
        if type(error).__module__.startswith("sqlalchemy."):
            raise _explain(
                uri, 500, _first_line(error)
            ) from None  # while the tables of a fresh store are made
        if not isinstance(error, MlflowException):
            raise
        # Not `from error`: MLflow writes the address that it asked into its errors, credentials and all.
        raise _explain(uri, int(error.get_http_status_code()), _first_line(error)) from None  # type: ignore[no-untyped-call]


def _explain(uri: str, code: int, said: str) -> NorenError:
    if code >= 500 and (is_server(uri) or is_database(uri)):
        return unreachable(uri, said)
    shown = mask_credentials(uri)
    if "disk is full" in said or "disk I/O error" in said:
        return NorenError(
            f"MLflow's store {shown} cannot be written: {said}. Free some space, then try again."
        )
    if "readonly" in said or "unable to open database" in said:
        return NorenError(
            f"MLflow's store {shown} cannot be written: {said}. Set NOREN_HOME to a folder that is yours."
        )
    return NorenError(f"MLflow at {shown} refused: {said}")


def _first_line(error: Exception) -> str:
    # SQLAlchemy puts advice for programmers before what went wrong
    lines = [
        line
        for line in mask_credentials(str(error)).strip().splitlines()
        if not line.startswith("(raised as a result")
    ]
    return (lines[0] if lines else type(error).__name__)[:300]


@contextmanager
def environment(values: dict[str, str]) -> Iterator[None]:
    """Set environment variables for a while: MLflow reads its timeouts there at each call."""
    before = {name: os.environ.get(name) for name in values}
    os.environ.update(values)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value
