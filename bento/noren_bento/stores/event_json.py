"""Events as JSON, in one place: for the store, the control API and `noren export`."""

from __future__ import annotations

from typing import Any

import msgspec

from noren_bento.errors import NorenError
from noren_bento.release import event as ev
from noren_bento.release.event import Event

_BODIES: dict[str, type[ev.Body]] = {
    ev.kind_of(kind): kind
    for kind in (
        ev.Opened, ev.Built, ev.Rebuilt, ev.Validated, ev.Approved, ev.Requested, ev.Started, ev.Stepped, ev.Judged,
        ev.Promoted, ev.RolledBack, ev.Alerted,
    )
}  # fmt: skip


def encode_body(body: ev.Body) -> bytes:
    """Return an event's body as JSON.

    >>> encode_body(ev.Approved("ab12", note="report read"))
    b'{"digest":"ab12","note":"report read"}'
    """
    return msgspec.json.encode(body)


def decode_body(kind: str, data: bytes) -> ev.Body:
    """Return the body of an event of this kind; raise NorenError when the bytes do not fit it."""
    try:
        return msgspec.json.decode(data, type=_BODIES[kind])
    except (KeyError, msgspec.MsgspecError) as error:
        raise NorenError(
            f"This is not a {kind!r} event: {error}. The event store is damaged or newer."
        ) from None


def event_to_builtins(event: Event) -> dict[str, Any]:
    """Return the event as what JSON holds."""
    return {
        "release": event.release,
        "seq": event.seq,
        "at": event.at,
        "who": event.who,
        "why": event.why,
        "kind": event.kind,
        "body": msgspec.to_builtins(event.body),
    }


def event_from_builtins(data: dict[str, Any]) -> Event:
    """Return the event; the inverse of `event_to_builtins`."""
    body = decode_body(data["kind"], msgspec.json.encode(data["body"]))
    return Event(data["release"], data["seq"], data["at"], data["who"], data["why"], body)
