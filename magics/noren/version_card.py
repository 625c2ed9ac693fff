"""The card of a version in a cell: what was tagged, how good it is, from where, and what is to be done next.

It carries its own styles, so that a saved notebook, VS Code and nbconvert show it as the cell did; where a page removes
styles, a heading, a table and two lists are left that read well by themselves.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from noren.markup import Markup, join, tag
from noren_bento.errors import NorenError
from noren_bento.release.version import ModelVersion

if TYPE_CHECKING:
    from noren_bento.tagging.card.card import CardFacts
    from noren_bento.tagging.card.parts import Cell, Table

ROWS = 40
"""Columns that the cell lists; the card's page has all."""
INK = "color:var(--jp-content-font-color1,var(--vscode-foreground,inherit))"
FAINT = "color:var(--jp-content-font-color2,var(--vscode-descriptionForeground,#636b73))"
RULE = "var(--jp-border-color2,var(--vscode-widget-border,#d5dade))"
MARK = "color:var(--jp-brand-color1,var(--vscode-charts-blue,#0072b2))"
ALARM = "color:var(--jp-error-color1,var(--vscode-errorForeground,#b3261e))"
CELL = "text-align:left;padding:2px 16px 2px 0;vertical-align:top;background:none;border:0"
CODE = "background:none;padding:0;font-size:.92em;overflow-wrap:anywhere"
AS_CODE = ("whole card", "page", "next")
BOX = (
    f"box-sizing:border-box;max-width:54rem;margin:4px 0;padding:12px 16px 10px;border:1px solid {RULE};"
    f"border-radius:8px;font-variant-numeric:tabular-nums;line-height:1.45;{INK}"
)


@dataclass(frozen=True, slots=True)
class VersionCard:
    """The whole model card of one version: Markdown wherever it is shown."""

    version: ModelVersion
    markdown: str
    path: Path
    """The same as a page of its own, `card.html`."""

    def __repr__(self) -> str:
        return self.markdown

    def _repr_markdown_(self) -> str:
        return self.markdown


def read_card(version: ModelVersion | str) -> VersionCard:
    """Read the card of a tagged version."""
    from noren_bento.tagging.card.card import make_card  # noqa: PLC0415 -- heavy
    from noren_bento.tagging.card.files import HTML  # noqa: PLC0415 -- heavy
    from noren_bento.tagging.card.markdown import card_to_markdown  # noqa: PLC0415 -- heavy

    facts, folder = _read(version)
    return VersionCard(facts.version, card_to_markdown(make_card(facts)), folder / HTML)


def version_html(version: ModelVersion) -> str:
    """Show a version in a cell; by its identity alone where the store does not give its files."""
    try:
        facts, folder = _read(version)
    except NorenError as error:
        return tag("div", {"style": BOX}, _head(version, ""), tag("div", {"style": FAINT}, str(error)))
    return facts_html(facts, folder)


def version_text(version: ModelVersion) -> str:
    """Show a version in a terminal."""
    try:
        facts, folder = _read(version)
    except NorenError:
        return f"{version} tagged, {version.signature.task}, digest {version.digest[:12]}"
    from noren_bento.tagging.card.card import lead_of  # noqa: PLC0415 -- heavy

    lines = [f"{version} tagged", lead_of(facts)]
    lines += [f"{name:<18} {value:>8}  {ends}".rstrip() for name, value, ends in _headlines(facts)]
    lines += [f"{name:<18} {words}" for name, words in _pairs(facts, folder)]
    return "\n".join(lines)


def facts_html(facts: CardFacts, folder: Path) -> str:
    """Return the compact card of what a version's files hold."""
    from noren_bento.tagging.card.card import lead_of, task_of  # noqa: PLC0415 -- heavy
    from noren_bento.tagging.card.columns import columns_table  # noqa: PLC0415 -- heavy
    from noren_bento.tagging.card.cost import missed_limits  # noqa: PLC0415 -- heavy
    from noren_bento.tagging.card.limits import limits_of  # noqa: PLC0415 -- heavy

    signature = facts.version.signature
    count = len(signature.columns)
    rows = [
        tag(
            "tr",
            {"style": "background:none"},
            tag("td", {"style": f"{CELL};white-space:nowrap;{FAINT}"}, name),
            tag("td", {"style": CELL}, tag("code", {"style": CODE}, words) if name in AS_CODE else words),
        )
        for name, words in _pairs(facts, folder)
    ]
    remarks = [tag("div", {"style": f"{ALARM};margin-top:4px"}, one) for one in missed_limits(facts.cost)]
    limits = tag(
        "ul",
        {"style": "margin:4px 0 6px;padding-left:18px"},
        [tag("li", None, one) for one in limits_of(facts)],
    )
    return tag(
        "section",
        {"style": BOX, "aria-label": f"{facts.title} tagged"},
        _head(facts.version, task_of(signature)),
        tag("div", {"style": f"{FAINT};margin-bottom:8px"}, lead_of(facts).partition(": ")[2]),
        _tiles(facts),
        tag("table", {"style": "margin:6px 0;border-collapse:collapse"}, tag("tbody", None, rows)),
        remarks,
        _fold(f"{count:,} input{'s' if count != 1 else ''}", _table(columns_table(signature, facts.profile))),
        _fold("limits", limits),
    )


