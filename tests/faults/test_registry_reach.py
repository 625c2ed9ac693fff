"""Fault 12: MLflow's server hangs, fails or is gone in the middle of a tag; the error comes within ten seconds."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pytest
from sklearn.linear_model import Ridge

from noren_bento.errors import UnreachableError
from noren_bento.settings import Settings
from noren_bento.stores import attempts, opening
from noren_bento.stores.models import ModelStore
from noren_bento.tagging.tag import tag_model
from tests.faults.conftest import Figure
from tests.faults.failing_proxy import FailingProxy, Mode, failing_proxy
from tests.faults.registries import mlflow_server, settings_of

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]

X = np.arange(40.0).reshape(-1, 1)
DATA = (X, X.ravel())


@dataclass
class Store:
    """A server behind a proxy that may fail."""

    settings: Settings
    proxy: FailingProxy

    def tag(self, name: str, strength: float) -> str:
        model = Ridge(alpha=strength).fit(*DATA)
        return str(tag_model(model, name, train=DATA, test=DATA, settings=self.settings))

    @cached_property
    def requests_of_a_tag(self) -> int:
        """How many requests a tag takes whose name is not a new one."""
        self.tag("counted", 1)
        self.proxy.recover()
        self.tag("counted", 2)
        return self.proxy.requests


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    folder = tmp_path_factory.mktemp("reach")
    with mlflow_server(folder / "server") as server, failing_proxy(server) as (proxy, uri):
        yield Store(settings_of(folder / "home", uri), proxy)


def fail_at(store: Store, k: int, mode: Mode) -> float:
    """Fail from the k-th request of a tag on; return the seconds until the error, with proof of what follows."""
    name = f"{mode}{k}"
    store.proxy.fail_from(k, mode)
    with pytest.raises(UnreachableError, match="does not answer"):
        store.tag(name, 1)
    seconds = time.monotonic() - store.proxy.failed_at
    store.proxy.recover()
    assert store.tag(name, 1) == f"{name}/1"
    client = opening.open_client(store.settings.tracking_uri)
    experiment = client.get_experiment_by_name(name)
    # A version whose making was only not confirmed is found again; its run is finished by the next tag of the name.
    store.tag(name, 2)
    whole = [
        (run.info.status, run.data.tags[attempts.PENDING])
        for run in client.search_runs([experiment.experiment_id])
    ]
    assert whole == [("FINISHED", attempts.DONE)] * 2
    assert len(ModelStore(store.settings).versions(name)) == 2
    assert list((store.settings.home / "staging").iterdir()) == []
    return seconds


@pytest.mark.parametrize("mode", ["hang", "503", "reset"])
def test_a_server_that_fails_in_the_middle_of_a_tag_is_said_within_ten_seconds(
    store: Store, mode: Mode, figure: Figure
) -> None:
    seconds = fail_at(store, store.requests_of_a_tag // 2, mode)
    assert seconds < 10
    figure(12, f"{mode} in the middle of a tag: said after {seconds:.1f} s")


def test_a_server_that_hangs_from_the_first_request_on_is_said_within_ten_seconds(store: Store) -> None:
    assert fail_at(store, 1, "hang") < 10


@pytest.mark.soak
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("mode", ["hang", "503", "reset"])
def test_a_server_that_fails_at_any_request_of_a_tag_is_said_within_ten_seconds(
    store: Store, mode: Mode, figure: Figure
) -> None:
    seconds = [fail_at(store, k, mode) for k in range(1, store.requests_of_a_tag + 1)]
    assert max(seconds) < 10
    middle, most = np.median(seconds), max(seconds)
    figure(
        12,
        f"{mode} at {len(seconds)} places of a tag: said after {middle:.1f} s at the median, {most:.1f} s at most",
    )
