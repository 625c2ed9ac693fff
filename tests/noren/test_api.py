"""The verbs take a name, a release's id or the version that its latest release is about; else one clear error."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

import noren
import noren_validation
from noren_bento.control.client import ControlClient
from noren_bento.errors import ConflictError, NorenError, NotFoundError
from noren_bento.release import event as ev
from noren_bento.settings import Settings
from tests.noren.control_home import control_home
from tests.noren_bento.release.log import BUILT, STARTED, VALIDATED, canary, log, opened

START = ev.Requested("start")
FIRST = canary(None, ev.Promoted(2))
SECOND = log(opened("m/2", "m/1"), BUILT, VALIDATED, START, STARTED, release="m@2")


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Settings]:
    monkeypatch.setenv("NOREN_HOME", str(tmp_path))
    with control_home(tmp_path, [*FIRST, *SECOND]) as (settings, _):
        yield settings


def test_a_name_an_id_and_the_latest_candidate_mean_the_latest_release(settings: Settings) -> None:
    assert [noren.release(text).id for text in ("m", "m@2", "m/2")] == ["m@2"] * 3


@pytest.mark.parametrize("verb", [noren.release, noren.promote, noren.rollback, noren.approve])
def test_a_version_that_is_not_the_latest_candidate_is_answered_with_what_is(
    verb: Callable[[str], object], settings: Settings
) -> None:
    with pytest.raises(
        NotFoundError, match=r"m/7 is not in the latest release of m: that is m@2 with m/2, canary"
    ):
        verb("m/7")
    with pytest.raises(NotFoundError, match="Give the name: m"):
        verb("m/1")


@pytest.mark.parametrize("verb", [noren.release, noren.promote, noren.rollback, noren.approve, noren.drift])
@pytest.mark.parametrize("text", ["n", "n/3", "m?", "m/3?", "a/b/c", "m 2", "m#2", "ä", "../status", "m/"])
def test_any_other_text_is_one_clear_error(
    verb: Callable[[str], object], text: str, settings: Settings
) -> None:
    with pytest.raises(NotFoundError, match=r"Nothing was released as|Give a model's name"):
        verb(text)


def test_drift_of_a_model_that_nothing_serves_says_so(settings: Settings) -> None:
    with pytest.raises(NotFoundError, match="no version that serves"):
        noren.drift("m")


def test_an_answer_that_is_not_json_is_told_with_its_status(settings: Settings) -> None:
    with pytest.raises(NotFoundError, match=r"GET /nowhere with status 404: 'Not Found'"):
        ControlClient(settings)._call("GET", "/nowhere")
    with pytest.raises(NorenError, match="with status 405"):
        ControlClient(settings)._call("DELETE", "/status")


def test_what_is_history_cannot_be_asked_for(settings: Settings) -> None:
    with pytest.raises(ConflictError):
        noren.promote("m@1")


def test_a_models_name_takes_no_plan_because_nothing_is_released() -> None:
    with pytest.raises(NorenError, match=r"churn names a model.*churn/1"):
        noren.canary("churn", plan=noren.Plan())


def test_a_check_takes_every_kind_of_limit_and_is_the_validation_suites_own() -> None:
    assert noren.check is noren_validation.check
    assert noren.check("runtime", "onnx", equals="onnx").passed
    assert not noren.check("share", 0.1 + 0.2, equals=0.3).passed
    assert noren.check("score", 0.9, between=(0.8, 1)).passed
