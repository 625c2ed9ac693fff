"""The ring undoes what it began, first of all and nothing else. What its stages really do is tested in tests/ring."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import psutil
import pytest

from noren.ring import Ring, Task
from noren.stages import Stages
from noren_bento.bento_build.build import Build
from noren_bento.control.client import ControlClient
from noren_bento.control.journal import Journal
from noren_bento.errors import ConflictError, NorenError, NotFoundError
from noren_bento.release import event as ev
from noren_bento.release.event import Caller
from noren_bento.release.plan import Plan
from noren_bento.release.release import Release as Folded
from noren_bento.release.version import ModelVersion, Signature
from noren_bento.settings import Settings
from noren_validation.gate import judge_notebook, judge_notebooks, name_checks
from noren_validation.validation import Validation
from tests.noren.control_home import control_home
from tests.noren_bento.release.log import BUILT, VALIDATED, log, opened

ME = Caller(os.getpid(), psutil.Process().create_time())
APPROVAL = Plan(approval=True)
SECOND = ModelVersion("m", 2, "d" * 64, Signature((), "classification"))


class PreparedStages(Stages):
    """Stages whose version m/2 is built, and whose validation ends with `end`."""

    def __init__(self, settings: Settings, end: BaseException | Validation | None) -> None:
        super().__init__(settings)
        self.end = end

    def build(self, version: ModelVersion | str) -> Build:
        return Build(SECOND, "m:2", Path("/bento"), "onnx", "equal", 1)

    def validate_served(self, build: Build, service: Any, notebooks: Any) -> Validation:
        client, deadline = ControlClient(self._settings), time.monotonic() + 10
        while client.release("m").state != "built" and time.monotonic() < deadline:
            time.sleep(0.01)  # the other thread waits for the service now
        if isinstance(self.end, Validation):
            return self.end
        assert self.end is not None
        raise self.end


class Prepared(Ring):
    """A ring whose version m/2 is tagged."""

    def __init__(self, settings: Settings, end: BaseException | Validation | None = None) -> None:
        super().__init__(settings)
        self.stages = PreparedStages(settings, end)

    def _tagged(self, task: Task) -> ModelVersion:
        return SECOND

    def _opened(self, version: ModelVersion, task: Task) -> Folded:
        return self.client.release("m")


@pytest.fixture(autouse=True)
def no_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        "noren_bento.bento_build.environment.prepare_environment", lambda *args, **more: Path()
    )


@pytest.fixture
def home(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[tuple[Settings, Journal]]:
    with control_home(tmp_path, request.param) as home:
        yield home


def opened_by(caller: Caller, *more: ev.Body, plan: Plan | None = None) -> list[ev.Event]:
    return log(replace(opened(plan=plan), caller=caller), *more)


@pytest.mark.parametrize("home", [opened_by(ME)], indirect=True)
@pytest.mark.parametrize("error", [NotFoundError("There is no notebook x.ipynb."), KeyboardInterrupt()])
def test_a_failed_validation_is_undone_before_anything_else_is_waited_for(
    home: tuple[Settings, Journal], error: BaseException, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings, journal = home
    monkeypatch.setattr("noren.undo.UNDO_SECONDS", 0.2)
    began = time.monotonic()
    with pytest.raises(type(error)) as raised:
        Prepared(settings, error).deploy(Task("m/2"))
    assert time.monotonic() - began < 5
    assert raised.value is error, "the first error is what the user sees"
    assert journal.release("m").requested == "roll back"


@pytest.mark.parametrize("home", [opened_by(ME)], indirect=True)
def test_a_gate_that_closed_before_anything_was_tested_says_why(
    home: tuple[Settings, Journal], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings, journal = home
    monkeypatch.setattr("noren.undo.UNDO_SECONDS", 0.2)
    monkeypatch.setattr(Prepared, "_address_of", lambda *_: "http://127.0.0.1:1")
    dead = judge_notebook("own", {"cells": []}, digest="d" * 64, interruption="its kernel died")
    result = Validation(
        judge_notebooks([dead]), name_checks([dead]), tmp_path / "report.html", "", 1.0, (dead,)
    )
    with pytest.raises(NorenError, match=r"The gate is closed for m/2: .*its kernel died.*report.html"):
        Prepared(settings, result).deploy(Task("m/2"))
    assert journal.release("m").requested == "roll back"


@pytest.mark.parametrize("home", [opened_by(ME)], indirect=True)
def test_no_secret_is_in_the_reason_that_the_log_keeps(
    home: tuple[Settings, Journal], monkeypatch: pytest.MonkeyPatch
) -> None:
    settings, _ = home
    monkeypatch.setenv("CHURN_DB_PASSWORD", "correct-horse-1")
    monkeypatch.setattr("noren.undo.UNDO_SECONDS", 0.2)
    error = NorenError("db at https://ana:pw@db says no to correct-horse-1.")
    with pytest.raises(NorenError, match="correct-horse-1"):  # the user's own cell says what happened
        Prepared(settings, error).deploy(Task("m/2"))
    assert ControlClient(settings).events("m@1")[-1].why == "db at https://***@db says no to ***."


@pytest.mark.parametrize("home", [opened_by(ME, BUILT)], indirect=True)
def test_an_undo_that_is_refused_is_told_below_the_first_error(
    home: tuple[Settings, Journal], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    settings, _ = home

    def refuse(self: object, *args: object, **more: object) -> None:
        raise NorenError("That cannot be done now.")

    monkeypatch.setattr("noren_bento.control.client.ControlClient.append", refuse)
    with pytest.raises(NotFoundError, match=r"no notebook x.ipynb"):
        Prepared(settings, NotFoundError("There is no notebook x.ipynb.")).deploy(Task("m/2"))
    assert "m/2 could not be rolled back now: That cannot be done now." in capsys.readouterr().err

    monkeypatch.setattr("noren.undo.in_notebook", lambda: True)
    with pytest.raises(NotFoundError) as raised:
        Prepared(settings, NotFoundError("There is no notebook x.ipynb.")).deploy(Task("m/2"))
    shown = raised.value._render_traceback_()
    assert shown[0] == "NotFoundError: There is no notebook x.ipynb."
    assert "could not be rolled back" in shown[1]


@pytest.mark.parametrize("home", [opened_by(ME, BUILT, VALIDATED, plan=APPROVAL)], indirect=True)
def test_a_release_under_way_takes_no_other_plan_and_is_not_undone(home: tuple[Settings, Journal]) -> None:
    settings, journal = home
    with pytest.raises(ConflictError, match=r"m@1 is under way by another plan.*Leave the plan out"):
        Prepared(settings).deploy(Task("m/2", plan=Plan.parse("20,60")))
    assert journal.release("m").requested is None
    assert Prepared(settings).deploy(Task("m/2")).id == "m@1", "without a plan it goes on by its own"


@pytest.mark.parametrize("home", [opened_by(Caller(1, 0.0), BUILT)], indirect=True)
def test_what_another_process_opened_is_left_to_it(home: tuple[Settings, Journal]) -> None:
    settings, journal = home
    with pytest.raises(NotFoundError):
        Prepared(settings, NotFoundError("There is no notebook.")).deploy(Task("m/2"))
    assert journal.release("m").requested is None


@pytest.mark.parametrize("home", [opened_by(ME, BUILT, VALIDATED, plan=APPROVAL)], indirect=True)
def test_a_release_that_waits_for_approval_is_returned_and_says_for_whom(
    home: tuple[Settings, Journal], capsys: pytest.CaptureFixture[str]
) -> None:
    settings, journal = home
    release = Prepared(settings).deploy(Task("m/2", plan=APPROVAL))
    assert release.state == "validated"
    assert release.because == "waiting for the approval of a person other than ana"
    assert journal.release("m").start_requested
    assert "waiting for the approval" in capsys.readouterr().err
    assert Prepared(settings).deploy(Task("m/2", plan=APPROVAL)).id == release.id, "and shown again"
    assert len(journal.store.events("m@1")) == 4
