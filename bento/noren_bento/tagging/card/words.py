"""Words of a card: numbers, moments and names as people read them; what would hide or turn a text is shown. Pure."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta

_JOINERS = "\u200c\u200d"
"""Invisible, but part of ordinary words and emoji."""
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def visible(text: object, limit: int = 80) -> str:
    r"""Return a text in one line in which nothing is hidden: control characters and changes of direction as escapes.

    >>> visible("a\u202eb\x00\n")
    'a\\u202eb\\x00\\n'
    """
    shown = "".join(
        one.encode("unicode_escape").decode()
        if one not in _JOINERS and unicodedata.category(one) in ("Cc", "Cf", "Cs", "Zl", "Zp")
        else one
        for one in str(text)[: limit + 1]
    )
    return shown if len(shown) <= limit else f"{shown[: limit - 1]}…"


def listed(names: Iterable[object], limit: int = 12) -> str:
    """Return names with commas, the rest counted.

    >>> listed("abcd", limit=3)
    'a, b, c and 1 more'
    """
    every = list(names)
    shown = ", ".join(visible(name) for name in every[:limit])
    return shown + (f" and {len(every) - limit:,} more" if len(every) > limit else "")


def number(value: float) -> str:
    """Return a number with four digits that count.

    >>> number(0.123456), number(41213.7), number(3.0), number(1e-9)
    ('0.1235', '41,214', '3', '1e-09')
    """
    return f"{value:,.0f}" if 10_000 <= abs(value) < 1e15 or value == 0 else f"{value:.4g}"


def share(value: float) -> str:
    """Return a share in percent, never 0 or 100 where it is neither.

    >>> share(0.0), share(0.00001), share(0.1234), share(0.99999)
    ('0 %', '< 0.1 %', '12.3 %', '> 99.9 %')
    """
    if 0 < value < 0.001:
        return "< 0.1 %"
    if 0.999 < value < 1:
        return "> 99.9 %"
    return f"{100 * value:.1f} %".replace(".0 %", " %")


def size(amount: float) -> str:
    """Return bytes in a unit that suits.

    >>> size(812), size(2_345_678)
    ('812 B', '2.3 MB')
    """
    for unit in ("B", "kB", "MB", "GB"):
        if amount < 1000 or unit == "GB":
            return f"{amount:.0f} {unit}" if unit == "B" or amount >= 100 else f"{amount:.1f} {unit}"
        amount /= 1000
    raise AssertionError("the last unit takes everything")


def moment(seconds: float) -> str:
    """Return a moment in UTC; the number itself where no calendar has it.

    >>> moment(0.0)
    '1970-01-01 00:00 UTC'
    """
    try:
        return (EPOCH + timedelta(seconds=seconds)).strftime("%Y-%m-%d %H:%M UTC")
    except OverflowError:
        return number(seconds)
