"""Tracking: the few MLflow calls that versions need, bounded in time, with one kind of error."""

# ruff: noqa: PLC0415 -- heavy libraries are imported where they are used

from __future__ import annotations

import logging
import os
import shutil
import tempfile
import time
import uuid
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from filelock import FileLock

from noren_bento.errors import NorenError
from noren_bento.masking import mask_credentials
from noren_bento.settings import Settings
from noren_bento.stores.attempts import ATTEMPT, DONE, PENDING, local_path, sweep, this_process, undo
from noren_bento.stores.reach import require_answer, unreachable

QUICK = {"MLFLOW_HTTP_REQUEST_TIMEOUT": "3", "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "1"}
BULK = {"MLFLOW_HTTP_REQUEST_TIMEOUT": "120", "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "1"}


@dataclass(frozen=True, slots=True)
class Record:
    """A version as the registry lists it."""

    name: str
    number: int
    digest: str
    task: str
    manifest_digest: str
    version_json: str
    """ModelVersion without its number; empty where it is too long for a tag."""
    source: str
    run: str


@dataclass(frozen=True, slots=True)
class Tracking:
    """MLflow at one URI."""

    settings: Settings

    def open(self) -> None:
        """Import MLflow and open its store, which takes seconds the first time."""
        with self._calls(QUICK):
            pass

    def records(self, name: str | None = None) -> tuple[Record, ...]:
        """All versions that Noren made, or those of one name, by number."""
        wanted = f"name = '{name}'" if name else None
        with self._calls(QUICK) as client:
            records, token = [], None
            while True:
                page = client.search_model_versions(wanted, max_results=1000, page_token=token)
                records += [_to_record(one) for one in page if "noren.digest" in one.tags]
                token = page.token
                if not token:
                    return tuple(sorted(records, key=lambda record: (record.name, record.number)))

    def create_version(
        self,
        name: str,
        folder: Path,
        *,
        artifact: str,
        parameters: dict[str, str],
        metrics: dict[str, float],
        tags: dict[str, str],
    ) -> int:
        """Make a run with the folder's files and register it; return the number. Undone when anything interrupts it."""
        with self._calls(QUICK) as client:
            experiment = self._experiment(client, name)
            sweep(client, experiment)
            attempt = uuid.uuid4().hex
            marks = {PENDING: this_process(), ATTEMPT: attempt} | _short(tags)
            try:
                run = client.create_run(experiment, run_name=name, tags=marks)
                _log(client, run.info.run_id, parameters=parameters, metrics=metrics)
                _store_files(client, run, folder, artifact)
                _ensure_name(client, name)
                made = client.create_model_version(
                    name,
                    f"{run.info.artifact_uri}/{artifact}",
                    run.info.run_id,
                    tags=tags,
                    await_creation_for=0,
                )
                client.set_terminated(run.info.run_id)
                client.set_tag(run.info.run_id, PENDING, DONE)
            except BaseException:
                undo(client, name, experiment, attempt)
                raise
            return int(made.version)

    def local_folder(self, record: Record) -> Path | None:
        """The version's folder where it lies on this machine, else None."""
        return local_path(record.source)

    def download(self, record: Record, folder: Path) -> None:
        """Copy all files of a version into a folder."""
        import mlflow

        with self._calls(BULK):
            mlflow.artifacts.download_artifacts(
                artifact_uri=record.source, dst_path=str(folder), tracking_uri=self.settings.tracking_uri
            )

    def read_file(self, record: Record, name: str) -> bytes:
        """Return one file of a version."""
        if folder := local_path(record.source):
            return (folder / name).read_bytes()
        import mlflow

        with self._calls(BULK), tempfile.TemporaryDirectory() as folder_name:
            path = mlflow.artifacts.download_artifacts(
                artifact_uri=f"{record.source}/{name}",
                dst_path=folder_name,
                tracking_uri=self.settings.tracking_uri,
            )
            return Path(path).read_bytes()

    def set_alias(self, name: str, alias: str, number: int) -> None:
        """Point an alias at a version."""
        with self._calls(QUICK) as client:
            client.set_registered_model_alias(name, alias, str(number))

    def delete_alias(self, name: str, alias: str) -> None:
        """Remove an alias; nothing happens where there is none."""
        with self._calls(QUICK) as client:
            client.delete_registered_model_alias(name, alias)

    def claim(self, name: str, tag: str, value: str) -> str:
        """Set a tag of a registered model where it has none; return the one that it has then."""
        with self._calls(QUICK) as client:
            found = client.get_registered_model(name).tags.get(tag)
            if found is None:
                client.set_registered_model_tag(name, tag, value)
            return str(found or value)

    @contextmanager
    def _calls(self, environment: dict[str, str]) -> Iterator[Any]:
        """Give a client whose waits are bounded; MLflow's and the network's errors become ours."""
        uri = self.settings.tracking_uri
        require_answer(uri)
        with _environment(environment), _explained(uri):
            yield _open(uri)

    def _experiment(self, client: Any, name: str) -> str:
        """The experiment of a model: its own name. Local stores keep the files under NOREN_HOME."""
        from mlflow.exceptions import MlflowException

        found = client.get_experiment_by_name(name)
        if found is None:
            local = urlsplit(self.settings.tracking_uri).scheme not in ("http", "https")
            location = (self.settings.home / "artifacts").as_uri() if local else None
            try:
                return str(client.create_experiment(name, artifact_location=location))
            except MlflowException:  # somebody else made it just now
                found = client.get_experiment_by_name(name)
                if found is None:
                    raise
        return str(found.experiment_id)


def _to_record(found: Any) -> Record:
    tags = found.tags
    return Record(
        name=found.name,
        number=int(found.version),
        digest=tags["noren.digest"],
        task=tags.get("noren.task", ""),
        manifest_digest=tags.get("noren.manifest", ""),
        version_json=tags.get("noren.version", ""),
        source=found.source,
        run=found.run_id,
    )


def _short(tags: dict[str, str]) -> dict[str, str]:
    return {name: value for name, value in tags.items() if len(value) <= 200}


def _log(client: Any, run: str, *, parameters: dict[str, str], metrics: dict[str, float]) -> None:
    from mlflow.entities import Metric, Param

    at = int(time.time() * 1000)
    params = [Param(name, value) for name, value in parameters.items()]
    client.log_batch(run, metrics=[Metric(n, v, at, 0) for n, v in metrics.items()], params=params[:100])
    for start in range(100, len(params), 100):
        client.log_batch(run, params=params[start : start + 100])


def _store_files(client: Any, run: Any, folder: Path, artifact: str) -> None:
    """Hand the files to MLflow; on this machine the folder is moved, which copies nothing."""
    root = local_path(run.info.artifact_uri)
    if root is None:
        with _environment(BULK):
            client.log_artifacts(run.info.run_id, str(folder), artifact)
        return
    root.mkdir(parents=True, exist_ok=True)
    shutil.move(folder, root / artifact)


def _ensure_name(client: Any, name: str) -> None:
    from mlflow.exceptions import MlflowException

    try:
        client.create_registered_model(name)
    except MlflowException as error:
        if error.error_code != "RESOURCE_ALREADY_EXISTS":
            raise


@cache
def _open(uri: str) -> Any:
    """Open MLflow once a process; a file lock stands around it, since two that open a fresh SQLite store break it."""
    os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
    for chatty in ("alembic", "mlflow.store.db.utils"):
        logging.getLogger(chatty).setLevel(logging.WARNING)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of MLflow about its own imports; a user can do nothing about them
        from mlflow import MlflowClient

        if not uri.startswith("sqlite:///"):
            return MlflowClient(tracking_uri=uri, registry_uri=uri)
        path = Path(uri.removeprefix("sqlite:///"))
        path.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(f"{path}.lock"):
            client = MlflowClient(tracking_uri=uri, registry_uri=uri)
            client.get_experiment("0")
            client.search_registered_models(max_results=1)
            return client


@contextmanager
def _explained(uri: str) -> Iterator[None]:
    """Make MLflow's errors ours."""
    try:
        yield
    except Exception as error:
        from mlflow.exceptions import MlflowException

        if not isinstance(error, MlflowException):
            raise
        said = mask_credentials(str(error))
        code = int(error.get_http_status_code())  # type: ignore[no-untyped-call]
        # Not `from error`: MLflow writes the address that it asked into its errors, credentials and all.
        if code >= 500 and urlsplit(uri).scheme in ("http", "https"):
            raise unreachable(uri, said[:200]) from None
        raise NorenError(f"MLflow at {mask_credentials(uri)} refused: {said[:300]}") from None


@contextmanager
def _environment(values: dict[str, str]) -> Iterator[None]:
    before = {name: os.environ.get(name) for name in values}
    os.environ.update(values)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value
