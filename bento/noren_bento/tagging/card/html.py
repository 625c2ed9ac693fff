"""A card as one HTML page that runs nothing, asks nobody, and reads well in light and dark. Pure but for its style."""

from __future__ import annotations

from functools import cache
from html import escape
from importlib.resources import files

from noren_bento.tagging.card.card import Card
from noren_bento.tagging.card.parts import Cell, Code, Items, Pairs, Part, Section, Shape, Table

# Everything is escaped; should something slip through all the same, it could neither run nor fetch anything.
_POLICY = "default-src 'none'; style-src 'unsafe-inline'; form-action 'none'; base-uri 'none'"
STEP, HEIGHT = 5, 22


def card_to_html(card: Card) -> str:
    """Write a card as a page of its own."""
    sections = "".join(_section(section) for section in card.sections)
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">'
        '<meta name="referrer" content="no-referrer">'
        f"<title>{escape(card.title)}: model card</title><style>{_style()}</style></head><body>"
        f'<header><div class="over">model card</div><h1>{escape(card.title)}</h1>'
        f'<p class="lead">{escape(card.lead)}</p></header>'
        f"<main>{sections}</main><footer>Made by Noren from the files of this version.</footer></body></html>\n"
    )


def shape_to_svg(shape: Shape) -> str:
    """Draw how values are spread, as bars."""
    if not shape.heights:
        return ""
    wide = STEP * len(shape.heights)
    bars = "".join(
        f"M{STEP * place} {HEIGHT - max(1, round(HEIGHT * height))}h{STEP - 1}V{HEIGHT}h{1 - STEP}z"
        for place, height in enumerate(shape.heights)
        if height > 0
    )
    view = f'viewBox="0 0 {wide} {HEIGHT}" width="{wide}" height="{HEIGHT}"'
    told = 'role="img" aria-label="spread of the values"'
    return f'<svg class="shape" {view} fill="currentColor" {told}><path d="{bars}"/></svg>'


@cache
def _style() -> str:
    return files("noren_bento.tagging.card").joinpath("card.css").read_text(encoding="utf-8")


def _section(section: Section) -> str:
    parts = "".join(_part(part) for part in section.parts)
    return f"<section><h2>{escape(section.title)}</h2>{parts}</section>"


def _part(part: Part) -> str:
    match part:
        case Pairs(rows):
            return (
                f"<dl>{''.join(f'<dt>{_text(name)}</dt><dd>{_text(told)}</dd>' for name, told in rows)}</dl>"
            )
        case Items((text,)):
            return f"<p>{_text(text)}</p>"
        case Items(texts):
            return f"<ul>{''.join(f'<li>{_text(text)}</li>' for text in texts)}</ul>"
        case Code(text, _):
            return f"<pre><code>{escape(text)}</code></pre>"
        case Table():
            return _table(part)


def _table(table: Table) -> str:
    def line(name: str, cells: tuple[Cell, ...]) -> str:
        classes = (' class="number"' if place in table.numeric else "" for place in range(len(cells)))
        inner = (f"<{name}{kind}>{_cell(cell)}</{name}>" for kind, cell in zip(classes, cells, strict=True))
        return f"<tr>{''.join(inner)}</tr>"

    body = "".join(line("td", row) for row in table.rows)
    note = f'<p class="note">{_text(table.note)}</p>' if table.note else ""
    return (
        f'<div class="scroll"><table><caption>{_text(table.title)}</caption>'
        f"<thead>{line('th', table.head)}</thead><tbody>{body}</tbody></table></div>{note}"
    )


def _cell(cell: Cell) -> str:
    return shape_to_svg(cell) if isinstance(cell, Shape) else _text(cell)


def _text(text: str) -> str:
    """A text, kept apart from its neighbours where it is written from right to left."""
    return f"<bdi>{escape(text)}</bdi>"
