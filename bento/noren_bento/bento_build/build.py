"""Build: a tagged version becomes one immutable bento, with its model compiled where that is proven equal."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from noren_bento.bento_build.closure import ROOT, find_closure
from noren_bento.bento_build.digest import MEASURED, digest_bento
from noren_bento.bento_build.package import Order, Packer
from noren_bento.bento_build.requirements import ENGINES, SERVING, pin_requirements
from noren_bento.bento_build.tag import tag_of
from noren_bento.compile.compiled import Compiled
from noren_bento.compile.runtime import compile_model
from noren_bento.errors import ConflictError
from noren_bento.profile.profile import profile_to_json
from noren_bento.release.version import ModelVersion
from noren_bento.release.words import engine_in_words
from noren_bento.serving.columns import columns_of_frame
from noren_bento.serving.manifest import (
    MODULES,
    PROFILE,
    REPLAY,
    Manifest,
    hash_files,
    read_manifest,
    write_manifest,
)
from noren_bento.serving.predictor import MODEL_FOLDER
from noren_bento.serving.rows import rows_of_columns
from noren_bento.settings import Settings
from noren_bento.tagging.modules import copy_modules
from noren_bento.tagging.serialise import FILES
from noren_bento.tagging.version_files import VersionFiles

REPLAY_ROWS = 400
WITH_MODEL = ("arrays", "sklearn")
"""Runtimes that are the model itself, whose file travels in the bento."""
SERVICE = '''"""Written by Noren: the service of one model version."""

from pathlib import Path

from noren_bento.serving.service import make_service

service = make_service(Path(__file__).parent / "model")
'''
Progress = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Build:
    """A built version."""

    version: ModelVersion
    bento: str
    """BentoML tag, `name:number`."""
    path: Path
    """The bento's folder."""
    runtime: str
    """What answers: `exact`, `onnx`, `arrays` or `sklearn`."""
    because: str
    """One sentence: why this runtime."""
    bytes: int
    """Size of the bento's folder."""
    digest: str = ""
    """SHA-256 (hex) of what is in it, as `digest_bento` says."""
    speedup: float | None = None
    """How many times faster one row is answered than by the original; None where that is what answers."""

    @property
    def engine(self) -> str:
        """What answers, in words, and how much faster than the original."""
        return engine_in_words(self.runtime, self.speedup)


def build_bento(files: VersionFiles, *, settings: Settings, progress: Progress | None = None) -> Build:
    """Build the bento of a version, or return the one that is there.

    Raises NorenError when the version's files were changed, and ConflictError when a bento of this name and number
    holds another model. Ctrl-C leaves nothing behind.
    """
    say = progress or (lambda _: None)
    version = files.version
    tag, path = tag_of(version), bento_path(version, settings)
    if path.is_dir():
        return _read_build(version, tag, path)
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".building-", dir=settings.home / "bentos") as work:
        packer = Packer(Path(work) / "home")
        try:
            source = Path(work) / "source"
            manifest, speedup = _write_model(files, version, source / "model", say)
            _write_code(source)
            (source / Path(MEASURED).name).write_bytes(msgspec.json.encode({"speedup": speedup}))
            say("packing the bento")
            packed = packer.pack(_order(version, tag, manifest, source))
        finally:
            packer.close()
        _move_in(packed, path)
    return _read_build(version, tag, path)


def rebuild_bento(files: VersionFiles, *, settings: Settings, progress: Progress | None = None) -> Build:
    """Build the bento of a version from its files, whatever lies in its place.

    What lies there was changed or is another build, and goes only when the new one is there.
    """
    path = bento_path(files.version, settings)
    (settings.home / "bentos").mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".replaced-", dir=settings.home / "bentos") as work:
        aside = Path(work) / "bento"
        if path.is_dir():
            os.rename(path, aside)
        try:
            return build_bento(files, settings=settings, progress=progress)
        except BaseException:
            if aside.is_dir():
                os.rename(aside, path)
            raise


