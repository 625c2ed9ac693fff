"""Markup: HTML as a value in which every text is escaped, because names and reasons come from people."""

from __future__ import annotations

from collections.abc import Iterable
from html import escape


class Markup(str):
    """HTML that may stand in a page as it is; any other text is escaped by `tag`."""

    __slots__ = ()


def tag(name: str, attributes: dict[str, object] | None = None, *children: object) -> Markup:
    """Return one element. None, False and "" are left out, among attributes and children.

    >>> tag("b", {"class": "loud", "title": None}, "1 < 2")
    '<b class="loud">1 &lt; 2</b>'
    """
    kept = {
        key: value for key, value in (attributes or {}).items() if value is not None and value is not False
    }
    inner = "".join(f' {key}="{escape(str(value))}"' for key, value in kept.items())
    return Markup(f"<{name}{inner}>{join(*children)}</{name}>")


def join(*children: object) -> Markup:
    """Return the children one after the other; whatever is not Markup is escaped.

    >>> join("a & ", tag("b", None, "c"), None, ["d", False])
    'a &amp; <b>c</b>d'
    """
    parts: list[str] = []
    for child in children:
        match child:
            case None | False:
                continue
            case Markup():
                parts.append(child)
            case str():
                parts.append(escape(child))
            case Iterable():
                parts.append(join(*child))
            case _:
                parts.append(escape(str(child)))
    return Markup("".join(parts))
