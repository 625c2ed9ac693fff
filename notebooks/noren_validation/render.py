"""Render: the cells of an executed notebook as harmless HTML, results first, code folded away."""

from __future__ import annotations

import base64
import re
from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any

from noren_bento.errors import NorenError
from noren_bento.release.check import Outcome, Verdict
from noren_validation import bundle
from noren_validation.declaration import source_of
from noren_validation.limit import judge
from noren_validation.markup import Markup, element, join
from noren_validation.sanitise import sanitise

MARKS = {Outcome.PASS: "✓ pass", Outcome.UNSURE: "? unsure", Outcome.FAIL: "✗ fail"}
MOST_CHARACTERS = 20_000
MOST_IMAGE_CHARACTERS = 4_000_000
_SKIPPED_TAGS = {"parameters", "injected-parameters", "papermill-error-cell-tag", "hide"}
_ANSI = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]|\x1b\][^\x07]*\x07")
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")


def render_notebook(notebook: Mapping[str, Any]) -> tuple[str, Markup]:
    """Return the notebook's title (its first heading; empty when it has none) and its body."""
    title, parts = "", []
    code: list[str] = []
    for cell in notebook.get("cells", ()):
        if _SKIPPED_TAGS & set(cell.get("metadata", {}).get("tags", ())):
            continue
        if cell.get("cell_type") == "markdown":
            source = source_of(cell)
            if not title and (heading := re.match(r"\s*# +(.+)\n?", source)):
                title, source = heading[1].strip(), source[heading.end() :]
            parts += [_fold(code), render_markdown(source)]
            code = []
        elif cell.get("cell_type") == "code" and source_of(cell).strip():
            parts += [render_output(output) for output in cell.get("outputs", ())]
            code.append(source_of(cell))
    return title, join(*parts, _fold(code))


def render_markdown(source: str) -> Markup:
    """Render Markdown; HTML in it is shown as text, and headings go one level down, below the notebook's."""
    markup = _markdown()(source[: 10 * MOST_CHARACTERS])
    lowered = re.sub(r"<(/?)h([1-5])\b", lambda match: f"<{match[1]}h{int(match[2]) + 1}", str(markup))
    return Markup(sanitise(lowered))


def render_output(output: Mapping[str, Any]) -> Markup:
    """Render one output of a cell, the richest form that is harmless."""
    kind = output.get("output_type")
    if kind == "stream":
        return element("pre", _shorten(_join(output.get("text", ""))), class_="n-stream")
    if kind == "error":
        trace = (
            "\n".join(map(str, output.get("traceback", ())))
            or f"{output.get('ename')}: {output.get('evalue')}"
        )
        return element("pre", _shorten(trace, from_end=True), class_="n-error")
    data = output.get("data", {})
    if bundle.VERDICT_MIME in data:
        return _render_verdict_bundle(data[bundle.VERDICT_MIME])
    if bundle.DECLARED_MIME in data or bundle.DIGEST_MIME in data:
        return Markup("")
    for mime, render in _RENDERERS.items():
        if mime in data:
            return render(_join(data[mime]))
    return Markup("")


def render_verdict(verdict: Verdict) -> Markup:
    """Render one verdict as a line."""
    return element(
        "div",
        element("b", MARKS[verdict.outcome], class_=f"n-is-{verdict.outcome}"),
        element("b", verdict.check),
        element("span", verdict.because),
        class_="n-verdict",
    )


def _render_verdict_bundle(payload: object) -> Markup:
    try:
        one = bundle.read_measurement(payload)
    except NorenError as error:
        return element("pre", str(error), class_="n-error")
    return render_verdict(judge(one.check, one.value, limit=one.limit, because=one.because))


def _render_svg(svg: str) -> Markup:
    """Noren's figures become part of the page; any other is shown as a picture, in which nothing can run."""
    if 'class="n-figure"' in svg[:300]:
        return Markup(sanitise(svg))
    return _render_picture("svg+xml", base64.b64encode(svg.encode()).decode())


def _render_picture(kind: str, content: str) -> Markup:
    content = re.sub(r"\s", "", content)
    if len(content) > MOST_IMAGE_CHARACTERS or not re.fullmatch(r"[A-Za-z0-9+/=]*", content):
        return element("p", "A picture is left out: it is too large or damaged.", class_="n-faint")
    return element("img", src=f"data:image/{kind};base64,{content}", alt="output of the cell")


def _render_html(markup: str) -> Markup:
    if len(markup) > 10 * MOST_CHARACTERS:
        return element("p", f"An output of {len(markup):,} characters is left out.", class_="n-faint")
    return Markup(sanitise(markup))


_RENDERERS: dict[str, Callable[[str], Markup]] = {
    "image/svg+xml": _render_svg,
    "image/png": lambda content: _render_picture("png", content),
    "image/jpeg": lambda content: _render_picture("jpeg", content),
    "text/html": _render_html,
    "text/markdown": render_markdown,
    "text/plain": lambda words: element("pre", _shorten(words)),
}


@lru_cache(maxsize=1)
def _markdown() -> Callable[[str], Any]:
    import mistune  # noqa: PLC0415 -- only for a report

    return mistune.create_markdown(escape=True, plugins=["table", "strikethrough"])


def _fold(code: list[str]) -> Markup | None:
    """The code of one section, folded away behind its results."""
    if not code:
        return None
    return element(
        "details", element("summary", "code"), element("pre", _shorten("\n\n".join(code))), class_="n-code"
    )


def _join(value: object) -> str:
    return "".join(map(str, value)) if isinstance(value, list) else str(value)


def _shorten(words: str, *, from_end: bool = False) -> str:
    words = _CONTROL.sub("", _ANSI.sub("", words))
    if len(words) <= MOST_CHARACTERS:
        return words
    left = f"… {len(words) - MOST_CHARACTERS:,} characters are left out …"
    return f"{left}\n{words[-MOST_CHARACTERS:]}" if from_end else f"{words[:MOST_CHARACTERS]}\n{left}"
