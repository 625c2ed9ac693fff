"""The page: verdict on top, everything explained, nothing fetched, nothing run."""

import json
import shutil
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Error

from noren_bento.release.check import Outcome, Verdict
from noren_validation import bundle
from noren_validation.bundle import Measurement
from noren_validation.limit import Limit
from noren_validation.render import MOST_CHARACTERS, render_notebook, render_output
from noren_validation.report import make_report
from noren_validation.validation import NotebookResult
from tests.noren_validation.notebook_of import display, executed
from tests.noren_validation.payloads import PAYLOADS, STEAL

CHROMIUM = shutil.which("chromium")
PASSED = Verdict("score", Outcome.PASS, 0.9, "at least 0.5", "0.9 is at least 0.5")
FAILED = Verdict("size", Outcome.FAIL, 9, "at most 1", "9 is not at most 1")


def make(*results: NotebookResult, notebooks: dict[str, Any] | None = None) -> str:
    return make_report("churn/3", results, notebooks=notebooks or {}, facts=[("champion", "churn/2")])


def test_the_verdict_stands_on_top_before_everything_else():
    page = make(NotebookResult("performance", (PASSED,)))
    assert page.index("✓ Passed") < page.index("1 of 1 checks passed") < page.index("0.9 is at least 0.5")
    page = make(NotebookResult("performance", (PASSED, FAILED)))
    assert (
        page.index("✗ Did not pass") < page.index("1 of 2 checks passed") < page.index("9 is not at most 1")
    )


def test_a_closed_gate_says_why_next_to_the_verdict():
    page = make(NotebookResult("performance", (PASSED,), ("its kernel died",)))
    assert page.index("✗ Did not pass") < page.index("its kernel died") < page.index("0.9 is at least 0.5")


def test_the_page_is_one_file_with_a_policy_and_without_a_script():
    page = make(NotebookResult("performance", (PASSED,)))
    assert "default-src 'none'" in page
    assert "<script" not in page
    assert "http" not in page.replace("http-equiv", "")


def test_a_notebook_is_shown_by_its_results_with_its_code_folded_away():
    measured = bundle.write_measurement(Measurement("score", 0.9, Limit(at_least=0.5), "balanced accuracy"))
    notebook = executed(("secret_code()", [display(bundle.VERDICT_MIME, measured)]), ("more()", []))
    notebook["cells"].insert(
        0, {"cell_type": "markdown", "metadata": {}, "source": ["# Title\n", "## Part\n", "*words*"]}
    )
    title, body = render_notebook(notebook)
    assert title == "Title"
    assert "<h3>Part</h3>" in str(body)
    assert "<em>words</em>" in str(body)
    assert str(body).index("0.9 is at least 0.5: balanced accuracy") < str(body).index("<details")
    assert str(body).count("<details") == 1
    assert "subject = " not in str(body)


def test_a_forged_outcome_is_shown_as_it_is_judged():
    forged = bundle.write_measurement(Measurement("score", 0.1, Limit(at_least=0.5), "")) | {
        "outcome": "pass"
    }
    assert "✗ fail" in str(render_output(display(bundle.VERDICT_MIME, forged)))


def test_long_outputs_are_cut_and_terminal_colours_dropped():
    cut = str(render_output({"output_type": "stream", "name": "stdout", "text": "x" * 10 * MOST_CHARACTERS}))
    assert len(cut) < 2 * MOST_CHARACTERS
    error = {"output_type": "error", "ename": "E", "evalue": "v", "traceback": ["\x1b[31mboom\x1b[0m <b>"]}
    assert "boom &lt;b&gt;" in str(render_output(error))
    assert "too large" in str(render_output(display("image/png", "A" * 5_000_000)))


def test_a_strangers_drawing_is_a_picture_and_ours_a_part_of_the_page():
    assert str(render_output(display("image/svg+xml", "<svg><script>x</script></svg>"))).startswith("<img")
    assert str(render_output(display("image/svg+xml", '<svg class="n-figure"></svg>'))).startswith("<svg")


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    sync_playwright = pytest.importorskip("playwright.sync_api").sync_playwright
    if CHROMIUM is None:
        pytest.skip("chromium is not installed")
    flags = (
        "--headless --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking"
    )
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=CHROMIUM, args=flags.split())
        yield chromium
        chromium.close()


