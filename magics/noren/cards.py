"""Cards: how versions, bentos, validations and drift show themselves in a cell. Registered with IPython, so that
the values themselves know nothing of HTML.
"""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING, Any

from noren.version_card import version_html, version_text
from noren.wording import UNKNOWN, odds
from noren_bento.drift.report import DriftReport
from noren_bento.release.version import ModelVersion

if TYPE_CHECKING:
    from IPython.core.interactiveshell import InteractiveShell

_MUTED = "color:var(--jp-ui-font-color2,#666)"
_CELL = "text-align:left;padding:2px 14px 2px 0;vertical-align:top"
_ALARM = "color:var(--jp-error-color1,#b3261e);font-weight:600"
ROWS = 12
"""Columns that a drift card lists; the rest are counted."""


def card(title: str, pairs: list[tuple[str, str]]) -> str:
    """Return a small titled table; texts are escaped."""
    body = "".join(
        f'<tr><td style="{_CELL};{_MUTED}">{escape(name)}</td><td style="{_CELL}">{escape(value)}</td></tr>'
        for name, value in pairs
    )
    return f'<div style="font-variant-numeric:tabular-nums"><b>{escape(title)}</b><table>{body}</table></div>'


def build_card(build: Any) -> str:
    """What a built bento is."""
    return card(
        f"{build.version} built as {build.bento}",
        [
            ("answers with", build.engine),
            ("because", build.because),
            ("size", f"{build.bytes / 1e6:.1f} MB"),
            ("where", str(build.path)),
        ],
    )


def validation_card(validation: Any) -> str:
    """What the validation notebooks said."""
    passed = sum(verdict.passed for verdict in validation.checks)
    title = f"{passed} of {len(validation.checks)} checks passed in {validation.seconds:.1f} s"
    pairs = [(f"{'✓' if v.passed else '✗'} {v.check}", v.because) for v in validation.checks]
    return card(title, [*pairs, ("report", str(validation.report))])


def drift_card(report: DriftReport) -> str:
    """Size and evidence of the most surprising columns."""
    columns = report.by_surprise if report.rows else ()
    head = "".join(
        f'<th style="{_CELL}">{text}</th>' for text in ("column", "PSI", "evidence", "missing", "")
    )
    rows = "".join(
        f'<tr><td style="{_CELL}">{escape(column.name)}</td><td style="{_CELL}">{column.psi:.2f}</td>'
        f'<td style="{_CELL}">{odds(column.log_evidence) or UNKNOWN}</td>'
        f'<td style="{_CELL}">{100 * column.missing_share:.1f} %</td>'
        f'<td style="{_CELL};{_ALARM}">{"drifts" if column.alarm else ""}</td></tr>'
        for column in columns[:ROWS]
    )
    rest = f'<div style="{_MUTED}">and {len(columns) - ROWS} more, none in alarm</div>'
    hidden = len(columns) > ROWS and not any(column.alarm for column in columns[ROWS:])
    table = f"<table><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table>" if columns else ""
    return (
        f'<div style="font-variant-numeric:tabular-nums"><b>{escape(report.title)}</b>'
        f"{table}{rest if hidden else ''}</div>"
    )


def compression_card(compression: Any) -> str:
    """The variants of a model: what each gains and costs. What a variant is stands on hover."""
    head = "".join(f'<th style="{_cell(place)}">{text}</th>' for place, text in enumerate(compression.head()))
    rows = "".join(
        f'<tr title="{escape(variant.how)}">'
        + "".join(f'<td style="{_cell(place)}">{escape(text)}</td>' for place, text in enumerate(cells))
        + "</tr>"
        for variant, cells in zip(compression.variants, compression.cells(), strict=True)
    )
    return (
        f'<div style="font-variant-numeric:tabular-nums"><b>{escape(compression.title())}</b>'
        f"<table><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table>"
        f'<div style="{_MUTED}">{escape(compression.closing())}</div></div>'
    )


def _cell(place: int) -> str:
    """The first column is text, the others are numbers."""
    return _CELL if place == 0 else _CELL.replace("left", "right", 1)


def register_cards(shell: InteractiveShell) -> None:
    """Teach this shell's display the cards."""
    formatters = shell.display_formatter.formatters  # type: ignore[union-attr]
    html = formatters["text/html"]
    html.for_type(ModelVersion, version_html)
    formatters["text/plain"].for_type(ModelVersion, _print_version)
    html.for_type(DriftReport, drift_card)
    # By name, so that nothing heavy is imported for it.
    html.for_type("noren_bento.bento_build.build.Build", build_card)
    html.for_type("noren_bento.compress.result.Compression", compression_card)
    html.for_type("noren_validation.validation.Validation", validation_card)


def _print_version(version: ModelVersion, printer: Any, cycle: bool) -> None:
    """The card in a terminal, and one line where the version stands in a list."""
    alone = len(printer.stack) == 1
    printer.text(version_text(version) if alone else str(version))
