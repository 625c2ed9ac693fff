"""Sanitise: markup that anybody wrote becomes markup that can only be looked at. Pure.

The document is taken apart and written again from lists of what is harmless. Nothing is copied: text is escaped,
attribute values are escaped, and only pairs of element and attribute from these lists are ever written, so that the
result holds no script, style sheet, form, frame or address that a browser would fetch, however it is parsed.
"""

from __future__ import annotations

import html
import re
from html.parser import HTMLParser

_ELEMENTS = (
    "a abbr b blockquote br caption cite code col colgroup dd del details div dl dt em figcaption figure "
    "h1 h2 h3 h4 h5 h6 hr i img ins kbd li mark ol p pre q s samp small span strong sub summary sup table tbody td "
    "tfoot th thead tr u ul var "
    "svg g path rect circle ellipse line polyline polygon text tspan title"
)
_OPAQUE = "script style template noscript iframe object noembed noframes textarea select math head xmp"
ELEMENTS = frozenset(_ELEMENTS.split())
VOID = frozenset(("br", "hr", "img", "col"))
OPAQUE = frozenset(_OPAQUE.split())
"""Elements that are left out together with what is in them."""

_GEOMETRY = (
    "x y x1 y1 x2 y2 cx cy r rx ry width height d points viewbox transform opacity fill-opacity stroke-opacity "
    "stroke-width stroke-dasharray stroke-linecap stroke-linejoin font-size font-weight text-anchor"
)
_PLAIN = {name: re.compile(r"[-+.,%\w\s()]{0,20000}") for name in _GEOMETRY.split()}
_PLAIN |= {
    name: re.compile(r"#[0-9a-fA-F]{3,8}|[a-zA-Z]{1,30}|rgba?\([\d\s.,%]+\)")
    for name in ("fill", "stroke", "color")
}
_PLAIN |= {name: re.compile(r"\d{1,4}") for name in ("colspan", "rowspan", "span", "start", "value")}
_PLAIN |= {name: re.compile(r"(?s).{0,2000}") for name in ("title", "alt", "aria-label")}
_PLAIN |= {"role": re.compile("img|table|row|cell|list|listitem"), "align": re.compile("left|right|center")}
_CLASS = re.compile(r"n-[a-z-]{1,40}")
"""The report's own classes: markup cannot borrow any other look."""
_LINK = re.compile(r"(?i)(https?://|mailto:)[^\s\"'<>]*")
_IMAGE = re.compile(r"data:image/(png|jpeg|gif|webp);base64,[A-Za-z0-9+/=\s]*")


def sanitise(markup: str) -> str:
    """Return harmless markup that shows the same text, tables, pictures and drawings.

    >>> sanitise('<p onclick="steal()">a <b>b</b><script>steal()</script></p>')
    '<p>a <b>b</b></p>'
    >>> sanitise('<img src="http://example.com/x.png" alt="x"><a href="javascript:steal()">go')
    '<img alt="x"><a>go</a>'
    """
    writer = _Writer()
    writer.feed(markup)
    writer.close()
    return writer.result()


class _Writer(HTMLParser):
    """Writes the harmless parts of what it reads, with every element closed."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self._parts: list[str] = []
        self._open: list[str] = []
        self._opaque: list[str] = []

    def result(self) -> str:
        while self._open:
            self._parts.append(f"</{self._open.pop()}>")
        return "".join(self._parts)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if self._opaque or tag in OPAQUE:
            self._opaque.append(tag)
        elif tag in ELEMENTS:
            self._parts.append(f"<{tag}{''.join(_write(tag, name, value or '') for name, value in attrs)}>")
            if tag not in VOID:
                self._open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        if tag not in VOID:
            self.handle_endtag(tag)

    def handle_endtag(self, tag: str) -> None:
        if self._opaque:
            if tag in self._opaque:
                del self._opaque[len(self._opaque) - 1 - self._opaque[::-1].index(tag) :]
        elif tag in self._open:
            while True:
                last = self._open.pop()
                self._parts.append(f"</{last}>")
                if last == tag:
                    return

    def handle_data(self, data: str) -> None:
        if not self._opaque:
            self._parts.append(html.escape(data, quote=False))


def _write(tag: str, name: str, value: str) -> str:
    """Write one attribute, or nothing."""
    if name == "class":
        harmless = all(_CLASS.fullmatch(one) for one in value.split())
    elif name == "href":
        harmless = tag == "a" and bool(_LINK.fullmatch(value))
    elif name == "src":
        harmless = tag == "img" and bool(_IMAGE.fullmatch(value))
    else:
        harmless = name in _PLAIN and bool(_PLAIN[name].fullmatch(value))
    if not harmless:
        return ""
    rel = ' rel="noopener noreferrer nofollow"' if name == "href" else ""
    return f' {name}="{html.escape(value)}"{rel}'
