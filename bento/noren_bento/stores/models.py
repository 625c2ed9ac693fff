"""ModelStore: versions in MLflow's registry, each one a run with its files, metrics and signature."""

from __future__ import annotations

import difflib
import json
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from filelock import FileLock

from noren_bento.errors import ConflictError, NorenError, NotFoundError
from noren_bento.release.version import ModelVersion, Task, parse_version, require_name
from noren_bento.settings import Settings
from noren_bento.stores.mlflow_client import Record, Tracking, with_tag
from noren_bento.stores.mlmodel import write_mlmodel
from noren_bento.tagging.serialise import file_sha256
from noren_bento.tagging.version_files import MANIFEST, NUMBER, VersionFiles, manifest_from_json
from noren_bento.tagging.version_json import version_from_json, version_to_json

ARTIFACT = "version"
"""Folder of a version's files within its run."""
TAG_LIMIT = 90_000
"""Characters; MLflow takes 100,000 a tag. A wider signature is read from `noren.json`."""


@dataclass(frozen=True, slots=True)
class Draft:
    """A version that the registry does not know yet: all but its number."""

    version: ModelVersion
    folder: Path
    manifest_digest: str
    """SHA-256 of `noren.json`, kept in the registry so that a changed folder is seen."""
    metrics: dict[str, float]
    parameters: dict[str, str]


