"""Rpc: supervisord's XML-RPC over its unix socket, with a deadline: who asks one that hangs must not hang with it."""

from __future__ import annotations

import http.client
import xmlrpc.client
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from noren_bento.errors import NorenError, UnreachableError
from noren_bento.unix_http import UnixConnection

ANSWER_SECONDS = 5.0
"""supervisord answers at once, or is stuck, or the machine is very busy."""


@contextmanager
def asking(socket: Path, *, logs: Path) -> Iterator[Any]:
    """Yield the proxy whose methods supervisord answers; `logs` is where its log lies, for messages.

    Raises UnreachableError where it does not answer, and NorenError with its reason where it refuses.
    """
    if not socket.exists():
        raise UnreachableError("Noren's processes are not running. `noren up` starts them.")
    transport = _Transport(socket)
    try:
        yield xmlrpc.client.ServerProxy("http://127.0.0.1", transport=transport)
    except xmlrpc.client.Fault as fault:
        raise NorenError(f"supervisord refused: {fault.faultString}. Its log: {logs}.") from None
    except TimeoutError:
        raise UnreachableError(
            f"supervisord did not answer within {ANSWER_SECONDS:.0f} s. Where the machine is busy, wait; where it "
            "hangs, `noren down` ends it with all that it keeps, and `noren up` starts all anew."
        ) from None
    except (OSError, http.client.HTTPException) as error:
        raise UnreachableError(
            f"supervisord is not running ({error}). `noren up` starts it and takes back what still runs."
        ) from None
    finally:
        transport.close()


class _Transport(xmlrpc.client.Transport):
    """XML-RPC over a unix socket with a deadline, which supervisor's own transport lacks."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self._path = path

    def make_connection(self, host: Any) -> http.client.HTTPConnection:
        """Return the one connection, made at the first call."""
        known, connection = self._connection
        if connection is None or known != host:
            connection = UnixConnection(self._path, ANSWER_SECONDS)
            self._connection = host, connection
        return connection
