"""A release tells itself in sentences: what it is, who gets what, what is needed next."""

from __future__ import annotations

from dataclasses import replace

import pytest

from noren.telling import SAY_SECONDS, Progress, telling_of
from noren_bento.control.snapshot import Snapshot
from noren_bento.release import event as ev
from noren_bento.release.check import Outcome, Verdict
from noren_bento.release.event import Event
from noren_bento.release.evidence import ArmCounts, Evidence
from noren_bento.release.plan import Plan
from noren_bento.release.release import fold
from tests.noren.snapshots import CANARY, SILENT
from tests.noren_bento.release.log import BUILT, CURSOR, STARTED, VALIDATED, canary, log, opened

URL = "http://127.0.0.1:8620/m/predict"
CLOSED = ev.Validated(Outcome.FAIL, "d" * 64, (Verdict("a", Outcome.FAIL, because="low"),), "/report.html")


def told(events: list[Event], snapshot: Snapshot | None = None) -> str:
    return telling_of(fold(events), snapshot, URL).sentences


def named(snapshot: Snapshot, **changes: object) -> Snapshot:
    """A snapshot with the versions of the log in tests."""
    arms = tuple(
        replace(arm, version=version) for arm, version in zip(snapshot.arms, ("m/1", "m/2"), strict=True)
    )
    return replace(snapshot, candidate="m/2", champion="m/1", arms=arms, **changes)  # type: ignore[arg-type]


def test_a_canary_without_requests_says_where_to_send_them() -> None:
    assert told(canary(), named(SILENT)) == (
        "m@1: m/2 is a canary and gets 10 % of the requests, m/1 90 %. "
        f"It needs about 3,122 more requests of m for 50 %; send some to {URL}."
    )


def test_a_canary_with_requests_says_how_many_are_missing() -> None:
    assert told(canary(), named(CANARY)).endswith("It needs about 240 more requests of m for 50 %.")
    last = canary("m/1", ev.Stepped(2, 50, Evidence(), CURSOR))
    assert told(last, named(CANARY)).endswith("about 240 more requests of m to be promoted.")


def test_a_canary_whose_evidence_is_there_says_what_else_is_awaited() -> None:
    safe = named(CANARY, verdicts=(), next="50 % when 12 s have passed")
    assert told(canary(), safe).endswith("m/1 90 %. Next: 50 % when 12 s have passed.")


def test_with_control_down_the_log_is_told() -> None:
    counts = Evidence().add(1, 10, champion=ArmCounts(90), candidate=ArmCounts(9))
    unsure = (Verdict("errors", Outcome.UNSURE, more_requests=3000),)
    assert told(canary("m/1", ev.Judged(unsure, counts, CURSOR))).endswith(
        "3,000 more requests of m for 50 %."
    )
    assert told(canary()).endswith("`noren up` starts what decides for 50 %.")


@pytest.mark.parametrize(
    ("events", "says"),
    [
        (log(opened()), "m@1: m/2 is opened and gets no requests yet; m/1 gets all requests."),
        (
            log(opened(champion=None), BUILT),
            "m@1: m/2 is built and gets no requests yet; nothing answers for m.",
        ),
        (canary(None), f"m@1: m/2 answers its reference rows before it goes live at {URL}."),
        (canary(None, ev.Promoted(2)), f"m@1: m/2 is the champion and gets all requests at {URL}."),
        (
            canary("m/1", ev.RolledBack(2)),
            "m@1: m/2 is rolled back: because. Now m/1 gets all requests.",
        ),
        (canary(None, ev.RolledBack(2)), "m@1: m/2 is rolled back: because. Now nothing answers for m."),
        (
            log(opened(), BUILT, CLOSED, ev.RolledBack(0)),
            "m@1: m/2 is rolled back: because. Now m/1 gets all requests. The report says more: /report.html",
        ),
        (
            canary("m/1", ev.Requested("pause")),
            "m@1: m/2 is a canary and gets 10 % of the requests, m/1 90 %. It is paused; `%canary m` has a button "
            "to resume.",
        ),
    ],
)
def test_every_state_is_told(events: list[Event], says: str) -> None:
    assert told(events) == says


def test_a_champion_that_was_replaced_is_not_told_as_one() -> None:
    promoted = canary("m/1", ev.Promoted(2))
    gone = named(replace(CANARY, arms=(CANARY.arms[0], replace(CANARY.arms[1], share=0))))
    assert "was promoted and gets no requests any more" in told(promoted, gone)


def test_before_its_start_what_is_next_is_told() -> None:
    approval = log(opened(plan=Plan(approval=True)), BUILT, VALIDATED)
    waits = replace(SILENT, arms=(), verdicts=(), next="waiting for the approval of a person other than ana")
    assert told(approval, waits).endswith("Next: waiting for the approval of a person other than ana.")
    assert STARTED.weight == 10


def test_progress_is_said_when_it_has_changed_and_not_too_often() -> None:
    now, said = [0.0], list[str]()
    progress = Progress(said.append, clock=lambda: now[0])
    for at, line in (
        (0.0, "a"),
        (1.0, "b"),
        (SAY_SECONDS, "a"),
        (SAY_SECONDS + 1, "b"),
        (SAY_SECONDS + 2, "c"),
    ):
        now[0] = at
        progress.look(lambda line=line: line)  # type: ignore[misc]
    assert said == ["a", "b"]
