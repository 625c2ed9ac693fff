"""The card's table of cost: how large, quick and hungry the model is, beside what production requires. Pure."""

from __future__ import annotations

from noren_bento.tagging.card.parts import Table
from noren_bento.tagging.card.words import number, size
from noren_bento.tagging.cost import Cost, Limit

BYTES = ("max_bytes", "max_memory")
NAMES = {
    "max_bytes": "size of the model",
    "p99_ms": "one row, 99th percentile",
    "rows_per_second": "rows per second, in bulk",
    "max_memory": "memory of the process, at most",
}


def cost_table(cost: Cost) -> Table:
    """Return a row a measurement: what was measured, what the setting requires, whether it is met."""
    timing = cost.timing
    rows = [
        (
            NAMES.get(one.setting, one.setting),
            _write(one, one.measured),
            _bound(one),
            "met" if one.met else "missed",
        )
        for one in cost.limits
    ]
    rows.insert(1, ("one row, median", f"{number(timing.one_row_ms)} ms", "", ""))
    note = f"Of the model as it was fitted, one thread, {timing.calls:,} calls; compiled it is often quicker."
    title = f"Measured when it was tagged, on up to {timing.rows:,} rows"
    return Table(title, ("", "measured", "required", ""), tuple(rows), numeric=(1, 2), note=note)


def missed_limits(cost: Cost) -> tuple[str, ...]:
    """Return a sentence for each requirement that is missed, then what would help.

    >>> from noren_bento.tagging.cost import Timing
    >>> missed = Limit("max_bytes", 9e8, 5e8, met=False)
    >>> missed_limits(Cost(900_000_000, Timing(1.0, 2.0, 10, 100, 1e4), (missed,), ("Prune it.",)))
    ('The requirement max_bytes is missed: 900 MB, and it requires at most 500 MB.', 'Prune it.')
    """
    told = (
        f"The requirement {one.setting} is missed: {_write(one, one.measured)}, and it requires {_bound(one)}."
        for one in cost.missed
    )
    return (*told, *cost.advice)


def _bound(limit: Limit) -> str:
    least = limit.setting == "rows_per_second"
    return f"{'at least' if least else 'at most'} {_write(limit, limit.limit)}"


def _write(limit: Limit, value: float) -> str:
    if limit.setting in BYTES:
        return size(value)
    return f"{number(value)} ms" if limit.setting.endswith("_ms") else number(value)
