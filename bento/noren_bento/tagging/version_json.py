"""ModelVersion as JSON: written to `noren.json` beside the model and to the registry's tags."""

from __future__ import annotations

import msgspec

from noren_bento.errors import NorenError
from noren_bento.release.version import ModelVersion, require_name


def version_to_json(version: ModelVersion) -> bytes:
    """Write a version as JSON.

    >>> from noren_bento.release.version import Signature
    >>> version = ModelVersion("churn", 3, "ab" * 32, Signature((), "regression"))
    >>> version_from_json(version_to_json(version)) == version
    True
    """
    return msgspec.json.encode(version)


def version_from_json(data: bytes) -> ModelVersion:
    """Read what version_to_json wrote; raises NorenError where it is damaged."""
    try:
        version = msgspec.json.decode(data, type=ModelVersion)
    except msgspec.MsgspecError as error:
        raise NorenError(f"The record of this version is damaged ({error}). Tag the model again.") from None
    require_name(version.name)
    return version
