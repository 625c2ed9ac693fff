"""Whether MLflow answers at all, asked within seconds: by itself it would wait four minutes."""

from __future__ import annotations

import socket
from urllib.parse import urlsplit

from noren_bento.errors import UnreachableError
from noren_bento.masking import mask_credentials

PORTS = {"http": 80, "https": 443, "postgresql": 5432, "mysql": 3306, "mssql": 1433}
CONNECT_SECONDS = 3.0


def require_answer(uri: str) -> None:
    """Raise UnreachableError unless the server behind a URI answers; files always do."""
    parts = urlsplit(uri)
    scheme = parts.scheme.partition("+")[0]
    if not parts.hostname or scheme not in PORTS:
        return
    if scheme in ("http", "https"):
        _require_health(uri)
        return
    try:
        socket.create_connection(
            (parts.hostname, parts.port or PORTS[scheme]), timeout=CONNECT_SECONDS
        ).close()
    except OSError as error:
        raise unreachable(uri, str(error)) from None


def _require_health(uri: str) -> None:
    import httpx  # noqa: PLC0415 -- only remote stores need it

    try:
        answer = httpx.get(f"{uri.rstrip('/')}/health", timeout=CONNECT_SECONDS)
    except httpx.HTTPError as error:
        raise unreachable(uri, str(error) or type(error).__name__) from None
    if answer.status_code >= 500:
        raise unreachable(uri, f"it answers {answer.status_code}")


def unreachable(uri: str, why: str) -> UnreachableError:
    """Make the error for a store that does not answer."""
    return UnreachableError(
        f"MLflow at {mask_credentials(uri)} does not answer: {mask_credentials(why)}. "
        "Start it, or set NOREN_TRACKING_URI to one that runs; without it Noren uses a file of its own."
    )
