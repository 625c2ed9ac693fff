"""A fitted model as a file and back: skops with a reviewed list of types, else cloudpickle with a warning.

A file is read once, into memory; its SHA-256 is compared with the one recorded when it was written, and the model is
made of those same bytes, so that no exchange of the file in between counts. skops constructs only what
`reviewed_types` lists and the types of the version's own modules; never what the file itself names as trusted.
"""

# ruff: noqa: PLC0415 -- heavy libraries are imported where they are used

from __future__ import annotations

import errno
import hashlib
import io
import json
import os
import stat
import warnings
import zipfile
from collections.abc import Collection
from pathlib import Path
from typing import Any, Literal

from noren_bento.errors import NorenError
from noren_bento.tagging.reviewed_types import READ_WITH, REVIEWED, find_unreviewed

Format = Literal["skops", "cloudpickle"]

FILES: dict[Format, str] = {"skops": "model.skops", "cloudpickle": "model.pkl"}


def write_model(model: Any, folder: Path, *, own_modules: Collection[str] = ()) -> tuple[Format, Any]:
    """Write a model into a folder; return the format that was used, and the model as it is read again.

    Warns where the format had to be cloudpickle, and where the installed scikit-learn is newer or older than the
    list of types. Raises NorenError for what neither can store.
    """
    import skops.io

    try:
        data = skops.io.dumps(model)
        again = _load_skops(data, own_modules)
    except Exception as error:  # whatever skops cannot write or has not reviewed, cloudpickle may
        reason = str(error) if isinstance(error, NorenError) else f"skops cannot write it ({error})"
    else:
        (folder / FILES["skops"]).write_bytes(data)
        _warn_of_unread_release()
        return "skops", again
    again = _write_pickle(model, folder / FILES["cloudpickle"])
    warnings.warn(
        f"{type(model).__name__} is stored with cloudpickle: {reason[:300].rstrip('.')}. "
        "Loading a pickle runs code, so Noren compares its SHA-256 first: tag only models that you trust.",
        stacklevel=2,
    )
    return "cloudpickle", again


def _warn_of_unread_release() -> None:
    import sklearn

    first, last = READ_WITH
    release = tuple(int(part) for part in sklearn.__version__.split(".")[:2])
    if not first <= release <= last:
        warnings.warn(
            f"Noren's list of types that a model file may name was read for scikit-learn {first[0]}.{first[1]} to "
            f"{last[0]}.{last[1]}, and this is {sklearn.__version__}. The model is stored with skops all the same, "
            "which is safer than a pickle; update Noren when it has read this release.",
            stacklevel=3,
        )


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
    data = read_checked(folder / FILES[form], sha256)
    if form == "skops":
        return _load_skops(data, own_modules)
    import cloudpickle

    return cloudpickle.loads(data)


def _load_skops(data: bytes, own_modules: Collection[str]) -> Any:
    """Load with our list and the types of the version's own modules, whose sources were compared too."""
    import skops.io

    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            schema = json.loads(archive.read("schema.json"))
        unknown = sorted(set(find_unreviewed(schema, own_modules)))
        found = [] if unknown else skops.io.get_untrusted_types(data=data)
    except (zipfile.BadZipFile, KeyError, ValueError, RecursionError) as error:
        raise NorenError(
            f"this is no skops file, or a damaged one ({type(error).__name__}: {error}); it was not loaded."
        ) from None
    trusted = [name for name in found if name in REVIEWED or name.partition(".")[0] in own_modules]
    unknown += sorted(set(found) - set(trusted))
    if unknown:
        raise NorenError(
            f"nobody has reviewed {', '.join(unknown[:5])}, and the model's file needs it; it was not loaded."
        )
    return skops.io.loads(data, trusted=trusted)


def file_sha256(path: Path) -> str:
    """SHA-256 of a file, 64 hex digits."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def require_sha256(path: Path, sha256: str) -> None:
    """Raise NorenError unless the file is the one that was recorded."""
    if not path.is_file():
        raise _missing(path)
    found = file_sha256(path)
    if found != sha256:
        raise _changed(path, found, sha256)


def read_checked(path: Path, sha256: str) -> bytes:
    """Return a file's bytes when they have this SHA-256, else raise NorenError. It is opened once.

    A link is not followed and a pipe is not waited for: a version's files are plain files.
    """
    try:
        data = _read_plain(path)
    except FileNotFoundError:
        raise _missing(path) from None
    found = hashlib.sha256(data).hexdigest()
    if found != sha256:
        raise _changed(path, found, sha256)
    return data


def _read_plain(path: Path) -> bytes:
    refusal = f"{path} is no plain file, as it was when the model was tagged. It was not loaded. Tag the model again."
    try:
        opened = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError as error:
        if error.errno in (errno.ELOOP, errno.EMLINK, errno.ENXIO):
            raise NorenError(refusal) from None
        raise
    with os.fdopen(opened, "rb") as file:
        if not stat.S_ISREG(os.fstat(opened).st_mode):
            raise NorenError(refusal)
        return file.read()


def _changed(path: Path, found: str, sha256: str) -> NorenError:
    return NorenError(
        f"{path} was changed after the model was tagged: SHA-256 {found[:12]}…, recorded {sha256[:12]}…. "
        "It was not loaded. Find out who changed it, then tag the model again."
    )


def _missing(path: Path) -> NorenError:
    return NorenError(f"{path} is missing. Tag the model again, or restore the store from a backup.")
