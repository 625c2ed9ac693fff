"""Markup: HTML and SVG elements as text, escaped where they are made. Pure."""

from __future__ import annotations

import html
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Markup:
    """Escaped markup; what is not Markup is text and is escaped when it becomes a child."""

    text: str

    def __str__(self) -> str:
        return self.text

    def _repr_html_(self) -> str:
        return self.text


def element(name: str, *children: object, **attributes: Any) -> Markup:
    """Make one element. `class_` is class; other underscores become hyphens; attributes that are None are left out.

    >>> str(element("td", "a < b", class_="n-num", font_size=12))
    '<td class="n-num" font-size="12">a &lt; b</td>'
    """
    given = "".join(
        f' {key.rstrip("_").replace("_", "-")}="{html.escape(_write(value))}"'
        for key, value in attributes.items()
        if value is not None
    )
    return Markup(f"<{name}{given}>{join(*children)}</{name}>")


def join(*children: object) -> Markup:
    """Put children side by side; lists and tuples are taken apart, None is left out."""
    return Markup("".join(_child(child) for child in children))


def _child(child: object) -> str:
    if child is None:
        return ""
    if isinstance(child, Markup):
        return child.text
    if isinstance(child, list | tuple):
        return join(*child).text
    return html.escape(_write(child), quote=False)


def _write(value: object) -> str:
    return f"{value:.2f}".rstrip("0").rstrip(".") if isinstance(value, float) else str(value)
