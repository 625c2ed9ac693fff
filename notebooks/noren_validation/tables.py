"""Tables for validation notebooks: plain HTML, numbers to the right. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from numbers import Real

from noren_validation.limit import show
from noren_validation.markup import Markup, element


def make_table(head: Sequence[str], rows: Sequence[Sequence[object]], *, caption: str = "") -> Markup:
    """Make a table; numbers are written to four digits and set right, Markup stays as it is, the rest is escaped.

    >>> str(make_table(["n"], [[0.12345]]))[-54:]
    '<tr><td class="n-num">0.1235</td></tr></tbody></table>'
    """
    return element(
        "table",
        element("caption", caption) if caption else None,
        element("thead", element("tr", [element("th", name) for name in head])),
        element("tbody", [element("tr", [_cell(value) for value in row]) for row in rows]),
        class_="n-table",
    )


def _cell(value: object) -> Markup:
    if isinstance(value, Real) and not isinstance(value, bool):
        return element("td", show(value), class_="n-num")
    return element("td", "–" if value is None else value)
