"""The shell command: the same verbs, clean errors, exit codes that CI can use."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from noren.cli import main
from noren_bento.stores.events import EventStore
from tests.noren.control_home import control_home
from tests.noren_bento.release.log import canary


def run(home: Path, *words: str) -> Result:
    return CliRunner().invoke(main, ["--home", str(home), *words])


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("NOREN_HOME", str(tmp_path))
    store = EventStore.at_home(tmp_path)
    for event in canary():
        store.append(event)
    store.close()
    return tmp_path


def test_releases_are_told_with_control_down(home: Path) -> None:
    told = run(home, "releases").output
    assert "m@1" in told
    assert "canary" in told


def test_show_tells_the_story(home: Path) -> None:
    told = run(home, "show", "m").output
    assert [word for word in ("opened", "built", "validated", "started") if word in told] == [
        "opened", "built", "validated", "started",
    ]  # fmt: skip


def test_export_gives_each_event_as_a_json_line(home: Path) -> None:
    lines = [json.loads(line) for line in run(home, "export").output.splitlines()]
    assert [line["seq"] for line in lines] == [0, 1, 2, 3, 4]


def test_writing_with_control_down_says_how_to_start_it(home: Path) -> None:
    result = run(home, "promote", "m")
    assert result.exit_code == 1
    assert "`noren up` starts it" in result.output
    assert "Traceback" not in result.output


def test_an_unknown_model_is_answered_with_the_known_ones(home: Path) -> None:
    result = run(home, "show", "churn")
    assert result.exit_code == 1
    assert "Released models: m" in result.output


def test_status_of_a_home_that_is_down_ends_with_one(home: Path) -> None:
    result = run(home, "status")
    assert result.exit_code == 1
    assert "`noren up` starts it" in result.output


def test_config_tells_each_setting_and_its_source(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NOREN_PORT", "9999")
    told = run(home, "config").output
    assert "9999  (NOREN_PORT)" in told
    assert "127.0.0.1  (default)" in told


def test_config_shows_no_password(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NOREN_TRACKING_URI", "https://ana:s3cret@mlflow.example:5000/api")
    told = run(home, "config").output
    assert "https://***@mlflow.example:5000/api  (NOREN_TRACKING_URI)" in told
    assert "s3cret" not in told
    assert "ana" not in told.partition("tracking_uri")[2].partition("\n")[0]


@pytest.mark.parametrize("verb", ["drift", "show", "promote", "rollback", "approve", "report", "export"])
@pytest.mark.parametrize("name", ["churn", "churn/3", "churn?", "a/b/c"])
def test_a_name_that_nothing_was_released_as_is_one_message(home: Path, verb: str, name: str) -> None:
    with control_home(home) as _:
        result = run(home, verb, name)
    assert result.exit_code == 1
    assert isinstance(result.exception, SystemExit)
    assert "Nothing was released as" in result.output or "Give a model's name" in result.output


def test_drift_of_what_has_no_traffic_yet_is_one_message(home: Path) -> None:
    with control_home(home) as _:
        result = run(home, "drift", "m")
    assert result.exit_code == 1
    assert "m has no version that serves" in result.output


def test_what_is_not_importable_is_named(home: Path) -> None:
    result = run(home, "tag", "nowhere:model", "--name", "m", "--train", "a:b", "--test", "a:b")
    assert result.exit_code == 1
    assert "cannot be imported" in result.output
