"""Tables for validation notebooks: plain HTML, numbers to the right. Pure."""

from __future__ import annotations

import re
from collections.abc import Sequence
from numbers import Real

from noren_validation.limit import show
from noren_validation.markup import Markup, element

_NUMBER = re.compile(r"[-+−]?[\d,.]+(e[-+]?\d+)? ?%?")


def make_table(head: Sequence[str], rows: Sequence[Sequence[object]], *, caption: str = "") -> Markup:
    """Make a table; numbers are written to four digits and set right, Markup stays, the rest is escaped.

    >>> str(make_table(["n"], [[0.12345]]))[-54:]
    '<tr><td class="n-num">0.1235</td></tr></tbody></table>'
    """
    return element(
        "table",
        element("caption", caption) if caption else None,
        element("thead", element("tr", [_head(name, rows, place) for place, name in enumerate(head)])),
        element("tbody", [element("tr", [_cell(value) for value in row]) for row in rows]),
        class_="n-table",
    )


def _head(name: str, rows: Sequence[Sequence[object]], place: int) -> Markup:
    numbers = bool(rows) and all(_is_number(row[place]) for row in rows)
    return element("th", name, class_="n-num" if numbers else None)


def _cell(value: object) -> Markup:
    words = "–" if value is None else value
    if isinstance(value, Real) and not isinstance(value, bool):
        words = show(value)
    return element("td", words, class_="n-num" if _is_number(value) else None)


def _is_number(value: object) -> bool:
    if isinstance(value, str):
        return bool(_NUMBER.fullmatch(value))
    return value is None or (isinstance(value, Real) and not isinstance(value, bool))
