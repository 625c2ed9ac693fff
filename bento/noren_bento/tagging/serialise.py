"""A fitted model as a file and back: skops with a reviewed list of types, else cloudpickle with a warning.

A file is read only after its SHA-256 was compared with the one recorded when it was written, and skops constructs
only types on our list and those of the version's own modules; never types that the file itself names as trusted.
"""

from __future__ import annotations

import hashlib
import warnings
from collections.abc import Collection
from pathlib import Path
from typing import Any, Literal

from noren_bento.errors import NorenError
from noren_bento.tagging.reviewed_types import REVIEWED

Format = Literal["skops", "cloudpickle"]

FILES: dict[Format, str] = {"skops": "model.skops", "cloudpickle": "model.pkl"}


def write_model(model: Any, folder: Path, *, own_modules: Collection[str] = ()) -> Format:
    """Write a model into a folder and return the format that was used; warns where it had to be cloudpickle."""
    import skops.io

    path = folder / FILES["skops"]
    try:
        skops.io.dump(model, path)
        unknown = _unknown_types(path, own_modules)
    except Exception as error:  # whatever skops cannot write, cloudpickle may
        unknown = [f"{type(error).__name__}: {error}"[:200]]
    if not unknown:
        return "skops"
    path.unlink(missing_ok=True)
    _write_pickle(model, folder / FILES["cloudpickle"])
    warnings.warn(
        f"{type(model).__name__} is stored with cloudpickle, because skops has not reviewed {', '.join(unknown[:3])}. "
        "Loading a pickle runs code: load it only from a store that you trust. Noren compares its SHA-256 first.",
        stacklevel=2,
    )
    return "cloudpickle"


def _write_pickle(model: Any, path: Path) -> None:
    import cloudpickle

    try:
        path.write_bytes(cloudpickle.dumps(model))
    except Exception as error:
        raise NorenError(
            f"{type(model).__name__} cannot be stored: {error}. Remove open files, connections and locks from the model."
        ) from error


def read_model(folder: Path, form: Format, *, sha256: str, own_modules: Collection[str] = ()) -> Any:
    """Read a model whose file has this SHA-256; raises NorenError, with nothing loaded, for any other file."""
    path = folder / FILES[form]
    require_sha256(path, sha256)
    if form == "cloudpickle":
        import cloudpickle

        return cloudpickle.loads(path.read_bytes())
    import skops.io

    unknown = _unknown_types(path, own_modules)
    if unknown:
        raise NorenError(
            f"{path} holds types that nobody has reviewed: {', '.join(unknown[:5])}. It was not loaded. Tag the model again."
        )
    return skops.io.load(path, trusted=_trusted_types(path, own_modules))


def _unknown_types(path: Path, own_modules: Collection[str]) -> list[str]:
    import skops.io

    found = skops.io.get_untrusted_types(file=path)
    return [name for name in found if name not in REVIEWED and name.partition(".")[0] not in own_modules]


def _trusted_types(path: Path, own_modules: Collection[str]) -> list[str]:
    import skops.io

    own = [name for name in skops.io.get_untrusted_types(file=path) if name.partition(".")[0] in own_modules]
    return [*REVIEWED, *own]


def file_sha256(path: Path) -> str:
    """SHA-256 of a file, 64 hex digits."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def require_sha256(path: Path, sha256: str) -> None:
    """Raise NorenError unless the file is the one that was recorded."""
    if not path.is_file():
        raise NorenError(f"{path} is missing. Tag the model again, or restore the store from a backup.")
    found = file_sha256(path)
    if found != sha256:
        raise NorenError(
            f"{path} was changed after the model was tagged: SHA-256 {found[:12]}…, recorded {sha256[:12]}…. "
            "It was not loaded. Find out who changed it, then tag the model again."
        )
