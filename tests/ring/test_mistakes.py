"""A user's mistake in the ring: one clear error, raised, and nothing half done left behind."""

from __future__ import annotations

import re
import signal
import socket
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from sklearn.linear_model import LogisticRegression, Ridge

from noren.handle import Release
from noren.ring import Ring, Task
from noren_bento.control.client import ControlClient
from noren_bento.control.processes import bring_up
from noren_bento.errors import ConflictError, NorenError, NotFoundError, UnreachableError
from noren_bento.settings import Settings, load_settings
from tests.ring.home import (
    LONG,
    TRIVIAL,
    deploy,
    deploy_elsewhere,
    free_port,
    running_home,
    serial_task,
    serials,
    until,
    wait_for_stage,
)

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Settings]:
    with running_home(tmp_path_factory.mktemp("mistakes")) as settings:
        deploy(settings, serial_task("m"))
        yield settings


def task(strength: float = 1.0, **changes: object) -> Task:
    return replace(serial_task("m", strength), **changes)  # type: ignore[arg-type]


def wait_until_only(settings: Settings, *versions: str) -> None:
    until(lambda: set(ControlClient(settings).status()["versions"]) == set(versions))


def test_the_same_model_again_shows_its_release_and_starts_nothing(settings: Settings) -> None:
    before = ControlClient(settings).releases()
    again = deploy(settings, task())
    assert again.id == "m@1"
    assert again.state == "promoted"
    assert len(ControlClient(settings).releases()) == len(before)


def test_a_second_deploy_while_one_runs_is_told_what_runs(settings: Settings) -> None:
    running = deploy(settings, task(0.5, plan=LONG))
    with pytest.raises(ConflictError, match=r"running already: m/2 is canary .*%promote m or %rollback m"):
        deploy(settings, task(0.25))
    assert deploy(settings, task(0.5)).id == running.id, "the running one is shown, not started again"
    running.rollback()
    with pytest.raises(ConflictError, match="rolled back already"):
        running.rollback()


def test_a_closed_gate_says_which_check_and_leaves_nothing_running(
    settings: Settings, tmp_path: Path
) -> None:
    strict = tmp_path / "strict.ipynb"
    strict.write_text(TRIVIAL[0].read_text().replace("1.0, at_least=1.0", "0.3, at_least=0.9"))
    with pytest.raises(
        NorenError, match=r"The gate is closed for m/\d+: 0 of 1 checks passed; loads: 0.3 .*report"
    ):
        deploy(settings, task(0.1, notebooks=[strict]))
    release = ControlClient(settings).release("m")
    assert release.state == "rolled back"
    wait_until_only(settings, "m/1")


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"name": None}, "needs a name"),
        ({"name": "../m"}, "is not a model name"),
        ({"test": None}, "there is no test data"),
        ({"train": None}, "there is no train data"),
        ({"model": LogisticRegression()}, "not fitted"),
        ({"model": object()}, "predict"),
        ({"model": "m/77"}, "m/77"),
        ({"notebooks": [Path("nowhere.ipynb")]}, "nowhere.ipynb"),
    ],
)
def test_what_cannot_be_deployed_is_refused_before_anything_is_written(
    settings: Settings, changes: dict[str, object], says: str
) -> None:
    before = ControlClient(settings).releases()
    with pytest.raises(NorenError, match=re.escape(says)):
        Ring(settings).deploy(task(0.05, **changes))
    after = ControlClient(settings).releases()
    assert [r for r in after if r.active] == []
    if "notebooks" not in changes:
        assert len(after) == len(before)


def test_a_name_taken_by_another_kind_of_model_is_refused(settings: Settings) -> None:
    frame, _ = serials()
    values = frame["a"].to_numpy()
    with pytest.raises(NorenError, match="classification"):
        deploy(settings, task(model=Ridge().fit(frame, values), train=(frame, values), test=(frame, values)))


def test_a_name_that_was_never_released_is_answered_with_those_that_were(settings: Settings) -> None:
    with pytest.raises(NotFoundError, match=r"Nothing was released as 'n'. Released models: m"):
        Release(ControlClient(settings).release("n").id, settings)


def test_a_taken_port_is_named_with_the_way_out(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(ConflictError, match=rf"Port {port} .* Set NOREN_PORT to a free port"):
            bring_up(load_settings({"home": tmp_path / "home", "port": port}))
    assert not (tmp_path / "home" / "run" / "supervisor.sock").exists()


def test_a_home_that_is_up_at_another_address_says_where(settings: Settings) -> None:
    other = load_settings({"home": settings.home, "port": free_port()})
    with pytest.raises(ConflictError, match=f"NOREN_PORT={settings.port}"):
        bring_up(other)


def test_an_mlflow_that_does_not_answer_is_said_within_ten_seconds(tmp_path: Path) -> None:
    settings = load_settings({"home": tmp_path, "tracking_uri": f"http://127.0.0.1:{free_port()}"})
    began = time.monotonic()
    with pytest.raises(UnreachableError, match="MLflow"):
        deploy(settings, task())
    assert time.monotonic() - began < 10


def interrupted(settings: Settings, stage: str, strength: float, *, after_seconds: float) -> str:
    """Deploy in a process of its own and send it Ctrl-C this long after a stage began; return what it said then."""
    caller = deploy_elsewhere(settings, "m", strength)
    wait_for_stage(caller, stage)
    time.sleep(after_seconds)
    caller.send_signal(signal.SIGINT)
    _, said = caller.communicate(timeout=60)
    assert caller.returncode != 0
    return said


@pytest.mark.parametrize(("stage", "strength"), [("tag", 0.9), ("build", 0.8), ("validate", 0.7)])
def test_ctrl_c_in_a_stage_leaves_nothing_half_done(settings: Settings, stage: str, strength: float) -> None:
    said = interrupted(settings, stage, strength, after_seconds=0.7)  # each of them takes seconds
    assert "KeyboardInterrupt" in said, said
    client = ControlClient(settings)
    until(lambda: not any(release.active for release in client.releases()))
    assert client.releases()[0].state == "promoted"
    wait_until_only(settings, "m/1")
    assert list((settings.home / "staging").glob("*")) == []
    for half in ("bentos/.building-*", "validations/*/.*"):
        assert list(settings.home.glob(half)) == []


def test_ctrl_c_in_start_undoes_a_release_without_traffic_and_leaves_one_with_traffic(
    settings: Settings,
) -> None:
    said = interrupted(settings, "start", 0.6, after_seconds=0.0)
    client = ControlClient(settings)
    release = client.release("m")
    if release.state == "rolled back":
        assert "KeyboardInterrupt" in said, said
        assert "interrupted before the start" in [event.why for event in client.events(release.id)]
    else:  # its traffic had begun: then Ctrl-C only stops watching
        assert release.state == "canary"
        Release(release.id, settings).rollback()
    wait_until_only(settings, "m/1")
