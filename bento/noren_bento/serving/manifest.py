"""Manifest: what lies in a bento's model folder, with the SHA-256 of each file, checked before anything is loaded."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import msgspec

from noren_bento.errors import NorenError
from noren_bento.release.version import ModelVersion

FORMAT = 1
"""Number of the layout of the model folder. Raise it when a reader of the old number would misread the new one."""
NAME = "manifest.json"
GRAPH = "model.onnx"
PROFILE = "profile.json"
REPLAY = "replay.json"
MODULES = "modules"

Runtime = Literal["exact", "onnx", "arrays", "sklearn"]
"""What answers: a program in numpy, a graph in ONNX Runtime, the original on arrays, the original on a DataFrame."""


@dataclass(frozen=True, slots=True)
class Manifest:
    """Identity, runtime and files of one built version."""

    version: ModelVersion
    runtime: Runtime
    because: str
    """One sentence: why this runtime."""
    files: dict[str, str]
    """SHA-256 (hex) of each file of the folder, by its path inside it."""
    serialisation: Literal["skops", "cloudpickle"] | None = None
    """How the original's file was written; None where a graph or a program answers and the original stayed at home."""
    missing_text: str = ""
    """What a graph is given for missing text, since ONNX strings cannot be missing."""
    closed: dict[str, tuple[str, ...]] = field(default_factory=dict)
    """Text columns on which the model raises for a value that it has not seen, with the values it takes."""
    format: int = FORMAT


def write_manifest(folder: Path, manifest: Manifest) -> None:
    """Write the manifest into a model folder."""
    (folder / NAME).write_bytes(msgspec.json.format(msgspec.json.encode(manifest), indent=1))


def read_manifest(folder: Path) -> Manifest:
    """Read a model folder's manifest; raises NorenError where it is missing, damaged or of another format."""
    path = folder / NAME
    try:
        content = path.read_bytes()
        number = msgspec.json.decode(content, type=_Numbered).format
        if number != FORMAT:
            raise NorenError(
                f"{path} has format {number}; this Noren reads {FORMAT}. Build the version again."
            )
        return msgspec.json.decode(content, type=Manifest)
    except FileNotFoundError:
        raise NorenError(
            f"{folder} is not a bento's model folder: it has no {NAME}. Build the version again."
        ) from None
    except msgspec.MsgspecError as error:
        raise NorenError(f"{path} is damaged ({error}). Build the version again.") from None


def hash_files(folder: Path) -> dict[str, str]:
    """SHA-256 (hex) of each file below a folder, the manifest itself left out."""
    paths = sorted(path for path in folder.rglob("*") if path.is_file() and path.name != NAME)
    return {
        path.relative_to(folder).as_posix(): hash_file(path)
        for path in paths
        if "__pycache__" not in path.parts
    }


def hash_file(path: Path) -> str:
    """SHA-256 (hex) of one file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def require_untouched(folder: Path, manifest: Manifest) -> None:
    """Raise NorenError when a file was changed, removed or added since the build."""
    found = hash_files(folder)
    odd = sorted(
        name for name in found.keys() | manifest.files.keys() if found.get(name) != manifest.files.get(name)
    )
    if odd:
        raise NorenError(
            f"{folder / odd[0]} is not the file that was built for {manifest.version}: its SHA-256 differs. "
            "Nothing of it was loaded. Build the version again."
        )


class _Numbered(msgspec.Struct):
    format: int = 0
