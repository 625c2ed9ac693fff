"""Versions in a real MLflow registry: found, listed, interrupted, unreachable, remote."""

from __future__ import annotations

import http.server
import shutil
import socket
import threading
import time
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.linear_model import Ridge

from noren_bento.errors import ConflictError, NorenError, NotFoundError, UnreachableError
from noren_bento.release.version import ModelVersion
from noren_bento.settings import Settings, load_settings
from noren_bento.stores import attempts, mlflow_client, opening
from noren_bento.stores.models import ModelStore
from noren_bento.tagging.tag import tag_model
from noren_bento.tagging.version_files import VersionFiles
from tests.faults.registries import mlflow_server, settings_of

X = np.arange(40.0).reshape(-1, 1)
DATA = (X, X.ravel())


def tag(name: str, alpha: float, settings: Settings) -> ModelVersion:
    return tag_model(Ridge(alpha=alpha).fit(*DATA), name, train=DATA, test=DATA, settings=settings)


def runs_of(settings: Settings, name: str) -> list[Any]:
    client = opening.open_client(settings.tracking_uri)
    experiment = client.get_experiment_by_name(name)
    return list(client.search_runs([experiment.experiment_id])) if experiment else []


def test_versions_are_listed_oldest_first_and_found_by_name(store_settings: Settings) -> None:
    store = ModelStore(store_settings)
    first, second = tag("churn", 1, store_settings), tag("churn", 2, store_settings)
    assert store.versions("churn") == (first, second)
    assert store.get("churn/2") == second
    assert store.find("churn", first.digest) == first
    assert "churn" in store.names()
    assert store.versions("nobody") == ()


def test_what_is_not_there_names_what_is_near(store_settings: Settings) -> None:
    store = ModelStore(store_settings)
    tag("income", 1, store_settings)
    with pytest.raises(NotFoundError, match=r"no model 'incmoe'\. Known models: income"):
        store.get("incmoe/1")
    with pytest.raises(NotFoundError, match=r"no income/9\. The latest versions of income are income/1"):
        store.get("income/9")
    with pytest.raises(NorenError, match="is not a version"):
        store.get("income")
    with pytest.raises(NotFoundError):
        store.folder("income/9")


def test_mlflow_shows_a_finished_run_with_metrics_parameters_signature_and_the_version(
    store_settings: Settings,
) -> None:
    version = tag("shown", 3, store_settings)
    (run,) = runs_of(store_settings, "shown")
    assert run.info.status == "FINISHED"
    assert run.data.params["alpha"] == "3"
    assert run.data.metrics["r2"] > 0.9
    assert run.data.tags["noren.digest"] == version.digest
    assert run.data.tags[attempts.PENDING] == attempts.DONE
    import mlflow

    info = mlflow.models.get_model_info(str(ModelStore(store_settings).folder(version)))
    assert info.signature.inputs.input_names() == ["x0"]
    found = opening.open_client(store_settings.tracking_uri).get_model_version("shown", "1")
    assert found.run_id == run.info.run_id
    assert found.tags["noren.task"] == "regression"


def test_tagging_the_same_model_makes_no_second_run(store_settings: Settings) -> None:
    assert tag("twice", 1, store_settings) == tag("twice", 1, store_settings)
    assert len(runs_of(store_settings, "twice")) == 1


def test_the_champion_alias_follows_and_is_removed(store_settings: Settings) -> None:
    store = ModelStore(store_settings)
    tag("crowned", 1, store_settings)
    tag("crowned", 2, store_settings)
    client = opening.open_client(store_settings.tracking_uri)
    store.set_champion("crowned", "crowned/2")
    assert int(client.get_model_version_by_alias("crowned", "champion").version) == 2
    store.set_champion("crowned", "crowned/1")
    assert int(client.get_model_version_by_alias("crowned", "champion").version) == 1
    store.set_champion("crowned", None)
    store.set_champion("crowned", None)
    assert client.get_registered_model("crowned").aliases == {}
    with pytest.raises(NotFoundError):
        store.set_champion("crowned", "crowned/7")
    tag("other", 1, store_settings)
    with pytest.raises(NorenError, match="is no version of crowned"):
        store.set_champion("crowned", "other/1")


