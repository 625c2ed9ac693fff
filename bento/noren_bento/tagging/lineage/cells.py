"""Cells: what a notebook ran before the tag, as a value that any front end can make, and as a file to read."""

from __future__ import annotations

import ast
import re
from collections.abc import Sequence
from dataclasses import dataclass

from noren_bento.tagging.secrets.secrets import Secrets

MOST_CHARACTERS = 1_000_000
"""Characters of code that a version keeps; the oldest cells are left out first."""
_MAGIC = re.compile(r"\s*(?:%|!|\?)|.*\?\s*$")


@dataclass(frozen=True, slots=True)
class Trace:
    """What led to a tag in a notebook. The front end reads it; tagging knows no notebook."""

    notebook: str | None = None
    """The notebook's name or path; None where it is not known."""
    cells: tuple[str, ...] = ()
    """Source of each execution in this session in order, the tagging one last; the n-th ran as In [n]."""


def cells_to_text(trace: Trace, secrets: Secrets) -> str:
    """Return the cells as one Python file in the percent format, with secrets masked; empty where none ran.

    What is no Python (magics, shell commands) stands there as a comment, so that editors and linters read the file.

    >>> print(cells_to_text(Trace("churn.ipynb", ("%load_ext noren", "", "password = 'hunter2'")), Secrets()))
    # churn.ipynb: what ran before the tag, in the order in which it ran. Secrets are masked.
    <BLANKLINE>
    # %% In 1
    # %load_ext noren
    <BLANKLINE>
    # %% In 3
    password = '***'
    <BLANKLINE>
    """
    ran = [(count, source) for count, source in enumerate(trace.cells, start=1) if source.strip()]
    if not ran:
        return ""
    name = " ".join((trace.notebook or "An IPython session").split())
    kept, left = _latest(ran)
    head = (
        f"# {secrets.mask(name)}: what ran before the tag, in the order in which it ran. Secrets are masked."
    )
    parts = [head]
    if left:
        parts.append(
            f"# The first {left} of {len(ran)} executions are left out: {MOST_CHARACTERS:,} characters are kept."
        )
    parts += [f"\n# %% In {count}\n{_as_python(secrets.mask(source)).rstrip()}" for count, source in kept]
    return "\n".join(parts) + "\n"


def count_cells(trace: Trace) -> int:
    """How many executions the trace holds."""
    return sum(bool(source.strip()) for source in trace.cells)


def _latest(ran: Sequence[tuple[int, str]]) -> tuple[list[tuple[int, str]], int]:
    room, kept = MOST_CHARACTERS, []
    for count, source in reversed(ran):
        if len(source) > room:
            break
        kept.append((count, source))
        room -= len(source)
    return kept[::-1], len(ran) - len(kept)


def _as_python(source: str) -> str:
    """Comment out what is no Python: whole cells of another language, lines of magics and shell commands."""
    try:
        ast.parse(source)
    except (SyntaxError, ValueError):
        whole = source.lstrip().startswith("%%")
        lines = source.splitlines()
        return "\n".join(f"# {line}" if whole or _MAGIC.match(line) else line for line in lines)
    return source