def bento_path(version: ModelVersion, settings: Settings) -> Path:
    """The folder of a version's bento."""
    return settings.home / "bentos" / "bentos" / Path(*tag_of(version).split(":"))


def _write_model(
    files: VersionFiles, version: ModelVersion, folder: Path, say: Progress
) -> tuple[Manifest, float | None]:
    folder.mkdir(parents=True)
    say("compiling the model")
    reference, modules = files.reference(), files.modules()
    compiled = compile_model(
        files.model(),
        version.signature,
        reference,
        folder,
        import_from=tuple({module.parent for module in modules}),
    )
    serialisation = files.manifest.serialisation
    if compiled.runtime in WITH_MODEL:
        shutil.copy2(files.path / FILES[serialisation], folder)
        copy_modules(modules, folder / MODULES)
    (folder / PROFILE).write_bytes(profile_to_json(files.profile()))
    rows = rows_of_columns(columns_of_frame(_sample(reference), version.signature), version.signature)
    (folder / REPLAY).write_bytes(msgspec.json.encode({"rows": rows}))
    manifest = _manifest(version, compiled, serialisation, hash_files(folder))
    write_manifest(folder, manifest)
    return manifest, compiled.speedup


def _manifest(
    version: ModelVersion, compiled: Compiled, serialisation: Any, files: dict[str, str]
) -> Manifest:
    return Manifest(
        version=version,
        runtime=compiled.runtime,
        because=compiled.because,
        files=files,
        serialisation=serialisation if compiled.runtime in WITH_MODEL else None,
        missing_text=compiled.missing_text,
        closed=compiled.closed,
    )


def _sample(reference: Any) -> Any:
    return reference.sample(min(REPLAY_ROWS, len(reference)), random_state=0)


def _write_code(source: Path) -> None:
    (source / "service.py").write_text(SERVICE)
    for file in find_closure():
        (source / file).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(ROOT.parent / file, source / file)


def _order(version: ModelVersion, tag: str, manifest: Manifest, source: Path) -> Order:
    requirements = pin_requirements((*SERVING, *ENGINES[manifest.runtime]), _pins_of_model(version, manifest))
    name, _, number = tag.partition(":")
    return Order(str(source), name, number, {"noren.runtime": manifest.runtime}, requirements)


def _pins_of_model(version: ModelVersion, manifest: Manifest) -> tuple[str, ...]:
    """What was recorded at tag time, as far as the engine needs it: on arrays only a user's module may need pandas."""
    if manifest.runtime not in WITH_MODEL:
        return ()
    own = any(name.startswith(f"{MODULES}/") for name in manifest.files)
    unused = "pandas" if manifest.runtime == "arrays" and not own else ""
    return tuple(pin for pin in version.requirements if pin.partition("==")[0] != unused)


def _move_in(packed: Path, path: Path) -> None:
    try:
        os.rename(packed, path)
    except OSError:
        if not path.is_dir():  # else another process was first with the same version
            raise


def _read_build(version: ModelVersion, tag: str, path: Path) -> Build:
    manifest = read_manifest(path / MODEL_FOLDER)
    if (manifest.version.digest, str(manifest.version)) != (version.digest, str(version)):
        raise ConflictError(
            f"{path} holds {manifest.version} with digest {manifest.version.digest[:12]}, not {version} with "
            f"{version.digest[:12]}: bentos are immutable. "
            "If the model store was replaced, remove the folder and build again."
        )
    size = sum(file.stat().st_size for file in path.rglob("*") if file.is_file())
    return Build(
        version, tag, path, manifest.runtime, manifest.because, size, digest_bento(path), _read_speedup(path)
    )


def _read_speedup(path: Path) -> float | None:
    measured = path / MEASURED
    try:
        return msgspec.json.decode(measured.read_bytes(), type=_Measured).speedup
    except (OSError, msgspec.MsgspecError):
        return None  # nothing hangs on it


class _Measured(msgspec.Struct):
    speedup: float | None = None