@dataclass(frozen=True, slots=True)
class ModelStore:
    """The versions of all models, in MLflow. Each call raises UnreachableError within 10 s when it is down."""

    settings: Settings

    @property
    def _tracking(self) -> Tracking:
        return Tracking(self.settings)

    def prepare(self) -> None:
        """Open the store now, so that the first tag is quick; may run in a thread while the user works."""
        import skops.io  # noqa: F401, PLC0415 -- one second of CPU that the first tag would spend

        self._tracking.open()

    def url(self) -> str:
        """Where MLflow is: the server's address, or the URI to start `mlflow ui --backend-store-uri` with."""
        return self.settings.tracking_uri

    def names(self) -> tuple[str, ...]:
        """Names of the models that have a version, sorted."""
        return tuple(sorted({record.name for record in self._tracking.records()}))

    def versions(self, name: str) -> tuple[ModelVersion, ...]:
        """Versions of a model, oldest first; none for a name that nobody has used."""
        tracking = self._tracking
        return tuple(_read_version(tracking, record) for record in tracking.records(require_name(name)))

    def get(self, version: str) -> ModelVersion:
        """Return the version `name/number`; raises NotFoundError with the nearest known ones."""
        name, number = parse_version(version)
        tracking = self._tracking
        record = tracking.record(name, number)
        if record is None:
            raise self._not_found(name, number)
        return _read_version(tracking, record)

    def _not_found(self, name: str, number: int) -> NotFoundError:
        numbers = [record.number for record in self._tracking.records(name)]
        if numbers:
            listed = ", ".join(f"{name}/{one}" for one in numbers[-5:])
            return NotFoundError(f"There is no {name}/{number}. The latest versions of {name} are {listed}.")
        names = self.names()
        near = difflib.get_close_matches(name, names, n=3, cutoff=0.5) or names[:5]
        hint = f"Known models: {', '.join(near)}." if near else "The store is empty: tag a model first."
        return NotFoundError(f"There is no model {name!r}. {hint}")

    def find(self, name: str, digest: str) -> ModelVersion | None:
        """Return the version of a name that has this fitted state."""
        tracking = self._tracking
        same = tracking.records(require_name(name), where=with_tag("noren.digest", digest))
        return _read_version(tracking, same[0]) if same else None

    def require_task(self, name: str, task: Task) -> None:
        """Raise ConflictError where the name belongs to another kind of model."""
        taken = self._tracking.records(require_name(name), where=f"tags.`noren.task` != '{task}'")
        if taken:
            raise ConflictError(
                f"{name!r} is taken by {taken[-1].task} models ({name}/{taken[-1].number}) and this one is for {task}. "
                "Callers would get other answers than they expect: choose another name."
            )

    def register(self, draft: Draft) -> ModelVersion:
        """Register a draft and return its version with its number, or the version that has its digest already.

        The version appears at once and whole, after all its files; an interrupt before leaves nothing.
        """
        name = draft.version.name
        with _on_this_disk(), self._lock(name):
            known = self.find(name, draft.version.digest)
            if known is not None:
                return known
            self.require_task(name, draft.version.signature.task)
            write_mlmodel(draft.version, draft.folder)
            number = self._tracking.create_version(
                name,
                draft.folder,
                artifact=ARTIFACT,
                parameters=draft.parameters,
                metrics=draft.metrics,
                tags=_tags(draft),
            )
            version = replace(draft.version, number=number)
            self._keep(draft, version)
        self.folder(version)
        return version

    def _keep(self, draft: Draft, version: ModelVersion) -> None:
        """Keep the files that were uploaded as those that would be downloaded, where they are this version's."""
        copy = self._copy(version.name, version.number)
        if not draft.folder.is_dir() or copy.exists():
            return  # they were moved into the store
        record = self._tracking.record(version.name, version.number)
        if record and record.manifest_digest == draft.manifest_digest:
            copy.parent.mkdir(parents=True, exist_ok=True)
            draft.folder.rename(copy)

    def _copy(self, name: str, number: int) -> Path:
        """Where a version's files lie that come from a remote store."""
        return self.settings.home / "versions" / name / str(number)

    def folder(self, version: ModelVersion | str) -> Path:
        """Return a local folder with the version's files, for VersionFiles; downloads it where the store is remote.

        Raises NorenError where `noren.json` is not the one that was registered.
        """
        return self._open(version)[0]

    def _open(self, version: ModelVersion | str) -> tuple[Path, Record]:
        name, number = parse_version(str(version))
        tracking = self._tracking
        record = tracking.record(name, number)
        if record is None:
            raise self._not_found(name, number)
        folder = tracking.local_folder(record) or self._download(tracking, record)
        if not (folder / MANIFEST).is_file() or file_sha256(folder / MANIFEST) != record.manifest_digest:
            raise NorenError(
                f"The files of {version} in {folder} are not those that were registered. Nothing was loaded. "
                "Find out who changed them, then tag the model again under a new name."
            )
        if not (folder / NUMBER).is_file():
            _write_whole(folder / NUMBER, json.dumps({"number": number}))
        return folder, record

    def files(self, version: ModelVersion | str) -> VersionFiles:
        """Return typed access to the version's folder, bound to the `noren.json` that was registered."""
        folder, record = self._open(version)
        return VersionFiles(folder, record.manifest_digest)

    def claim(self, name: str, store: str) -> None:
        """Make this event store the one that releases the model; raise ConflictError where another one does.

        Two homes that release one registered model would each believe that their champion is the champion.
        """
        holder = self._tracking.claim(require_name(name), "noren.store", store)
        if holder != store:
            raise ConflictError(
                f"{name} is released from another NOREN_HOME (its event store is {holder}, this one is {store}). "
                "Release it from there, or tag the model under another name."
            )

    def champion(self, name: str) -> str | None:
        """Return the version that MLflow's alias `champion` points to."""
        number = self._tracking.alias(require_name(name), "champion")
        return f"{name}/{number}" if number else None

    def stage(self, version: str) -> str | None:
        """Return MLflow's stage of a version, such as `None` or `Archived`; None where it has no such version."""
        name, number = parse_version(version)
        record = self._tracking.record(name, number)
        return record.stage if record else None

    def set_champion(self, name: str, version: str | None) -> None:
        """Point MLflow's alias `champion` at a version, or remove it. It follows the event log."""
        if version is None:
            self._tracking.delete_alias(require_name(name), "champion")
            return
        found = self.get(version)
        if found.name != name:
            raise NorenError(f"{version} is no version of {name}. Name one of its own.")
        self._tracking.set_alias(name, "champion", found.number)

    def _download(self, tracking: Tracking, record: Record) -> Path:
        folder = self._copy(record.name, record.number)
        if folder.is_dir():
            return folder
        with _on_this_disk(), self._lock(record.name):
            folder.parent.mkdir(parents=True, exist_ok=True)
            if not folder.is_dir():
                loading = folder.with_name(f".{folder.name}.loading")
                shutil.rmtree(loading, ignore_errors=True)
                loading.mkdir()
                tracking.download(record, loading)
                (loading / ARTIFACT if (loading / ARTIFACT).is_dir() else loading).rename(folder)
                shutil.rmtree(loading, ignore_errors=True)
        return folder

    @contextmanager
    def _lock(self, name: str) -> Iterator[None]:
        folder = self.settings.home / "locks"
        folder.mkdir(parents=True, exist_ok=True)
        with FileLock(folder / f"{name}.lock"):
            yield


def _write_whole(path: Path, text: str) -> None:
    """Write a file that is there as a whole or not at all, whatever happens meanwhile."""
    begun = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        begun.write_text(text)
        begun.rename(path)
    finally:
        begun.unlink(missing_ok=True)


@contextmanager
def _on_this_disk() -> Iterator[None]:
    """Say which file could not be written, and what helps."""
    try:
        yield
    except OSError as error:
        raise NorenError(
            f"{error.filename or 'A file'} cannot be written: {error.strerror or error}. "
            "Free some space, or set NOREN_HOME to a folder that is yours; then try again."
        ) from None


def _tags(draft: Draft) -> dict[str, str]:
    tags = {
        "noren.digest": draft.version.digest,
        "noren.task": draft.version.signature.task,
        "noren.manifest": draft.manifest_digest,
    }
    record = version_to_json(draft.version).decode()
    return tags | ({"noren.version": record} if len(record) <= TAG_LIMIT else {})


def _read_version(tracking: Tracking, record: Record) -> ModelVersion:
    if record.version_json:
        version = version_from_json(record.version_json.encode())
    else:
        version = manifest_from_json(tracking.read_file(record, MANIFEST)).version
    return replace(version, number=record.number)
