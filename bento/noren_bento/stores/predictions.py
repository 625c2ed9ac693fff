"""The prediction log, read back: all versions of a model as one lazy Polars frame."""

# ruff: noqa: PLC0415 -- Polars is an extra

from __future__ import annotations

import fcntl
from collections import defaultdict
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, date, datetime, time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from noren_bento.errors import NorenError, NotFoundError
from noren_bento.home import Home
from noren_bento.release.version import parse_version, require_name
from noren_bento.serving.log.keep import LOCK
from noren_bento.serving.log.merge import visible_files
from noren_bento.serving.log.table import PARTITION

if TYPE_CHECKING:
    import polars as pl

    Schema = Mapping[str, pl.DataType]

Since = datetime | date | str


def scan_predictions(home: Home, name: str, *, since: Since | None = None) -> pl.LazyFrame:
    """Return the logged rows of a model, or of one version `name/number`; nothing is read before `collect`.

    Versions may have different columns: what one has not is null there, and a column that is a number in one and text
    in another is text. `since` is a moment: a datetime (UTC where it has no zone), a date, or either in ISO 8601.
    The frame is of the files that are there now. Raises NotFoundError where there are none, and NorenError without
    Polars.
    """
    try:
        import polars as pl
    except ImportError:
        raise NorenError(
            "Reading predictions needs polars, which is not installed here. "
            "Install it with: pip install 'noren[polars]'"
        ) from None
    moment = None if since is None else _read_moment(since)
    model, number = parse_version(name) if "/" in name else (require_name(name), None)
    files = _list_files(home, model, number, None if moment is None else moment.date())
    frame = _scan(files)
    if frame is None:
        raise NotFoundError(_explain_nothing(home, name, since))
    return frame if moment is None else frame.filter(pl.col("time") >= moment)


def _list_files(home: Home, model: str, number: int | None, first: date | None) -> list[Path]:
    folder = home.predictions / model
    found: list[Path] = []
    with _while_nothing_is_merged(folder):
        for day in sorted(folder.glob(f"{number or '*'}/{PARTITION}=*"), key=lambda path: path.name):
            if first is None or day.name.partition("=")[2] >= first.isoformat():
                found += visible_files(day)
    return found


@contextmanager
def _while_nothing_is_merged(folder: Path) -> Iterator[None]:
    try:
        file = (folder / LOCK).open("rb")
    except FileNotFoundError:
        yield  # nothing was ever merged
        return
    with file:
        fcntl.flock(file, fcntl.LOCK_SH)
        yield


def _scan(files: list[Path]) -> pl.LazyFrame | None:
    import polars as pl

    groups: dict[tuple[Any, ...], list[Path]] = defaultdict(list)
    for path in files:
        try:
            with path.open("rb") as file:  # a path would be taken for a pattern
                groups[tuple(pl.read_parquet_schema(file).items())].append(path)
        except (pl.exceptions.PolarsError, OSError):
            continue  # somebody else's file, or one that was swept meanwhile
    schemas = [dict(columns) for columns in groups]
    frames = [
        # Neither the home's path nor a column's name is a pattern or a partition.
        pl.scan_parquet(paths, glob=False, hive_partitioning=False).with_columns(
            pl.col(column).cast(pl.String)
            for column, kind in dict(columns).items()
            if _must_be_text(column, kind, schemas)
        )
        for columns, paths in groups.items()
    ]
    return pl.concat(frames, how="diagonal_relaxed") if frames else None


def _must_be_text(column: str, kind: pl.DataType, schemas: list[dict[str, pl.DataType]]) -> bool:
    kinds = {schema[column] for schema in schemas if column in schema}
    return len(kinds) > 1 and not all(one.is_numeric() for one in kinds)


def _read_moment(since: Since) -> datetime:
    if isinstance(since, str):
        moment = _parse_moment(since)
    else:
        moment = since if isinstance(since, datetime) else datetime.combine(since, time())
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)


def _parse_moment(text: str) -> datetime:
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        raise NorenError(
            f"since must be a moment such as 2031-05-17 or 2031-05-17T08:30; got {text[:80]!r}."
        ) from None


def _explain_nothing(home: Home, name: str, since: Since | None) -> str:
    when = "" if since is None else f" since {since}"
    known = sorted(path.name for path in home.predictions.glob("[!.]*") if any(path.glob("*/*/*")))
    others = f" There are predictions of: {', '.join(known)}." if known else ""
    return (
        f"No predictions of {name}{when} are logged under {home.predictions}.{others} "
        "A version that serves writes them about two seconds after it answered, unless log_share is 0."
    )
