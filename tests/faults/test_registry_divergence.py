"""Fault 27: what somebody does to a champion in MLflow's own interface stops nothing, and is told."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

import noren
from noren_bento.control.processes import look
from noren_bento.settings import Settings
from noren_bento.stores import opening
from noren_bento.stores.models import ModelStore
from tests.faults.conftest import Figure
from tests.ring.home import clinic, deploy, running_home, serial_task, until

pytestmark = [pytest.mark.slow, pytest.mark.timeout(400)]


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Settings]:
    with running_home(tmp_path) as settings:
        monkeypatch.setenv("NOREN_HOME", str(settings.home))
        monkeypatch.setenv("NOREN_PORT", str(settings.port))
        deploy(settings, serial_task("m"))
        yield settings


def test_serving_goes_on_while_the_alias_is_moved_and_the_champion_deleted_in_mlflow(
    settings: Settings, figure: Figure
) -> None:
    store = ModelStore(settings)
    until(lambda: store.champion("m") == "m/1", 60)
    patients = clinic(settings, "m", per_second=50)
    client = opening.open_client(settings.tracking_uri)

    client.delete_registered_model_alias("m", "champion")
    until(lambda: store.champion("m") == "m/1", 90)
    until(lambda: any("pointed to nothing instead of m/1" in text for text in look(settings).troubles))

    client.delete_model_version("m", "1")
    until(
        lambda: any("m/1 serves, and is no longer in MLflow" in text for text in look(settings).troubles), 90
    )
    assert "trouble: alias of m: m/1 serves, and is no longer in MLflow" in repr(noren.releases())
    sent = patients.sent
    until(lambda: patients.sent > sent + 100)
    patients.close()
    assert patients.failed == 0, patients.problems
    assert set(patients.answered_by) == {"m/1"}
    figure(27, f"{patients.failed} of {patients.sent} requests lost; `noren status` tells both")
