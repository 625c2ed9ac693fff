"""Parity: the proof that an engine answers as the original does, on reference rows and on adversarial ones."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from noren_bento.compile.probes import Answer, Arrays, take_rows
from noren_bento.serving.answers import Answers
from noren_bento.serving.columns import Columns, count_rows
from noren_bento.serving.comparison import (
    compare,
    compare_bits,
    finite_rows,
    largest_difference,
    typical_size,
)

BATCHES = (1, 2, 257)
"""So many rows are asked at once: sums of many rows may be taken in another order than those of one."""
FEW = 24
"""Requests of one row, and of two, that are compared."""
EQUAL_BITS = "to the last bit"
EQUAL_CLOSE = "labels exactly; probabilities within 1e-5, values within 1e-5 of their size"


@dataclass(frozen=True, slots=True)
class Asked:
    """Rows that were asked at once."""

    what: str
    """`reference` or `adversarial`."""
    rows: Arrays
    answers: Answers | None
    """None where the original raises; it is one row then."""
    error: str = ""


@dataclass(frozen=True, slots=True)
class Expected:
    """What the original answers, worked out once for all engines."""

    asked: tuple[Asked, ...]
    scale: float
    """Typical magnitude of its values."""
    reference_rows: int
    adversarial_rows: int

    def refused_rows(self) -> int:
        """Number of requests on which the original raises."""
        return sum(one.answers is None for one in self.asked)


def expect(original: Answer, reference: Columns, adversarial: Arrays) -> Expected:
    """Ask the original: the reference at once, adversarial rows in batches, and some rows in ones and twos."""
    whole = tuple(_ask(original, "reference", take_rows(reference, np.arange(count_rows(reference)))))
    hard = [
        one
        for rows in _batches(adversarial, BATCHES[-1], limit=count_rows(adversarial))
        for one in _ask(original, "adversarial", rows)
    ]
    few = [
        one
        for size in BATCHES[:-1]
        for what, rows in (("reference", reference), ("adversarial", adversarial))
        for batch in _batches(rows, size, limit=FEW)
        for one in _ask(original, what, batch)
    ]
    answered = [one.answers for one in whole if one.answers is not None]
    scale = typical_size(answered[0]) if answered else 0.0
    return Expected((*whole, *hard, *few), scale, count_rows(reference), count_rows(adversarial))


def _batches(rows: Columns, size: int, *, limit: int) -> Iterator[Arrays]:
    """At most `limit` batches of consecutive rows, spread over all."""
    count = count_rows(rows)
    starts = np.arange(0, count, size)
    if len(starts) > limit:
        starts = starts[np.linspace(0, len(starts) - 1, limit).astype(np.int64)]
    for start in starts.tolist():
        yield take_rows(rows, np.arange(start, min(start + size, count)))


def _ask(original: Answer, what: str, rows: Arrays) -> Iterator[Asked]:
    """Ask at once; where the original raises, ask the halves, down to the rows on which it does."""
    try:
        yield Asked(what, rows, original(rows))
    except Exception as error:  # whatever it raises, an engine must not answer there
        count = count_rows(rows)
        if count == 1:
            yield Asked(what, rows, None, f"{type(error).__name__}: {str(error)[:120]}")
            return
        for half in (np.arange(count // 2), np.arange(count // 2, count)):
            yield from _ask(original, what, take_rows(rows, half))


def find_difference(expected: Expected, engine: Answer, *, bits: bool) -> str | None:
    """Say where an engine's answers differ from the original's, or None when they are equal."""
    for one in expected.asked:
        if one.answers is None:
            if _answers(engine, one.rows):
                return f"the original raises on a row that fits its signature ({show_row(one.rows)}): {one.error}"
            continue
        given = engine(one.rows)
        difference = (
            compare_bits(one.answers, given) if bits else compare(one.answers, given, scale=expected.scale)
        )
        if difference:
            return f"{difference} ({one.what} rows)"
    return None


def _answers(engine: Answer, row: Arrays) -> bool:
    try:
        return bool(finite_rows(engine(row)).all())
    except Exception:  # the question is only whether it raises, too
        return False


def measure_difference(expected: Expected, engine: Answer) -> float:
    """The largest difference over all rows that the original answers."""
    return max(
        (
            largest_difference(one.answers, engine(one.rows), scale=expected.scale)
            for one in expected.asked
            if one.answers is not None
        ),
        default=0.0,
    )


def show_row(row: Columns) -> str:
    """The first values of a row, for a sentence."""
    shown = ", ".join(f"{name}={row[name].tolist()[0]!r}" for name in list(row)[:4])
    return shown + (", …" if len(row) > 4 else "")
