"""A fitted model as a file and back: skops with a reviewed list of types, else cloudpickle with a warning.

A file is read only after its SHA-256 was compared with the one recorded when it was written, and skops constructs
only types on our list and those of the version's own modules; never types that the file itself names as trusted.
"""

# ruff: noqa: PLC0415 -- heavy libraries are imported where they are used

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


def write_model(model: Any, folder: Path, *, own_modules: Collection[str] = ()) -> tuple[Format, Any]:
    """Write a model into a folder; return the format that was used, and the model as it is read again.

    Warns where the format had to be cloudpickle. Raises NorenError for what neither can store.
    """
    import skops.io

    path = folder / FILES["skops"]
    try:
        skops.io.dump(model, path)
        return "skops", _load_skops(path, own_modules)
    except Exception as error:  # whatever skops cannot write or has not reviewed, cloudpickle may
        path.unlink(missing_ok=True)
        reason = str(error) if isinstance(error, NorenError) else f"skops cannot write it ({error})"
    again = _write_pickle(model, folder / FILES["cloudpickle"])
    warnings.warn(
        f"{type(model).__name__} is stored with cloudpickle: {reason[:300].rstrip('.')}. "
        "Loading a pickle runs code, so Noren compares its SHA-256 first: tag only models that you trust.",
        stacklevel=2,
    )
    return "cloudpickle", again


def _write_pickle(model: Any, path: Path) -> Any:
    import cloudpickle

    try:
        data = cloudpickle.dumps(model)
        path.write_bytes(data)
        return cloudpickle.loads(data)
    except Exception as error:
        raise NorenError(
            f"{type(model).__name__} cannot be stored: {error}. "
            "Remove open files, connections and locks from the model."
        ) from error


def read_model(folder: Path, form: Format, *, sha256: str, own_modules: Collection[str] = ()) -> Any:
    """Read a model whose file has this SHA-256; raises NorenError, with nothing loaded, for any other file."""
    path = folder / FILES[form]
    require_sha256(path, sha256)
    if form == "skops":
        return _load_skops(path, own_modules)
    import cloudpickle

    return cloudpickle.loads(path.read_bytes())


def _load_skops(path: Path, own_modules: Collection[str]) -> Any:
    """Load with our list and the types of the version's own modules, whose sources were compared too."""
    import skops.io
    from skops.io.exceptions import UntrustedTypesFoundException

    trusted = list(REVIEWED)
    if own_modules:
        found = skops.io.get_untrusted_types(file=path)
        trusted += [name for name in found if name.partition(".")[0] in own_modules]
    try:
        return skops.io.load(path, trusted=trusted)
    except UntrustedTypesFoundException as error:
        unknown = sorted(set(error.unsafe) - set(trusted)) if hasattr(error, "unsafe") else [str(error)]
        raise NorenError(
            f"nobody has reviewed {', '.join(unknown[:5])}, and {path.name} needs them; it was not loaded."
        ) from None


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
