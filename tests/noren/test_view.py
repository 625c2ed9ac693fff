"""The live view follows a release, says what went wrong, passes on what people ask, and ends."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from noren.view import ReleaseView
from noren.watching import StaticView, static_bundle
from noren_bento.control.snapshot import Snapshot
from noren_bento.errors import NorenError, UnreachableError
from noren_bento.release.event import Action
from tests.noren.snapshots import BUILDING, CANARY, PROMOTED

Views = Callable[..., ReleaseView]


@pytest.fixture
def view_of() -> Iterator[Views]:
    views: list[ReleaseView] = []

    def make(fetch: Callable[[], Snapshot], request: Callable[[Action], None] = print) -> ReleaseView:
        view = ReleaseView(BUILDING, fetch=fetch, request=request, period_seconds=0.01)
        view.sent = []  # type: ignore[attr-defined]
        view.send = lambda content, buffers=None: view.sent.append(content)  # type: ignore[method-assign]
        views.append(view)
        return view

    yield make
    for view in views:
        view.close()


def press(view: ReleaseView, action: str) -> dict[str, Any]:
    view._handle_custom_msg({"type": "request", "action": action}, [])
    answer: dict[str, Any] = view.sent[-1]  # type: ignore[attr-defined]
    return answer


def test_following_ends_by_itself_when_the_release_has_ended(view_of: Views) -> None:
    states = iter([BUILDING, CANARY, PROMOTED])
    view = view_of(lambda: next(states))
    view.follow()
    assert view.wait(5)
    assert view.snapshot["state"] == "promoted"
    assert view.trouble == ""


def test_watching_goes_on_after_the_release_has_ended_until_it_is_stopped(view_of: Views) -> None:
    looks = threading.Semaphore(0)

    def fetch() -> Snapshot:
        looks.release()
        return PROMOTED

    view = view_of(fetch)
    view.watch()
    assert all(looks.acquire(timeout=5) for _ in range(5))
    view.stop()
    assert view.wait(0)


def test_what_stops_a_look_is_shown_and_the_next_look_clears_it(view_of: Views) -> None:
    shown: list[str] = []
    looks = iter(
        [UnreachableError("Control does not answer. Run `noren up`."), ValueError("odd"), CANARY, PROMOTED]
    )

    def fetch() -> Snapshot:
        look = next(looks)
        if isinstance(look, Exception):
            raise look
        return look

    view = view_of(fetch)
    view.observe(lambda change: shown.append(change["new"]), "trouble")
    view.follow()
    assert view.wait(5)
    assert shown == ["Control does not answer. Run `noren up`.", "ValueError: odd", ""]


def test_a_button_reaches_the_callback_and_is_answered(view_of: Views) -> None:
    asked: list[str] = []
    view = view_of(lambda: CANARY, asked.append)
    view.push(CANARY)
    assert press(view, "promote") == {
        "type": "answer",
        "action": "promote",
        "ok": True,
        "text": "Asked for: promote.",
    }
    assert asked == ["promote"]


@pytest.mark.parametrize("action", ["promote", "explode", ""])
def test_what_cannot_be_asked_for_now_is_refused_with_the_reason(view_of: Views, action: str) -> None:
    asked: list[str] = []
    view = view_of(lambda: BUILDING, asked.append)
    answer = press(view, action)
    assert (answer["ok"], asked) == (False, [])
    assert "churn/3 is built" in answer["text"]


def test_why_a_request_failed_is_told_to_the_person_who_asked(view_of: Views) -> None:
    def refuse(action: str) -> None:
        raise NorenError(f"ada was first to {action}.")

    view = view_of(lambda: CANARY, refuse)
    view.push(CANARY)
    assert press(view, "promote")["text"] == "ada was first to promote."


def test_messages_that_are_no_request_are_left_alone(view_of: Views) -> None:
    view = view_of(lambda: CANARY)
    for content in ({}, {"type": "request"}, {"type": "request", "action": 3}, [1]):
        view._handle_custom_msg(content, [])
    assert view.sent == []  # type: ignore[attr-defined]


def test_the_thread_prints_nothing(view_of: Views, capfd: pytest.CaptureFixture[str]) -> None:
    view = view_of(lambda: PROMOTED)
    view.follow()
    assert view.wait(5)
    assert capfd.readouterr() == ("", "")


def test_closing_ends_the_thread_and_may_be_repeated(view_of: Views) -> None:
    view = view_of(lambda: CANARY)
    view.watch()
    view.close()
    view.close()
    assert view.wait(0)


def test_a_view_is_shown_once(view_of: Views) -> None:
    view = view_of(lambda: CANARY)
    view.watch()
    with pytest.raises(NorenError, match="shown already"):
        view.follow()


def test_the_saved_notebook_gets_the_static_view_beside_the_live_one(view_of: Views) -> None:
    view = view_of(lambda: CANARY)
    view.push(replace(CANARY, weight=50))
    bundle = view._repr_mimebundle_()
    assert bundle is not None
    assert "application/vnd.jupyter.widget-view+json" in bundle[0]
    assert "step 1 of 2" in bundle[0]["text/html"]
    assert "50 %" in bundle[0]["text/plain"]


def test_stopping_shows_what_is_true_at_last_and_hears_what_ended_it(view_of: Views) -> None:
    heard: list[BaseException | None] = []
    view = ReleaseView(
        CANARY,
        fetch=lambda: PROMOTED if heard else CANARY,
        request=print,
        period_seconds=60,
        on_stop=heard.append,
    )
    view.watch()
    closed = NorenError("The gate is closed.")
    with suppress(NorenError), ExitStack() as stack:
        stack.callback(view.stop)
        raise closed
    assert heard == [closed]
    assert view.latest is PROMOTED
    view.close()


def test_the_report_comes_from_the_kernel_because_a_browser_opens_no_file_of_it(
    view_of: Views, tmp_path: Path
) -> None:
    report = tmp_path / "report.html"
    report.write_text("<p>8 of 8</p>")
    view = view_of(lambda: CANARY)
    view.push(replace(CANARY, report=str(report)))
    view._handle_custom_msg({"type": "report", "path": "/etc/passwd"}, [])
    assert view.sent == [{"type": "report", "ok": True, "text": "<p>8 of 8</p>"}]  # type: ignore[attr-defined]
    report.unlink()
    view._handle_custom_msg({"type": "report"}, [])
    answer = view.sent[-1]  # type: ignore[attr-defined]
    assert not answer["ok"]
    assert str(report) in answer["text"]


def test_a_view_that_nobody_watches_is_html_alone_and_opens_no_connection() -> None:
    view = StaticView(CANARY, fetch=lambda: PROMOTED)
    view.follow()
    assert view.wait(5)
    assert view.latest is PROMOTED
    assert not hasattr(view, "comm")
    assert list(static_bundle(view.latest)) == ["text/html", "text/plain"]


def test_a_view_that_has_ended_stays_html_whatever_comes_of_its_release(view_of: Views) -> None:
    left: list[object] = []

    class Handle:
        def update(self, value: object, raw: bool = False) -> None:
            left.append((type(value), raw))

    states = [PROMOTED]
    view = view_of(lambda: states[-1])
    view.follow()
    view._handle = Handle()  # type: ignore[assignment]
    assert view.wait(5)
    left.clear()
    states.append(replace(PROMOTED, state="rolled back"))
    view.settle()
    assert left == [(dict, True)]
    assert view.latest.state == "rolled back"
