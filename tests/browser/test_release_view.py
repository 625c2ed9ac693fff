"""The release view in a real browser: it draws every state, says what the static view says, and runs nothing."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page

from noren.fallback import snapshot_to_html
from noren.view import HERE, ReleaseView
from noren_bento.control.snapshot import Snapshot
from noren_bento.control.snapshot_json import snapshot_to_json
from tests.browser.lab import needs_chromium, picture, start_browser
from tests.noren.snapshots import BUILDING, CANARY, FAILING, HOSTILE, SNAPSHOTS

pytestmark = [pytest.mark.slow, needs_chromium]

HOST = """
<!doctype html><meta charset="utf-8"><style>%s</style>
<body data-jp-theme-light="%s" style="margin: 12px; background: var(--jp-layout-color0, white)"><div id="here"></div>
<script type="module">
  const source = %s, values = {trouble: ""}, heard = {}, sent = [];
  const view = (await import(URL.createObjectURL(new Blob([source], {type: "text/javascript"})))).default;
  // Like anywidget, a host gives every view its own model.
  const model = () => ({
    get: (name) => values[name],
    on: (name, call) => (heard[name] ??= new Set()).add(call),
    off: (name, call) => heard[name]?.delete(call),
    send: (message) => sent.push(message),
  });
  window.put = (name, value) => { values[name] = value; heard[`change:${name}`]?.forEach((call) => call()); };
  window.hear = (message) => heard["msg:custom"]?.forEach((call) => call(message));
  window.count = () => Object.values(heard).reduce((sum, calls) => sum + calls.size, 0);
  window.begin = () => {
    const el = document.getElementById("here");
    const ends = [view.initialize({model: model()}), view.render({model: model(), el})];
    window.end = () => ends.forEach((end) => end());
  };
  window.sent = sent;
