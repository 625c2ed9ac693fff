"""The release view in a real JupyterLab: live while a cell runs, asked by a button, saved as plain HTML."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import nbformat
import pytest
from playwright.sync_api import Browser

from tests.browser.lab import (
    Lab,
    needs_chromium,
    open_notebook,
    picture,
    save,
    serve_lab,
    start_all,
    start_browser,
    wait_until_run,
)

pytestmark = [pytest.mark.slow, needs_chromium]

ROOT = Path(__file__).parents[2]
DEPLOY = """
import sys, time
from dataclasses import replace
sys.path.insert(0, {root!r})
from noren.view import ReleaseView
from tests.noren.snapshots import BUILDING, CANARY, ROLLED_BACK

asked, begun = [], time.monotonic()
def fetch():
    seconds = time.monotonic() - begun
    now = BUILDING.now + seconds
    if asked:
        return replace(ROLLED_BACK, now=now)
    return replace(BUILDING, now=now) if seconds < 1.5 else replace(CANARY, now=now, step_seconds=seconds)

view = ReleaseView(BUILDING, fetch=fetch, request=asked.append)
view.follow()
ended = view.wait(60)
print(asked, ended)
"""

FAILING = """
import sys, time
sys.path.insert(0, {root!r})
from noren.show import show_deploy
from noren.progress import Progress
from noren_bento.errors import NorenError

stages = Progress(print)
view = show_deploy("None", stages, lambda: None)
try:
    with stages.running("tag"):
        stages.detail("tag", "reading the data")
        time.sleep(3)
        raise NorenError("The model needs a name to be released under. For example --name churn.")
except BaseException:
    view.stop()
    raise
"""
REPORT = """
import sys
from dataclasses import replace
sys.path.insert(0, {root!r})
from noren.view import ReleaseView
from tests.noren.snapshots import CANARY

shown = replace(CANARY, report={report!r})
view = ReleaseView(shown, fetch=lambda: shown, request=print)
view.watch()
"""


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    with serve_lab(tmp_path_factory.mktemp("lab"), theme="JupyterLab Dark") as lab:
        yield lab


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with start_browser() as browser:
        yield browser


def _write(path: Path, *sources: str) -> None:
    notebook = nbformat.v4.new_notebook(
        cells=[nbformat.v4.new_code_cell(source, id=f"cell{k}") for k, source in enumerate(sources)]
    )
    notebook.metadata.kernelspec = {"name": "python3", "display_name": "Python 3", "language": "python"}
    nbformat.write(notebook, path)


def test_the_view_is_live_while_its_cell_runs_and_its_last_state_is_saved(
    lab: Lab, browser: Browser, tmp_path: Path
) -> None:
    path = lab.folder / "deploy.ipynb"
    _write(path, DEPLOY.format(root=str(ROOT)), "print('the cell after')")
    errors: list[object] = []
    page = open_notebook(browser, lab, path.name)
    page.on("pageerror", lambda error: errors.append(str(error)))
    start_all(page)
    page.get_by_role("region", name="Release of churn").wait_for()
    page.get_by_text("step 1 of 2 · 10").wait_for()
    before = page.locator(".nr-facts").inner_text()
    page.wait_for_function("(text) => document.querySelector('.nr-facts').innerText !== text", arg=before)
    picture(page, tmp_path / "live.png")

    page.get_by_role("button", name="Roll back").click()
    page.get_by_text("Give v2 all the traffic now?").wait_for()
    page.wait_for_timeout(400)  # a double click is not an answer
    page.get_by_role("button", name="Roll back").click()
    page.get_by_text("rolled back after 34 s").wait_for()  # the cell still runs: a subshell answers
    wait_until_run(page)
    page.locator(".noren-release.nr-static").wait_for()
    assert page.locator(".noren-release").count() == 1
    save(page)
    page.close()
    assert errors == []

    first, second = nbformat.read(path, 4).cells
    shown, printed = first.outputs
    assert list(shown.data) == ["text/html", "text/plain"]
    assert "rolled back after 34 s" in shown.data["text/html"]
    assert printed.text == "['roll back'] True\n"
    assert [output.text for output in second.outputs] == ["the cell after\n"]


def test_a_notebook_saved_in_the_middle_shows_the_last_thing_that_happened(
    lab: Lab, browser: Browser, tmp_path: Path
) -> None:
    path = lab.folder / "middle.ipynb"
    _write(path, DEPLOY.format(root=str(ROOT)).replace("view.wait(60)", "view.wait(5)"))
    page = open_notebook(browser, lab, path.name)
    start_all(page)
    page.locator(".nr-table").wait_for()
    wait_until_run(page)
    save(page)
    picture(page, tmp_path / "dark.png")
    page.close()
    (cell,) = nbformat.read(path, 4).cells
    assert "step 1 of 2" in cell.outputs[0].data["text/html"]
    assert "application/vnd.jupyter.widget-view+json" in cell.outputs[0].data


def test_a_deploy_shows_its_steps_at_once_and_the_one_that_failed_at_last(
    lab: Lab, browser: Browser, tmp_path: Path
) -> None:
    path = lab.folder / "failing.ipynb"
    _write(path, FAILING.format(root=str(ROOT)))
    page = open_notebook(browser, lab, path.name)
    start_all(page)
    view = page.locator(".noren-release")
    page.locator(".noren-release:not(.nr-static)", has_text="deploying").wait_for()
    assert view.locator("[data-status=running]").inner_text().startswith("tag")
    view.get_by_text("reading the data").wait_for()
    picture(page, tmp_path / "tagging.png")
    page.locator(".noren-release.nr-static", has_text="not released").wait_for()
    page.locator(".jp-RenderedText", has_text="NorenError").first.wait_for()
    words = view.inner_text()
    picture(page, tmp_path / "failed.png")
    page.close()
    assert "The model needs a name to be released under." in words
    assert "a model without a name" in words
    assert "None" not in words
    assert "build" not in words


def test_the_report_opens_in_a_page_of_its_own_though_it_lies_outside_of_the_lab(
    lab: Lab, browser: Browser, tmp_path: Path
) -> None:
    report = tmp_path / "report.html"
    report.write_text("<!doctype html><title>validation</title><p>8 of 8 – all passed</p>", encoding="utf-8")
    path = lab.folder / "report.ipynb"
    _write(path, REPORT.format(root=str(ROOT), report=str(report)))
    page = open_notebook(browser, lab, path.name)
    start_all(page)
    link = page.get_by_role("button", name=str(report))
    link.wait_for()
    wait_until_run(page)
    with page.expect_popup() as opened:
        link.click()
    opened.value.get_by_text("8 of 8 – all passed").wait_for()
    opened.value.close()
    page.close()
