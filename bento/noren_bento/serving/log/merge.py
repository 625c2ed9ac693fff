"""Merge: the many small files of a day that is over become few compressed ones, with no row twice and none lost.

What is about to replace what is written down first. So whoever comes after a kill in the middle can finish, and a
reader knows which of the files that it finds hold the same rows.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import msgspec

from noren_bento.serving.log.parquet import Table, join_chunks, read_table, write_table
from noren_bento.serving.log.part import SUFFIX, write_file

MERGED = f"-merged{SUFFIX}"
JOURNAL = ".merging"
MERGED_BYTES = 32_000_000
"""About so many bytes of values in one merged file, before they are compressed."""

logger = logging.getLogger("noren.serving")


@dataclass(frozen=True, slots=True)
class Journal:
    """One file that replaces others of its folder."""

    into: str
    replaced: tuple[str, ...]


def has_parts(day: Path) -> bool:
    """Whether this day has files that were not merged yet."""
    return any(not path.name.endswith(MERGED) for path in day.glob(f"*{SUFFIX}"))


def visible_files(day: Path) -> list[Path]:
    """The files of a day that together hold each row once, by name."""
    files = sorted(day.glob(f"*{SUFFIX}"))
    journal = _read_journal(day)
    if journal is None or not (day / journal.into).exists():
        return files
    return [path for path in files if path.name not in journal.replaced]


def merge_day(day: Path) -> None:
    """Merge the files of one day. Only for who holds the log's lock, and when nobody writes there any more."""
    _finish(day)
    for run in _runs(day):
        _merge(day, run)


def _runs(day: Path) -> Iterator[list[tuple[Path, Table]]]:
    """Neighbours of the same columns, as many as fit into one merged file."""
    run: list[tuple[Path, Table]] = []
    size = 0
    for path in sorted(day.glob(f"*{SUFFIX}")):
        if path.name.endswith(MERGED):
            continue
        try:
            table = read_table(path.read_bytes())
        except ValueError as error:
            logger.error("prediction log: %s is left as it is: %s", path, error)
            continue
        if run and (table.schema != run[0][1].schema or size >= MERGED_BYTES):
            yield run
            run, size = [], 0
        run.append((path, table))
        size += sum(len(chunk.values) for chunk in table.chunks)
    if run:
        yield run


def _merge(day: Path, run: list[tuple[Path, Table]]) -> None:
    tables = [table for _, table in run]
    names = tuple(path.name for path, _ in run)
    chunks = [join_chunks(chunks) for chunks in zip(*(table.chunks for table in tables), strict=True)]
    journal = Journal(names[0].removesuffix(SUFFIX) + MERGED, names)
    write_file(day / JOURNAL, msgspec.json.encode(journal))
    write_file(day / journal.into, write_table(tables[0].fields, chunks, compressed=True))
    _finish(day)


def _finish(day: Path) -> None:
    """Do the rest of what the journal says; where the merged file is not there, nothing has happened yet."""
    journal = _read_journal(day)
    if journal is None:
        return
    if (day / journal.into).exists():
        for name in journal.replaced:
            (day / name).unlink(missing_ok=True)
    (day / JOURNAL).unlink()


def _read_journal(day: Path) -> Journal | None:
    try:
        return msgspec.json.decode((day / JOURNAL).read_bytes(), type=Journal)
    except FileNotFoundError:
        return None
