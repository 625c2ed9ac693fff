"""A release's life, on real parts: first and not first, promoted and taken back, down and up again in its middle."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

import noren
from noren.handle import Release
from noren.ring import Ring, Task
from noren_bento.control.client import ControlClient
from noren_bento.control.processes import bring_down, bring_up
from noren_bento.errors import ConflictError, NotFoundError
from noren_bento.release.plan import Plan, Step
from noren_bento.settings import Settings
from notebooks.clinic import Clinic
from tests.ring.home import (
    LONG,
    TRIVIAL,
    clinic,
    deploy,
    deploy_elsewhere,
    running_home,
    serial_task,
    serials,
    until,
    wait_for_stage,
)

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]

NAME = "Care.Unit-7"
"""Dots, capitals and a dash are allowed: they must come through MLflow, bentos, supervisord, Envoy and URLs."""
BODY = {"rows": [{name: float(value) for name, value in serials()[0].iloc[0].items()}]}


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Settings]:
    private = {"log_drop": ["b", "no, such"], "log_hash": ["c", "other/a"]}
    with running_home(tmp_path_factory.mktemp("releases"), **private) as settings:
        deploy(settings, serial_task(NAME))
        yield settings


def ask(settings: Settings, name: str) -> httpx.Response:
    return httpx.post(f"http://127.0.0.1:{settings.port}/{name}/predict", json=BODY, timeout=10)


def answerers(patients: Clinic, requests: int = 50) -> set[str]:
    """Who answers the next requests."""
    sent, before = patients.sent, Counter(patients.answered_by)
    until(lambda: patients.sent >= sent + requests)
    return set(Counter(patients.answered_by) - before)


def requests_of(release: Release) -> tuple[int, ...]:
    return tuple(arm.requests for arm in release.snapshot().arms)


def test_a_name_with_dots_and_capitals_answers_at_its_url(settings: Settings) -> None:
    release = Release(f"{NAME}@1", settings)
    assert release.url == f"http://127.0.0.1:{settings.port}/{NAME}/predict"
    answer = ask(settings, NAME)
    assert (answer.status_code, answer.json()["model"]) == (200, f"{NAME}/1")
    assert ask(settings, NAME.lower()).status_code == 404


def test_what_users_ask_is_logged_with_the_id_they_are_given_and_no_replay_is(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = BODY["rows"][0]
    answers = {one["request_id"]: one for one in (ask(settings, NAME).json() for _ in range(5))}
    monkeypatch.setenv("NOREN_HOME", str(settings.home))

    def logged() -> dict[str, dict[str, Any]]:
        try:
            return {row["request_id"]: row for row in noren.predictions(NAME).collect().to_dicts()}
        except NotFoundError:
            return {}

    until(lambda: answers.keys() <= logged().keys())
    assert len(logged()) <= 5 + 1, "the first release's reference rows are nobody's requests"
    for request_id, answer in answers.items():
        row = logged()[request_id]
        assert {name: row[name] for name in ("a", "serial")} == {
            name: asked[name] for name in ("a", "serial")
        }
        assert "b" not in row, "it must not be stored"
        assert re.fullmatch("[0-9a-f]{32}", row["c"]), "only its hash may be stored"
        assert (row["version"], row["prediction"]) == (f"{NAME}/1", answer["predictions"][0])
        assert [row["probability_no"], row["probability_yes"]] == answer["probabilities"][0]


def test_a_first_release_that_is_rolled_back_leaves_a_503_that_says_so_and_the_next_is_a_first_one(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    deploy(settings, serial_task("first"))
    assert ask(settings, "first").status_code == 200
    monkeypatch.setenv("NOREN_HOME", str(settings.home))
    with pytest.warns(UserWarning, match="No version of first serves any more"):
        noren.rollback("first")
    until(lambda: ask(settings, "first").status_code != 200)
    answer = ask(settings, "first")
    assert (answer.status_code, answer.json()) == (503, {"error": "first has no released version"})

    second = deploy(settings, serial_task("first", 0.5))
    assert (second.state, second.now.champion) == ("promoted", None)
    assert "first release" in second.because
    answer = ask(settings, "first")
    assert (answer.status_code, answer.json()["model"]) == (200, "first/2")


def test_a_promoted_release_taken_back_by_hand_gives_the_traffic_to_the_champion_before_within_seconds(
    settings: Settings,
) -> None:
    release = deploy(settings, serial_task(NAME, 0.5, LONG))
    patients = clinic(settings, NAME)
    release.promote()
    until(lambda: answerers(patients) == {release.now.candidate})
    release.rollback()
    until(lambda: answerers(patients) == {f"{NAME}/1"}, 10)
    patients.close()
    assert patients.failed == 0, patients.problems
    assert release.state == "rolled back"
    assert "asked for it" in release.because


def test_down_and_up_in_a_canary_leave_it_where_it_was_and_count_nothing_twice(settings: Settings) -> None:
    plan = Plan(steps=(Step(40, 1.0), Step(60, 600.0)))
    release = deploy(settings, serial_task(NAME, 0.25, plan))
    patients = clinic(settings, NAME, per_second=300)
    until(lambda: release.now.step_index == 1, 60)
    patients.close()
    assert patients.failed == 0, patients.problems

    bring_down(settings)
    before = ControlClient(settings).release(release.id)
    bring_up(settings)
    until(lambda: all(arm.ready for arm in release.snapshot().arms))
    now = release.now
    assert (now.state, now.weight, now.step_index) == ("canary", 60, 1)
    assert now.epoch == before.epoch
    assert before.evidence.candidate.requests >= 100
    assert requests_of(release) == (before.evidence.champion.requests, before.evidence.candidate.requests)

    with httpx.Client() as client:
        chosen = Counter(client.post(release.url, json=BODY).headers["x-noren-chosen"] for _ in range(60))
    was = before.evidence
    expected = (
        was.champion.requests + chosen[str(now.champion)],
        was.candidate.requests + chosen[now.candidate],
    )
    until(lambda: requests_of(release) == expected)
    release.rollback()
    evidence = release.evidence
    assert (evidence.champion.requests, evidence.candidate.requests) == expected
    assert (evidence.champion.failed, evidence.candidate.failed) == (0, 0)


def test_a_second_deploy_while_another_process_builds_is_told_what_runs_and_the_first_goes_on(
    settings: Settings,
) -> None:
    ring = Ring(settings)
    task = serial_task(NAME, 0.125)
    version = ring.stages.tag(task.model, NAME, train=task.train, test=task.test)
    first = deploy_elsewhere(settings, NAME, 0.0625)
    try:
        wait_for_stage(first, "build")
        running = ControlClient(settings).release(NAME)
        with pytest.raises(ConflictError, match=rf"running already: {running.candidate} is opened "):
            ring.deploy(Task(version, notebooks=TRIVIAL))
        with pytest.raises(ConflictError, match=rf"is being deployed by .* \(process {first.pid}\)"):
            ring.deploy(Task(running.candidate, notebooks=TRIVIAL))
        _, said = first.communicate(timeout=120)
    finally:
        first.kill()
        first.communicate()
    assert first.returncode == 0, said
    release = Release(running.id, settings)
    assert release.state == "canary"
    release.rollback()