def test_what_mlflow_says_of_a_champion_is_read_as_it_is(store_settings: Settings) -> None:
    store = ModelStore(store_settings)
    assert store.champion("nobody") is None
    tag("mirrored", 1, store_settings)
    assert store.champion("mirrored") is None
    store.set_champion("mirrored", "mirrored/1")
    assert store.champion("mirrored") == "mirrored/1"
    client = opening.open_client(store_settings.tracking_uri)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # MLflow would rather have no stages
        client.transition_model_version_stage("mirrored", "1", "Archived")
    assert store.stage("mirrored/1") == "Archived"
    client.delete_model_version("mirrored", "1")
    assert store.stage("mirrored/1") is None
    assert store.champion("mirrored") is None
    client.delete_registered_model("mirrored")
    store.set_champion("mirrored", None)


def test_a_model_is_released_from_one_event_store_only(store_settings: Settings) -> None:
    tag("claimed", 1.0, store_settings)
    store = ModelStore(store_settings)
    store.claim("claimed", "first-store")
    store.claim("claimed", "first-store")
    with pytest.raises(ConflictError, match=r"released from another NOREN_HOME .*first-store"):
        store.claim("claimed", "second-store")


def test_a_signature_too_wide_for_a_tag_is_read_from_the_files(store_settings: Settings) -> None:
    wide = np.random.default_rng(0).normal(size=(10, 1400))
    data = (wide, wide[:, 0])
    version = tag_model(Ridge().fit(*data), "wide", train=data, test=data, settings=store_settings)
    assert len(version.signature.columns) == 1400
    assert ModelStore(store_settings).get("wide/1") == version


class Fault:
    """MLflow's client, whose k-th writing call takes effect and is then followed by a Ctrl-C."""

    WRITES = (
        "create_experiment", "create_run", "log_batch", "create_registered_model", "create_model_version",
        "set_terminated", "set_tag",
    )  # fmt: skip

    def __init__(self, client: Any, at: int) -> None:
        self.client, self.left = client, at

    def __getattr__(self, name: str) -> Any:
        call = getattr(self.client, name)
        if name not in self.WRITES:
            return call

        def wrapped(*args: Any, **kwargs: Any) -> Any:
            answer = call(*args, **kwargs)
            self.left -= 1
            if self.left == 0:
                raise KeyboardInterrupt
            return answer

        return wrapped