def _read(version: ModelVersion | str) -> tuple[CardFacts, Path]:
    from noren_bento.settings import load_settings  # noqa: PLC0415 -- not where a card is only imported
    from noren_bento.stores.models import ModelStore  # noqa: PLC0415 -- heavy
    from noren_bento.tagging.card.files import read_facts  # noqa: PLC0415 -- heavy

    files = ModelStore(load_settings()).files(version)
    return read_facts(files), files.path


def _head(version: ModelVersion, task: str) -> Markup:
    title = tag("b", {"style": "font-size:1.25em"}, str(version))
    digest = tag(
        "code",
        {"style": f"{FAINT};background:none;font-size:.85em", "title": version.digest},
        version.digest[:12],
    )
    words = tag("span", {"style": FAINT}, f"tagged{' · ' if task else ''}{task}")
    style = "display:flex;flex-wrap:wrap;gap:0 10px;align-items:baseline"
    return tag(
        "div", {"style": style}, title, " ", words, " ", tag("span", {"style": "margin-left:auto"}, digest)
    )


def _headlines(facts: CardFacts) -> list[tuple[str, str, str]]:
    from noren_bento.tagging.card.metrics import headlines, interval_of  # noqa: PLC0415 -- heavy
    from noren_bento.tagging.card.words import number, visible  # noqa: PLC0415 -- heavy

    return [
        (visible(name), number(facts.metrics[name]), interval_of(name, facts.intervals))
        for name in headlines(facts.metrics)
    ]


def _tiles(facts: CardFacts) -> Markup | None:
    tiles = [
        tag(
            "div",
            {"title": "on the test data, with the 95 % interval"},
            tag("div", {"style": f"{FAINT};font-size:.85em"}, name.replace("_", " ")),
            " ",
            tag("b", {"style": "font-size:1.35em;font-weight:600"}, value),
            " ",
            tag("div", {"style": f"{FAINT};font-size:.85em"}, ends),
        )
        for name, value, ends in _headlines(facts)
    ]
    return (
        tag("div", {"style": "display:flex;flex-wrap:wrap;gap:8px 32px;margin:6px 0 8px"}, tiles)
        if tiles
        else None
    )


def _pairs(facts: CardFacts, folder: Path) -> list[tuple[str, str]]:
    from noren_bento.tagging.card.files import HTML  # noqa: PLC0415 -- heavy
    from noren_bento.tagging.card.words import number, size, visible  # noqa: PLC0415 -- heavy

    lineage, one_row = facts.lineage, f"{number(facts.cost.timing.one_row_ms)} ms"
    commit = lineage.commit
    changed = " with changes" if commit and commit.dirty else ""
    code = f"{commit.sha[:9]} on {visible(commit.branch)}{changed}" if commit else "in no git repository"
    notebook = f" · {visible(lineage.notebook)}" if lineage.notebook else ""
    cells = f", {lineage.cells:,} executions" if lineage.cells else ""
    return [
        ("data", f"{lineage.train.rows:,} training rows, {lineage.test.rows:,} test rows"),
        ("code", f"{code}{notebook}{cells}"),
        ("cost", f"{one_row} for one row, {size(facts.model_bytes)} as {facts.serialisation}"),
        ("whole card", f'noren.card("{facts.title}")'),
        ("page", str(folder / HTML)),
        ("next", f"%deploy {facts.title}"),
    ]


def _fold(title: str, inside: Markup) -> Markup:
    summary = tag("summary", {"style": f"cursor:pointer;{FAINT}"}, title)
    return tag("details", {"style": "margin-top:2px"}, summary, inside)


def _table(table: Table) -> Markup:
    def line(name: str, cells: tuple[Cell, ...]) -> Markup:
        style = f"{CELL};font-weight:400;{FAINT}" if name == "th" else CELL
        return tag(
            "tr", {"style": "background:none"}, [tag(name, {"style": style}, _cell(cell)) for cell in cells]
        )

    more = len(table.rows) - ROWS
    body = tag("tbody", None, [line("td", row) for row in table.rows[:ROWS]])
    whole = tag(
        "table",
        {"style": "border-collapse:collapse;font-size:.92em"},
        tag("thead", None, line("th", table.head)),
        body,
    )
    return join(
        whole, tag("div", {"style": FAINT}, f"and {more:,} more in the whole card") if more > 0 else None
    )


def _cell(cell: Cell) -> Markup:
    from noren_bento.tagging.card.html import shape_to_svg  # noqa: PLC0415 -- heavy

    if isinstance(cell, str):
        return tag("bdi", None, cell)
    return tag("span", {"style": MARK, "title": "how the values are spread"}, Markup(shape_to_svg(cell)))
