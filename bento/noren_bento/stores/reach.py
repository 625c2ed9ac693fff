"""Whether MLflow answers at all, asked within seconds: by itself it would wait four minutes."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable
from concurrent.futures import Future, wait
from threading import Thread
from typing import TypeVar
from urllib.parse import urlsplit

from noren_bento.errors import UnreachableError
from noren_bento.masking import mask_credentials

Result = TypeVar("Result")

PORTS = {"postgresql": 5432, "mysql": 3306, "mssql": 1433}
CONNECT_SECONDS = 3.0
FRESH_SECONDS = 2.0
"""For so long the answer of an HTTP server is believed: a tag asks ten times."""
LOOK_SECONDS = 0.5

_SSL_REQUEST = bytes.fromhex("0000000804d2162f")
"""What a PostgreSQL server answers with S or N before anything else is said."""
_answered_at: dict[str, float] = {}


def is_server(uri: str) -> bool:
    """Whether this is the address of an MLflow server."""
    return urlsplit(uri).scheme in ("http", "https")


def is_database(uri: str) -> bool:
    """Whether this is the address of a database server."""
    return _dialect(uri) in PORTS


def require_answer(uri: str) -> None:
    """Raise UnreachableError unless the server behind a URI answers; files always do."""
    if is_server(uri):
        if time.monotonic() - _answered_at.get(uri, -FRESH_SECONDS) >= FRESH_SECONDS:
            _require_health(uri)
            _answered_at[uri] = time.monotonic()
    elif is_database(uri) and urlsplit(uri).hostname:
        _require_database(uri)


def run_while_answering(uri: str, work: Callable[[], Result]) -> Result:
    """Do slow work, such as an upload; raise UnreachableError as soon as the server behind a URI is gone meanwhile."""
    done: Future[Result] = Future()

    def run() -> None:
        try:
            done.set_result(work())
        except BaseException as error:  # whatever it is, it is raised where the work was asked for
            done.set_exception(error)

    Thread(target=run, name="mlflow-files", daemon=True).start()
    while not wait([done], timeout=LOOK_SECONDS).done:
        try:
            require_answer(uri)
        except UnreachableError:
            require_answer(uri)  # a server that takes a large file may miss one deadline
    return done.result()


def _require_health(uri: str) -> None:
    import httpx  # noqa: PLC0415 -- only remote stores need it

    try:
        answer = httpx.get(f"{uri.rstrip('/')}/health", timeout=CONNECT_SECONDS)
    except httpx.HTTPError as error:
        raise unreachable(uri, str(error) or type(error).__name__) from None
    if answer.status_code >= 500:
        raise unreachable(uri, f"it answers {answer.status_code}")


def _require_database(uri: str) -> None:
    """Ask for the first byte: a server that hangs accepts connections too, since the kernel does that for it."""
    parts, dialect = urlsplit(uri), _dialect(uri)
    try:
        with socket.create_connection(
            (parts.hostname, parts.port or PORTS[dialect]), timeout=CONNECT_SECONDS
        ) as connection:
            if dialect == "postgresql":
                connection.sendall(_SSL_REQUEST)
            if dialect in ("postgresql", "mysql") and not connection.recv(1):
                raise unreachable(uri, "it closes the connection")
    except OSError as error:
        raise unreachable(uri, str(error)) from None


def _dialect(uri: str) -> str:
    return urlsplit(uri).scheme.partition("+")[0]


def unreachable(uri: str, why: str) -> UnreachableError:
    """Make the error for a store that does not answer."""
    return UnreachableError(
        f"MLflow at {mask_credentials(uri)} does not answer: {mask_credentials(why)}. "
        "Start it, or set NOREN_TRACKING_URI to one that runs; without it Noren uses a file of its own."
    )