def test_ctrl_c_after_any_step_leaves_nothing(
    store_settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = opening.open_client(store_settings.tracking_uri)
    steps = 0
    for steps in range(1, 20):
        name = f"interrupted{steps}"
        fault = Fault(client, steps)
        monkeypatch.setattr(mlflow_client, "open_client", lambda uri, fault=fault: fault)
        try:
            tag(name, 1, store_settings)
        except KeyboardInterrupt:
            monkeypatch.undo()
            assert ModelStore(store_settings).versions(name) == ()
            assert runs_of(store_settings, name) == []
            assert not client.search_registered_models(f"name = '{name}'")
            assert list((store_settings.home / "staging").iterdir()) == []
            assert str(tag(name, 1, store_settings)) == f"{name}/1"
        else:
            break
    assert steps == len(Fault.WRITES) + 1


def test_ctrl_c_in_a_second_version_keeps_the_first(
    store_settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = tag("kept", 1, store_settings)
    fault = Fault(opening.open_client(store_settings.tracking_uri), 3)
    monkeypatch.setattr(mlflow_client, "open_client", lambda uri: fault)
    with pytest.raises(KeyboardInterrupt):
        tag("kept", 2, store_settings)
    monkeypatch.undo()
    assert ModelStore(store_settings).versions("kept") == (first,)
    assert ModelStore(store_settings).files(first).model().alpha == 1


def test_of_two_homes_that_register_one_model_at_the_same_moment_the_first_has_the_version(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = settings_of(tmp_path / "first")
    second = settings_of(tmp_path / "second", first.tracking_uri)
    made = tag("shared", 1, first)
    with monkeypatch.context() as patch:
        patch.setattr(ModelStore, "find", lambda self, name, digest: None)  # what it saw a moment before
        assert tag("shared", 1, second) == made
    assert ModelStore(second).versions("shared") == (made,)
    assert len(runs_of(second, "shared")) == 1
    assert str(tag("shared", 2, second)) == "shared/3", "a number is never given twice"


def test_a_request_that_was_sent_twice_makes_one_version(
    store_settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = opening.open_client(store_settings.tracking_uri)

    class Twice:
        def __getattr__(self, name: str) -> Any:
            return getattr(client, name)

        def create_model_version(self, *args: Any, **kwargs: Any) -> Any:
            client.create_model_version(*args, **kwargs)  # its answer was lost
            return client.create_model_version(*args, **kwargs)

    monkeypatch.setattr(mlflow_client, "open_client", lambda uri: Twice())
    version = tag("asked-twice", 1, store_settings)
    assert str(version) == "asked-twice/1"
    assert ModelStore(store_settings).versions("asked-twice") == (version,)


@contextmanager
def silent_server() -> Iterator[int]:
    """A server that accepts and never answers."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


@contextmanager
def failing_server() -> Iterator[int]:
    """A server that answers 503 to everything."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(503)
            self.send_header("content-length", "0")
            self.end_headers()

        def log_message(self, format: str, *args: Any) -> None:
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield server.server_port
    server.shutdown()
    thread.join()
    server.server_close()


@contextmanager
def closed_port() -> Iterator[int]:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    yield port


@pytest.mark.parametrize("server", [closed_port, silent_server, failing_server])
def test_a_server_that_is_down_hangs_or_fails_is_said_within_ten_seconds(server: Any, tmp_path: Path) -> None:
    with server() as port:
        settings = load_settings(
            {"home": str(tmp_path), "tracking_uri": f"http://127.0.0.1:{port}"}, environ={}, folder=Path("/")
        )
        started = time.monotonic()
        with pytest.raises(UnreachableError, match=f"MLflow at http://127.0.0.1:{port} does not answer"):
            tag("unreachable", 1, settings)
        assert time.monotonic() - started < 10
        assert not (tmp_path / "staging").exists() or not list((tmp_path / "staging").iterdir())


def test_a_database_that_is_down_is_said_without_its_password(tmp_path: Path) -> None:
    with closed_port() as port:
        uri = f"postgresql://noren:secret@127.0.0.1:{port}/mlflow"
        settings = load_settings({"home": str(tmp_path), "tracking_uri": uri}, environ={}, folder=Path("/"))
        with pytest.raises(UnreachableError) as caught:
            ModelStore(settings).names()
    assert "secret" not in str(caught.value)


def test_a_database_that_hangs_is_said_within_ten_seconds(tmp_path: Path) -> None:
    with silent_server() as port:
        settings = settings_of(tmp_path, f"postgresql+psycopg://127.0.0.1:{port}/mlflow")
        started = time.monotonic()
        with pytest.raises(UnreachableError, match=f"127.0.0.1:{port}/mlflow does not answer: timed out"):
            ModelStore(settings).names()
        assert time.monotonic() - started < 10


def test_a_database_without_its_driver_names_the_package(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:

        def answer() -> None:
            connection, _ = server.accept()
            with connection:
                connection.recv(8)
                connection.sendall(b"N")  # as PostgreSQL does, without encryption

        thread = threading.Thread(target=answer)
        thread.start()
        uri = f"postgresql+pg8000://127.0.0.1:{server.getsockname()[1]}/mlflow"
        with pytest.raises(NorenError, match=r"needs pg8000.* pip install 'noren\[postgres\]'"):
            ModelStore(settings_of(tmp_path, uri)).names()
        thread.join()


@pytest.fixture(scope="module")
def server_settings(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Settings]:
    """Settings for a real MLflow server with its own home."""
    folder = tmp_path_factory.mktemp("server")
    with mlflow_server(folder) as uri:
        yield settings_of(folder / "home", uri)


@pytest.mark.slow
def test_a_version_on_a_server_is_downloaded_and_checked(server_settings: Settings, tmp_path: Path) -> None:
    version = tag("remote", 1, server_settings)
    elsewhere = replace(server_settings, home=tmp_path)
    store = ModelStore(elsewhere)
    assert store.get("remote/1") == version
    files = store.files(version)
    assert files.path.is_relative_to(tmp_path)
    assert files.version == version
    assert files.model().alpha == 1
    assert tag("remote", 1, elsewhere) == version
    (files.path / "noren.json").write_text("{}")
    with pytest.raises(NorenError, match="not those that were registered"):
        store.files(version)
    shutil.rmtree(files.path)
    assert VersionFiles(store.folder(version)).model().alpha == 1


@pytest.mark.slow
def test_a_server_knows_the_task_of_a_name_and_its_champion(server_settings: Settings) -> None:
    from sklearn.linear_model import LogisticRegression

    tag("served", 1, server_settings)
    ModelStore(server_settings).set_champion("served", "served/1")
    labels = (X.ravel() > 20).astype(int)
    with pytest.raises(ConflictError, match="taken by regression"):
        tag_model(
            LogisticRegression().fit(X, labels),
            "served",
            train=(X, labels),
            test=(X, labels),
            settings=server_settings,
        )
