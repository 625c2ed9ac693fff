"""The quickstart in a real JupyterLab: a real canary in the cell, promoted with the button that people press."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import nbformat
import pytest

from noren_bento.control.client import ControlClient
from noren_bento.control.processes import bring_down
from noren_bento.settings import load_settings
from noren_bento.targets.ports import free_port
from tests.browser.lab import needs_chromium, open_notebook, picture, serve_lab, start_all, start_browser

pytestmark = [pytest.mark.slow, pytest.mark.timeout(400), needs_chromium]

NOTEBOOKS = Path(__file__).parents[2] / "notebooks"
UNTIL = "%deploy better --name tumour"
CANDIDATE_REQUESTS = """(least) => {
    const rows = [...document.querySelectorAll(".noren-release:not(.nr-static) .nr-table tr")];
    const cells = rows.find((row) => row.innerText.startsWith("requests"))?.querySelectorAll("td") ?? [];
    return cells.length >= 2 && Number(cells[1].innerText.split(/\\s/)[0].replace(/\\D/g, "")) >= least;
}"""


def test_a_canary_is_watched_and_promoted_from_the_cell(tmp_path: Path) -> None:
    notebook = nbformat.read(NOTEBOOKS / "quickstart.ipynb", as_version=4)
    last = next(k for k, cell in enumerate(notebook.cells) if cell.source == UNTIL)
    notebook.cells = notebook.cells[: last + 1]
    nbformat.write(notebook, tmp_path / "quickstart.ipynb")
    shutil.copy(NOTEBOOKS / "clinic.py", tmp_path)
    settings = load_settings({"home": tmp_path / "home", "port": free_port()})
    environ = {"NOREN_HOME": str(settings.home), "NOREN_PORT": str(settings.port)}
    try:
        with serve_lab(tmp_path, environ=environ) as lab, start_browser() as browser:
            page = open_notebook(browser, lab, "quickstart.ipynb", height=840)
            page.set_default_timeout(200_000)
            start_all(page)
            # The first view has become static by then: what is live is the canary.
            page.get_by_text("step 1 of 2 · 10").wait_for()
            view = page.locator(".noren-release:not(.nr-static)")
            page.wait_for_function(CANDIDATE_REQUESTS, arg=150)
            cell = page.locator(".jp-CodeCell", has_text=UNTIL).last
            cell.evaluate("(node) => node.scrollIntoView({block: 'start'})")
            picture(page, Path(os.environ.get("RELEASE_VIEW_PICTURE", tmp_path / "release-view.png")))

            view.get_by_role("button", name="Promote").click()
            page.locator(".nr-question").wait_for()
            page.wait_for_timeout(400)  # a double click is not an answer
            view.get_by_role("button", name="Promote").click()
            page.locator(".noren-release.nr-static", has_text="asked for it").wait_for(timeout=30_000)
        release = ControlClient(settings).release("tumour")
        assert release.state == "promoted"
        assert "asked for it" in release.because
    finally:
        bring_down(settings)
