"""Tracking: the few MLflow calls that versions need, bounded in time, with one kind of error."""

# ruff: noqa: PLC0415 -- heavy libraries are imported where they are used

from __future__ import annotations

import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from noren_bento.settings import Settings
from noren_bento.stores.attempts import DONE, PENDING, attempt, local_path, sweep
from noren_bento.stores.opening import BULK, QUICK, environment, explained, open_client
from noren_bento.stores.reach import is_server, require_answer, run_while_answering


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
    stage: str = ""


@dataclass(frozen=True, slots=True)
class Tracking:
    """MLflow at one URI."""

    settings: Settings

    def open(self) -> None:
        """Import MLflow and open its store, which takes seconds the first time."""
        with self._calls(QUICK):
            pass

    def records(self, name: str | None = None, *, where: str = "") -> tuple[Record, ...]:
        """All versions that Noren made, or those of one name, by number; `where` is MLflow's filter on their tags."""
        wanted = " and ".join(part for part in (f"name = '{name}'" if name else "", where) if part)
        with self._calls(QUICK) as client:
            records, token = [], None
            while True:
                page = client.search_model_versions(wanted or None, max_results=1000, page_token=token)
                records += [_to_record(one) for one in page if "noren.digest" in one.tags]
                token = page.token
                if not token:
                    return tuple(sorted(records, key=lambda record: (record.name, record.number)))

    def record(self, name: str, number: int) -> Record | None:
        """The version of this number, where there is one."""
        with self._calls(QUICK) as client, _or_nothing():
            found = client.get_model_version(name, str(number))
            return _to_record(found) if "noren.digest" in found.tags else None
        return None

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
        """Make a run with the folder's files and register it; return the number. Undone when anything interrupts it.

        Of processes that register one model at the same moment, from homes of their own, the first one's version
        stays, and all get its number.
        """
        uri = self.settings.tracking_uri
        with self._calls(QUICK) as client:
            experiment = self._experiment(client, name)
            sweep(client, experiment)
            try:
                with attempt(client, name, experiment=experiment, uri=uri) as marks:
                    run = client.create_run(experiment, run_name=name, tags=marks | _short(tags))
                    _log(client, run.info.run_id, parameters=parameters, metrics=metrics)
                    _store_files(client, run, folder, artifact=artifact, uri=uri)
                    _ensure_name(client, name)
                    number = _register(client, name, run, artifact=artifact, tags=tags)
                    client.set_terminated(run.info.run_id)
                    client.set_tag(run.info.run_id, PENDING, DONE)
            except _TakenError as taken:
                return taken.number
        return number

    def local_folder(self, record: Record) -> Path | None:
        """The version's folder where it lies on this machine, else None."""
        return local_path(record.source)

    def download(self, record: Record, folder: Path) -> None:
        """Copy all files of a version into a folder."""
        self._fetch(record.source, folder)

    def read_file(self, record: Record, name: str) -> bytes:
        """Return one file of a version."""
        if folder := local_path(record.source):
            return (folder / name).read_bytes()
        with tempfile.TemporaryDirectory() as folder_name:
            return self._fetch(f"{record.source}/{name}", Path(folder_name)).read_bytes()

    def _fetch(self, source: str, folder: Path) -> Path:
        import mlflow

        uri = self.settings.tracking_uri
        with self._calls(BULK):
            path = run_while_answering(
                uri,
                lambda: mlflow.artifacts.download_artifacts(
                    artifact_uri=source, dst_path=str(folder), tracking_uri=uri
                ),
            )
        return Path(path)

    def alias(self, name: str, alias: str) -> int | None:
        """The version that an alias points to; None where there is none."""
        with self._calls(QUICK) as client, _or_nothing():
            found = client.get_registered_model(name).aliases.get(alias)
            return None if found is None else int(found)
        return None

    def set_alias(self, name: str, alias: str, number: int) -> None:
        """Point an alias at a version."""
        with self._calls(QUICK) as client:
            client.set_registered_model_alias(name, alias, str(number))

    def delete_alias(self, name: str, alias: str) -> None:
        """Remove an alias; nothing happens where there is none."""
        with self._calls(QUICK) as client, _or_nothing():
            client.delete_registered_model_alias(name, alias)

    def claim(self, name: str, tag: str, value: str) -> str:
        """Set a tag of a registered model where it has none; return the one that it has then."""
        with self._calls(QUICK) as client:
            found = client.get_registered_model(name).tags.get(tag)
            if found is None:
                client.set_registered_model_tag(name, tag, value)
            return str(found or value)

    @contextmanager
    def _calls(self, variables: dict[str, str]) -> Iterator[Any]:
        """Give a client whose waits are bounded; MLflow's and the network's errors become ours."""
        uri = self.settings.tracking_uri
        require_answer(uri)
        with environment(variables), explained(uri):
            yield open_client(uri)

    def _experiment(self, client: Any, name: str) -> str:
        """The experiment of a model: its own name. Local stores keep the files under NOREN_HOME."""
        from mlflow.exceptions import MlflowException

        found = client.get_experiment_by_name(name)
        if found is None:
            remote = is_server(self.settings.tracking_uri)
            location = None if remote else (self.settings.home / "artifacts").as_uri()
            try:
                return str(client.create_experiment(name, artifact_location=location))
            except MlflowException:  # somebody else made it just now
                found = client.get_experiment_by_name(name)
                if found is None:
                    raise
        return str(found.experiment_id)


@contextmanager
def _or_nothing() -> Iterator[None]:
    """Go on after the block where MLflow has no such thing."""
    from mlflow.exceptions import MlflowException

    try:
        yield
    except MlflowException as error:
        if error.error_code != "RESOURCE_DOES_NOT_EXIST":
            raise


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
        stage=str(found.current_stage),
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


def _store_files(client: Any, run: Any, folder: Path, *, artifact: str, uri: str) -> None:
    """Hand the files to MLflow; on this machine the folder is moved, which copies nothing."""
    root = local_path(run.info.artifact_uri)
    if root is None:
        with environment(BULK):
            run_while_answering(uri, lambda: client.log_artifacts(run.info.run_id, str(folder), artifact))
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


class _TakenError(Exception):
    """Another process has registered the same model a moment earlier."""

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.number = number


def _register(client: Any, name: str, run: Any, *, artifact: str, tags: dict[str, str]) -> int:
    """Create the version; raise _TakenError where another process was first with the same fitted state."""
    source = f"{run.info.artifact_uri}/{artifact}"
    made = client.create_model_version(name, source, run.info.run_id, tags=tags, await_creation_for=0)
    twins = client.search_model_versions(
        f"name = '{name}' and {with_tag('noren.digest', tags['noren.digest'])}"
    )
    first = min(twins, key=lambda twin: int(twin.version), default=made)
    if int(first.version) == int(made.version):
        return int(made.version)
    if first.run_id != run.info.run_id:
        raise _TakenError(int(first.version))
    # MLflow's client asked twice, since the answer to its first request was lost.
    client.delete_model_version(name, made.version)
    return int(first.version)


def with_tag(name: str, value: str) -> str:
    """Return MLflow's filter for versions with this tag."""
    return f"tags.`{name}` = '{value}'"