def hostile_page() -> str:
    """Every payload in every place that a notebook's author, model or data can write to."""
    cells = []
    for payload in PAYLOADS:
        verdict = bundle.write_measurement(Measurement(payload[:90], 1, Limit(at_least=0), payload))
        outputs = [
            display("text/html", payload),
            display("text/markdown", payload),
            display("image/svg+xml", f'<svg class="n-figure">{payload}</svg>'),
            display("image/svg+xml", payload),
            display("image/png", payload),
            display("text/plain", payload),
            display(bundle.VERDICT_MIME, verdict),
            {"output_type": "stream", "name": "stdout", "text": payload},
            {"output_type": "error", "ename": payload, "evalue": payload, "traceback": [payload]},
        ]
        cells.append((payload, outputs))
    notebook = executed(*cells)
    links = f"# {PAYLOADS[0]}\n[x](javascript:{STEAL}) ![x](http://127.0.0.1:9/m.png) <{PAYLOADS[2]}>"
    notebook["cells"].insert(0, {"cell_type": "markdown", "metadata": {}, "source": links})
    checks = tuple(Verdict(payload[:90], Outcome.FAIL, because=payload) for payload in PAYLOADS)
    result = NotebookResult(PAYLOADS[2], checks, tuple(PAYLOADS))
    return make_report(
        PAYLOADS[0], [result], notebooks={result.name: json.loads(json.dumps(notebook))}, facts=[]
    )


@pytest.mark.slow
@pytest.mark.parametrize("policy", ["with the policy", "without it"])
def test_no_payload_runs_or_fetches_anything_in_a_real_browser(browser, tmp_path: Path, policy):
    page_text = hostile_page()
    if policy == "without it":  # the sanitiser alone must hold too
        before, _, rest = page_text.partition('<meta http-equiv="Content-Security-Policy"')
        page_text = before + rest.partition(">")[2]
    path = tmp_path / "report.html"
    path.write_text(page_text)
    page = browser.new_page()
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.on("dialog", lambda dialog: asked.append(dialog.message))
    page.goto(path.as_uri())
    page.evaluate("document.querySelectorAll('details').forEach(one => { one.open = true })")
    click = "one => one.dispatchEvent(new MouseEvent('click', {bubbles: true}))"
    page.evaluate(f"document.querySelectorAll('section a').forEach({click})")
    page.wait_for_function("document.readyState === 'complete'")
    assert page.evaluate("window.stolen") is None
    assert [url for url in asked if not url.startswith(("file:", "data:"))] == []
    assert (
        page.evaluate("document.querySelectorAll('script, iframe, object, embed, form, link, base').length")
        == 0
    )
    page.close()


@pytest.mark.slow
def test_the_payloads_do_run_and_fetch_where_nobody_cleans_them(browser, tmp_path: Path):
    """So that the test above can fail."""
    page = browser.new_page()
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    live = 0
    for place, payload in enumerate(PAYLOADS):
        path = tmp_path / f"raw{place}.html"
        path.write_text(f"<!doctype html><html><body>{payload}</body></html>")
        asked.clear()
        with suppress(Error):  # a payload may lead elsewhere while its page loads: it has asked, then
            page.goto(path.as_uri(), wait_until="commit")
            page.wait_for_load_state()
        live += any(url.startswith("http:") for url in asked)
    page.close()
    assert live >= 12  # others wait for a click, or for another browser


@pytest.mark.slow
def test_the_page_fits_a_phone(browser, tmp_path):
    path = tmp_path / "report.html"
    path.write_text(make(NotebookResult("performance", (PASSED, FAILED), ("a_long_word" * 30,))))
    page = browser.new_page(viewport={"width": 375, "height": 700})
    page.goto(path.as_uri())
    assert page.evaluate("document.documentElement.scrollWidth") <= 375
    page.close()
