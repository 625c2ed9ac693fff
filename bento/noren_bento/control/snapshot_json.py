"""A Snapshot as JSON, and back: the one place where the bytes that a view draws are made."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import msgspec

from noren_bento.control.snapshot import Snapshot
from noren_bento.errors import NorenError


def snapshot_to_json(snapshot: Snapshot) -> dict[str, Any]:
    """Return the snapshot as strict JSON values; the keys are its field names.

    JSON has no NaN and no infinity: where a field may be unknown they become null, elsewhere NorenError names
    the field.

    >>> snapshot = Snapshot("churn@1", "churn", "canary", 60.0, 0.0, "churn/2", "churn/1", "http://127.0.0.1:8620")
    >>> snapshot_to_json(snapshot)["state"]
    'canary'
    >>> snapshot_from_json(snapshot_to_json(snapshot)) == snapshot
    True
    """
    value: dict[str, Any] = _finite(msgspec.to_builtins(snapshot))
    snapshot_from_json(value)
    return value


def snapshot_from_json(value: Mapping[str, Any]) -> Snapshot:
    """Return the Snapshot that `snapshot_to_json` wrote. Fields of a newer Noren are left out, absent ones get
    their defaults; raises NorenError for what is no snapshot.
    """
    try:
        return msgspec.convert(value, Snapshot)
    except msgspec.ValidationError as error:
        raise NorenError(
            f"This is not a snapshot of a release: {error}. It comes from the control process; when that is of "
            "another version of Noren, run `noren down` and `noren up`."
        ) from None


def _finite(value: Any) -> Any:
    match value:
        case dict():
            return {key: _finite(item) for key, item in value.items()}
        case list() | tuple():
            return [_finite(item) for item in value]
        case float() if not math.isfinite(value):
            return None
    return value
