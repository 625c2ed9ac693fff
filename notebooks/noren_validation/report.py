"""Report: one HTML page that says whether the bento may be released, shows why, and needs no network."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from importlib.resources import files
from typing import Any

from noren_bento.release.check import Outcome
from noren_validation.gate import judge_notebooks
from noren_validation.markup import Markup, element, join
from noren_validation.render import MARKS, render_notebook
from noren_validation.validation import NotebookResult

# The last wall: whatever slipped through the sanitiser could neither run nor fetch anything.
_POLICY = "default-src 'none'; img-src data:; style-src 'unsafe-inline'; form-action 'none'; base-uri 'none'"
_HEADLINES = {
    Outcome.PASS: "Passed",
    Outcome.UNSURE: "Not decided: a check could not be measured",
    Outcome.FAIL: "Did not pass",
}


def make_report(
    version: str,
    results: Sequence[NotebookResult],
    *,
    notebooks: Mapping[str, Mapping[str, Any]],
    facts: Sequence[tuple[str, str]],
) -> str:
    """Make the page: verdict on top, then every check, then the notebooks without their code.

    `notebooks` holds the executed notebooks' JSON by name, `facts` what the reader should know of the version.
    """
    outcome = judge_notebooks(results)
    sections = [_section(result, notebooks.get(result.name, {})) for result in results]
    body = join(
        _head(version, outcome, results), _facts(facts), _closed(results), _table(results), sections, _foot()
    )
    return "<!doctype html>\n" + str(_page(f"{version}: {_HEADLINES[outcome]}", body))


def _page(title: str, body: Markup) -> Markup:
    style = Markup(files("noren_validation").joinpath("report.css").read_text(encoding="utf-8"))
    return element(
        "html",
        element(
            "head",
            Markup(
                '<meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">'
            ),
            Markup(f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">'),
            Markup('<meta name="referrer" content="no-referrer">'),
            element("title", title),
            element("style", style),
        ),
        element("body", body),
        lang="en",
    )


def _head(version: str, outcome: Outcome, results: Sequence[NotebookResult]) -> Markup:
    checks = [verdict for result in results for verdict in result.checks]
    passed = sum(verdict.passed for verdict in checks)
    lead = f"{passed} of {len(checks)} checks passed in {len(results)} notebooks."
    after = "The bento may be released." if outcome is Outcome.PASS else "The gate stays closed."
    return element(
        "header",
        element("div", f"{version} · validation", class_="n-over"),
        element("h1", f"{MARKS[outcome][0]} {_HEADLINES[outcome]}", class_=f"n-is-{outcome}"),
        element("p", f"{lead} {after}", class_="n-lead"),
    )


def _facts(facts: Sequence[tuple[str, str]]) -> Markup:
    return element(
        "dl", [(element("dt", name), element("dd", words)) for name, words in facts], class_="n-facts"
    )


def _closed(results: Sequence[NotebookResult]) -> Markup | None:
    reasons = [
        element("li", element("b", result.name), ": ", reason)
        for result in results
        for reason in result.closed
    ]
    return element("ul", reasons, class_="n-closed") if reasons else None


def _table(results: Sequence[NotebookResult]) -> Markup:
    rows = []
    for result in results:
        link = element("a", result.name.replace("_", " "), href=f"#{_anchor(result)}")
        rows.append(element("tr", element("td", link, colspan=3), class_="n-group"))
        rows += [
            element(
                "tr",
                element("td", MARKS[verdict.outcome], class_=f"n-is-{verdict.outcome}"),
                element("td", verdict.check),
                element("td", verdict.because),
            )
            for verdict in result.checks
        ]
    return element("table", element("tbody", rows), class_="n-checks")


def _section(result: NotebookResult, notebook: Mapping[str, Any]) -> Markup:
    title, body = render_notebook(notebook)
    passed = sum(verdict.passed for verdict in result.checks)
    said = f"{passed} of {len(result.checks)} · {result.seconds:.1f} s"
    head = element("div", element("h2", title or result.name), element("span", said), class_="n-head")
    return element("section", head, body, id=_anchor(result))


def _anchor(result: NotebookResult) -> str:
    return "n-" + "".join(letter if letter.isalnum() else "-" for letter in result.name)


def _foot() -> Markup:
    return element(
        "footer",
        "Made by Noren from the executed notebooks that lie beside this page. Each verdict is judged again from its "
        "measured value and limit; a notebook passes only if it ran to its end, every promised check reported, all "
        "passed, and it proved the digest of the model being released.",
    )
