"""The card's limits: what the version does not take, and what nobody has measured. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from noren_bento.tagging.card.cost import missed_limits
from noren_bento.tagging.card.words import listed, visible

if TYPE_CHECKING:
    from noren_bento.tagging.card.card import CardFacts

FEW_ROWS = 30


def limits_of(facts: CardFacts) -> tuple[str, ...]:
    """Return one sentence a limit, what was missed first."""
    return (*missed_limits(facts.cost), *_of_requests(facts), *_of_evidence(facts))


def _of_requests(facts: CardFacts) -> Iterator[str]:
    columns = facts.version.signature.columns
    yield (
        f"A row holds all {len(columns):,} columns by name and no other; a request that does not is refused with a "
        "4xx that names column and row."
    )
    if refused := [column.name for column in columns if not column.missing]:
        yield f"null is refused in {'every column' if len(refused) == len(columns) else listed(refused)}."
    if closed := [column.name for column in columns if column.categories]:
        yield f"Other values than the declared categories are refused in {listed(closed)}."
    if opened := [column.name for column in columns if column.kind == "text" and not column.categories]:
        yield (
            f"In {listed(opened)} any text is taken, unless the model itself refuses what it has not seen; "
            "what the training data lacked is counted as other."
        )
    if any(column.kind in ("number", "integer") for column in columns):
        yield "Numbers outside the range of the training data are answered, and nothing is known of these answers."


def _of_evidence(facts: CardFacts) -> Iterator[str]:
    test = facts.lineage.test.rows
    if test < 1_000:
        yield f"The metrics rest on {test:,} test rows: read them with their intervals."
    supports = {
        name.split("/", 1)[1]: rows for name, rows in facts.metrics.items() if name.startswith("support/")
    }
    if few := [label for label, rows in supports.items() if rows < FEW_ROWS]:
        yield f"Fewer than {FEW_ROWS} test rows have the class {listed(few)}: its metrics say little."
    if facts.serialisation == "cloudpickle":
        yield "Loading the model runs code from its file: load it only where whoever tagged it is trusted."
    commit = facts.lineage.commit
    if commit is None or commit.dirty:
        why = (
            "is in no git repository"
            if commit is None
            else f"differed from the commit {visible(commit.sha[:12])}"
        )
        yield f"The code {why}, so it cannot be checked out again as it was."
