"""Numbers as words: how a release view writes shares, times and counts, the same as release_view/words.js."""

from __future__ import annotations

import math
import re
from datetime import datetime
from decimal import ROUND_HALF_UP, Decimal

from noren_bento.drift.odds import odds, significant

__all__ = [
    "THIN",
    "UNKNOWN",
    "clock",
    "duration",
    "first_sentence",
    "fixed",
    "latency",
    "odds",
    "plural",
    "share",
    "short",
    "significant",
]

THIN = "\u202f"
UNKNOWN = "–"


def fixed(number: float, digits: int) -> str:
    """Round half up on the exact value, as JavaScript's toFixed does.

    >>> fixed(12.5, 0), fixed(1.005, 2)
    ('13', '1.00')
    """
    return str(Decimal(number).quantize(Decimal(1).scaleb(-digits), ROUND_HALF_UP))


def plural(count: int, noun: str) -> str:
    """Count things.

    >>> plural(1, "row"), plural(3410, "row")
    ('1 row', '3,410 rows')
    """
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


def short(version: str) -> str:
    """Return `v3` of `churn/3`; nothing where there is no version yet."""
    return f"v{version.rpartition('/')[2]}" if version else ""


def first_sentence(error: BaseException | None) -> str:
    """The first sentence of an error's text.

    >>> first_sentence(ValueError("0.81 is below 0.9. The report says more:\\n/tmp/x.html"))
    '0.81 is below 0.9.'
    >>> first_sentence(KeyboardInterrupt())
    'Interrupted.'
    """
    text = "Interrupted." if isinstance(error, KeyboardInterrupt) else str(error or "").strip()
    found = re.match(r".*?[.!?](?=\s|$)", text.partition("\n")[0])
    return found[0] if found else text.partition("\n")[0] or type(error).__name__


def share(rate: float | None) -> str:
    """A share from 0 to 1 in percent.

    >>> [share(rate).replace(THIN, " ") for rate in (None, 0.0, 0.00001, 0.0012, 0.0123, 0.114)]
    ['–', '0 %', '< 0.01 %', '0.12 %', '1.2 %', '11 %']
    """
    if rate is None:
        return UNKNOWN
    percent = 100 * rate
    if 0 < percent < 0.01:
        return f"<{THIN}0.01{THIN}%"
    digits = 0 if percent == 0 or percent >= 10 else 1 if percent >= 1 else 2
    return f"{fixed(percent, digits)}{THIN}%"


def latency(ms: float | None) -> str:
    """A latency given in milliseconds.

    >>> [latency(ms).replace(THIN, " ") for ms in (None, 4.13, 41.3, 1240.0)]
    ['–', '4.1 ms', '41 ms', '1.2 s']
    """
    if ms is None:
        return UNKNOWN
    if ms >= 1000:
        return f"{fixed(ms / 1000, 1)}{THIN}s"
    return f"{fixed(ms, 1 if ms < 10 else 0)}{THIN}ms"


def duration(seconds: float) -> str:
    """How long something takes.

    >>> [duration(seconds).replace(THIN, " ") for seconds in (0.81, 34.0, 240.0, 7500.0)]
    ['0.8 s', '34 s', '4 min', '2 h 5 min']
    """
    if seconds < 90:
        return f"{fixed(seconds, 1 if seconds < 10 else 0)}{THIN}s"
    minutes = math.floor(seconds / 60 + 0.5)
    return f"{minutes}{THIN}min" if minutes < 60 else f"{minutes // 60}{THIN}h {minutes % 60}{THIN}min"


def clock(at: float, now: float) -> str:
    """A time of day on this machine's clock, with its date where that is a day or more ago."""
    time = datetime.fromtimestamp(at)
    return f"{time:%H:%M}" if now - at < 86_400 else f"{time:%Y-%m-%d %H:%M}"
