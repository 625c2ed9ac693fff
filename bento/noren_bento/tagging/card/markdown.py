"""A card as Markdown, for terminals, repositories and model hubs. Pure."""

from __future__ import annotations

import re

from noren_bento.tagging.card.card import Card
from noren_bento.tagging.card.parts import Cell, Code, Items, Pairs, Part, Table

_SPECIAL = re.compile(r"([\\`*_\[\]<>|#~!])")


def card_to_markdown(card: Card) -> str:
    """Write a card as Markdown; no text of the user's becomes markup."""
    parts = [f"# {_plain(card.title)}", _plain(card.lead)]
    for section in card.sections:
        parts.append(f"## {section.title}")
        parts += [_part(part) for part in section.parts]
    return "\n\n".join(parts) + "\n"


def _part(part: Part) -> str:
    match part:
        case Pairs(rows):
            return _table(("", ""), rows)
        case Items((text,)):
            return _plain(text)
        case Items(texts):
            return "\n".join(f"- {_plain(text)}" for text in texts)
        case Code(text, language):
            fence = "`" * max([3, *(len(run) + 1 for run in re.findall("`+", text))])
            return f"{fence}{language}\n{text}\n{fence}"
        case Table(title, head, rows, numeric, note):
            text = f"**{_plain(title)}**\n\n{_table(head, rows, numeric)}"
            return f"{text}\n\n{_plain(note)}" if note else text


def _table(head: tuple[str, ...], rows: tuple[tuple[Cell, ...], ...], numeric: tuple[int, ...] = ()) -> str:
    rule = ["---:" if place in numeric else "---" for place in range(len(head))]
    lines = [[_plain(one) for one in head], rule, *([_plain(str(cell)) for cell in row] for row in rows)]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _plain(text: str) -> str:
    """Escape what Markdown and the HTML in it would read.

    >>> _plain("<b>|a_b")
    '\\\\<b\\\\>\\\\|a\\\\_b'
    """
    return _SPECIAL.sub(r"\\\1", text.replace("&", "&amp;"))
