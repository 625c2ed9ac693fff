"""Door: who may ask a service. It stands in the service, so that it is the same behind Envoy, in a container, alone.

With a token (`NOREN_TOKEN`) whoever has it may. Without one only this machine may: a connection to another than a
loopback address is refused, and so is a page of the web, by its Host (which a rebound name betrays) and its Origin.
`NOREN_OPEN=1` says that something in front has asked already.
"""

from __future__ import annotations

import hmac
import ipaddress
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from noren_bento.errors import NorenError
from noren_bento.serving.refusal import Refusal, quote

TOKEN = "NOREN_TOKEN"  # noqa: S105 -- the name of a variable
OPEN = "NOREN_OPEN"
ALWAYS = frozenset({"/livez", "/readyz", "/healthz"})
"""What asks whether a service lives has no token, and is told nothing else."""
SHORTEST = 16
KEPT = 256


class Door:
    """Lets requests in, or says why not."""

    def __init__(self, token: str | None = None, *, is_open: bool = False) -> None:
        self._expected = f"Bearer {token}".encode() if token else None
        self._is_open = is_open
        self._let_in: set[tuple[Any, bytes | None, bytes | None]] = set()
        """Address, Host and Origin of requests that were let in: they are few, and reading them takes a while."""

    def refuse(self, scope: Mapping[str, Any], headers: Mapping[bytes, bytes]) -> Refusal | None:
        """Return why a request is not let in; None where it is."""
        if self._expected is not None:
            if hmac.compare_digest(headers.get(b"authorization", b""), self._expected):
                return None
            return Refusal("Send the service's token as authorization: Bearer TOKEN.", status=401)
        if self._is_open:
            return None
        server = scope.get("server")
        key = (server and server[0], headers.get(b"host"), headers.get(b"origin"))
        if key in self._let_in:
            return None
        refusal = _look(*key)
        if refusal is None:
            if len(self._let_in) >= KEPT:
                self._let_in.clear()
            self._let_in.add(key)
        return refusal


def door_of(environ: Mapping[str, str]) -> Door:
    """Read a service's door from its environment; raises NorenError for a token that could be guessed or not sent.

    >>> door_of({"NOREN_TOKEN": "secret"})
    Traceback (most recent call last):
    noren_bento.errors.NorenError: NOREN_TOKEN has 6 characters; it needs at least 16 visible ASCII ones. Make one \
with: python -c "import secrets; print(secrets.token_urlsafe(32))"
    """
    return Door(read_token(environ), is_open=is_opened(environ))


def read_token(environ: Mapping[str, str]) -> str | None:
    """The token in this environment; raises NorenError for one that is none."""
    token = environ.get(TOKEN, "")
    if not token:
        return None
    if len(token) < SHORTEST or not all("!" <= letter <= "~" for letter in token):
        raise NorenError(
            f"{TOKEN} has {len(token)} characters; it needs at least {SHORTEST} visible ASCII ones. "
            'Make one with: python -c "import secrets; print(secrets.token_urlsafe(32))"'
        )
    return token


def is_opened(environ: Mapping[str, str]) -> bool:
    """Whether something in front is said to ask who may."""
    return environ.get(OPEN, "") not in ("", "0")


def token_headers(environ: Mapping[str, str]) -> dict[str, str]:
    """What a request of our own to a service carries."""
    token = environ.get(TOKEN)
    return {"authorization": f"Bearer {token}"} if token else {}


def is_loopback(host: str) -> bool:
    """Whether a name or an address is this machine's own.

    >>> [is_loopback(host) for host in ("127.0.0.1", "::1", "localhost", "0.0.0.0", "localhost.example.org")]
    [True, True, True, False, False]
    """
    name = host.lower().rstrip(".")
    if name == "localhost" or name.endswith(".localhost"):
        return True
    try:
        address = ipaddress.ip_address(name)
    except ValueError:
        return False
    mapped = getattr(address, "ipv4_mapped", None)
    return bool((mapped or address).is_loopback)


def _look(address: Any, host: bytes | None, origin: bytes | None) -> Refusal | None:
    if address is not None and not address.startswith("/") and not is_loopback(address):
        return Refusal(
            f"This service is asked from outside of its machine and has no token: set {TOKEN}, or {OPEN}=1 where "
            "something in front of it asks who may.",
            status=403,
        )
    if not is_loopback(_host_of(b"//" + (host or b""))):
        return Refusal(
            f"Host {quote((host or b'').decode('latin-1'))} is not this machine's; ask 127.0.0.1 or localhost.",
            status=421,
        )
    if origin is not None and not is_loopback(_host_of(origin)):
        return Refusal("Pages of another origin may not ask this service.", status=403)
    return None


def _host_of(address: bytes) -> str:
    try:
        return urlsplit(address.decode("ascii")).hostname or ""
    except ValueError:
        return ""