</script>
"""
WORDS = """() => {
    const root = document.querySelector(".noren-release").cloneNode(true);
    root.querySelectorAll("style, .nr-buttons, .nr-asof").forEach((node) => node.remove());
    return root.textContent.replace(/\\s+/g, " ").trim();
}"""


ACTIVE = ".noren-release :is(script, img, a)"


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with start_browser() as browser:
        yield browser


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    page = browser.new_page(viewport={"width": 1000, "height": 900})
    errors: list[object] = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.on("dialog", lambda dialog: (errors.append(dialog.message), dialog.dismiss()))
    yield page
    page.close()
    assert errors == []


def show(page: Page, snapshot: Snapshot, *, light: bool = True) -> None:
    css, source = HERE.joinpath("style.css").read_text(), ReleaseView._esm
    page.set_content(HOST % (css, "true" if light else "false", json.dumps(source)))
    page.wait_for_function("() => window.begin")
    put(page, snapshot)
    page.evaluate("begin()")


def put(page: Page, snapshot: Snapshot) -> None:
    page.evaluate("(value) => put('snapshot', value)", snapshot_to_json(snapshot))
    page.evaluate("() => new Promise((go) => requestAnimationFrame(() => requestAnimationFrame(go)))")


def words(page: Page) -> str:
    text: Any = page.evaluate(WORDS)
    return str(text)


@pytest.mark.parametrize("name", SNAPSHOTS)
def test_the_live_and_the_static_view_say_the_same(page: Page, name: str) -> None:
    show(page, SNAPSHOTS[name])
    live = words(page)
    page.set_content(snapshot_to_html(SNAPSHOTS[name]))
    assert re.sub(r"\s", "", words(page)) == re.sub(r"\s", "", live)


@pytest.mark.parametrize(("width", "light"), [(600, True), (1000, False)])
@pytest.mark.parametrize("name", SNAPSHOTS)
def test_nothing_sticks_out_at_any_width(
    page: Page, tmp_path: Path, name: str, width: int, *, light: bool
) -> None:
    page.set_viewport_size({"width": width, "height": 900})
    show(page, SNAPSHOTS[name], light=light)
    beyond = page.evaluate("""() => {
        const root = document.querySelector(".noren-release"), edge = root.getBoundingClientRect().right;
        return [...root.querySelectorAll("*")].filter((node) => node.getBoundingClientRect().right > edge).length;
    }""")
    assert beyond == 0
    assert picture(page, tmp_path / "view.png").stat().st_size > 5_000


def test_what_people_write_is_never_run(page: Page) -> None:
    show(page, HOSTILE)
    assert "<script>alert(3)</script>" in words(page)
    assert page.locator(ACTIVE).count() == 0
    # This returns after every script and picture of the page has run or failed; the fixture fails on any dialog.
    page.set_content(snapshot_to_html(HOSTILE), wait_until="load")
    assert "<script>alert(3)</script>" in words(page)
    assert page.locator(ACTIVE).count() == 0


def test_an_update_keeps_what_did_not_change_and_where_the_keyboard_is(page: Page) -> None:
    show(page, CANARY)
    page.evaluate("() => { document.querySelector('details').open = true; }")
    page.get_by_role("button", name="Pause").focus()
    page.evaluate("() => { window.bar = document.querySelector('.nr-bar'); }")
    put(page, FAILING)
    assert "11" in words(page)
    assert page.evaluate("() => document.querySelector('.nr-bar') === window.bar")
    assert page.evaluate("() => document.activeElement.textContent") == "Pause"
    assert page.evaluate("() => document.querySelector('details').open")


def test_sections_come_and_go_with_the_state(page: Page) -> None:
    show(page, CANARY)
    put(page, BUILDING)
    page.evaluate("() => { window.first = document.querySelector('.noren-release').textContent; }")
    put(page, CANARY)
    live = words(page)
    show(page, CANARY)
    assert words(page) == live


def test_promote_is_asked_twice_and_sent_once(page: Page) -> None:
    page.clock.install()
    show(page, CANARY)
    page.get_by_role("button", name="Promote").click()
    assert page.evaluate("sent") == []
    assert page.get_by_text("Give v3 all the traffic now?").is_visible()
    page.clock.run_for(400)  # a double click is not an answer
    page.get_by_role("button", name="Promote").click()
    assert page.evaluate("sent") == [{"type": "request", "action": "promote"}]
    assert page.get_by_role("button", name="Roll back").is_disabled()


def test_a_double_click_does_not_roll_back(page: Page) -> None:
    show(page, CANARY)
    page.get_by_role("button", name="Roll back").dblclick()
    assert page.evaluate("sent") == []
    page.get_by_role("button", name="Cancel").click()
    assert page.get_by_role("button", name="Pause").is_visible()


def test_pause_is_sent_at_once_and_a_refusal_is_shown(page: Page) -> None:
    show(page, CANARY)
    page.get_by_role("button", name="Pause").click()
    assert page.evaluate("sent") == [{"type": "request", "action": "pause"}]
    page.evaluate("hear({type: 'answer', action: 'pause', ok: false, text: 'ada was first.'})")
    page.get_by_text("ada was first.").wait_for()
    assert page.get_by_role("button", name="Pause").is_enabled()


def test_the_view_says_when_it_is_out_of_date(page: Page) -> None:
    page.clock.install()
    show(page, CANARY)
    assert not page.get_by_role("alert").count()
    page.clock.run_for(25_000)
    assert page.get_by_role("alert").inner_text().startswith("No news from the kernel.")
    page.evaluate("(value) => put('snapshot', value)", snapshot_to_json(FAILING))
    page.clock.run_for(1000)
    assert not page.get_by_role("alert").count()


def test_trouble_is_shown_beside_the_last_known_state(page: Page) -> None:
    show(page, CANARY)
    page.evaluate("put('trouble', 'Control does not answer. Run noren up.')")
    page.get_by_role("alert").wait_for()
    assert re.search(r"Run noren up\. This is the state at \d\d:\d\d\.", words(page))


def test_ending_a_view_leaves_nothing_behind(page: Page) -> None:
    show(page, CANARY)
    assert page.evaluate("count()") > 0
    page.evaluate("end()")
    assert page.evaluate("count()") == 0
    assert page.locator(".noren-release").count() == 0


def test_every_part_has_a_name_for_screen_readers(page: Page) -> None:
    show(page, CANARY)
    assert page.get_by_role("region", name="Release of churn").is_visible()
    assert page.get_by_role("list", name="Stages of the release").is_visible()
    assert page.get_by_role("img", name="champion churn/2 90 %, candidate churn/3 10 %").is_visible()
    assert page.get_by_role("cell", name="p95 of the candidate churn/3").is_visible()
    assert page.get_by_role("listitem", name="mean area PSI").first.is_visible()


def test_a_report_that_cannot_be_read_is_told(page: Page) -> None:
    show(page, CANARY)
    with page.expect_popup() as opened:
        page.get_by_role("button", name=CANARY.report).click()
    assert page.evaluate("sent") == [{"type": "report"}]
    with opened.value.expect_event("close"):
        page.evaluate("hear({type: 'report', ok: false, text: 'The report cannot be read: it is gone.'})")
    page.get_by_text("The report cannot be read").wait_for()
